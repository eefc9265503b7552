from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from analytics.saved.models import SavedReport, Sharing
from community_ops.lib.forms import MarkedForm


class SavedReportForm(MarkedForm):
    """A name and who else sees it; a new one may go onto the dashboard at once."""

    name = forms.CharField(label=_("Name"), max_length=80, widget=forms.TextInput(attrs={"translate": "no"}))
    sharing = forms.ChoiceField(
        label=pgettext_lazy("report", "Shared with"),
        choices=Sharing.choices,
        help_text=_("You share the question. Each person sees only the members and groups that they may see."),
    )
    pin = forms.BooleanField(label=_("Show it on my dashboard"), required=False, initial=True)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, owner: User, report: SavedReport | None = None, **kwargs: Any) -> None:
        initial = kwargs.pop("initial", {})
        if report:
            initial = {"name": report.name, "sharing": report.sharing, "version": report.version}
        super().__init__(*args, initial=initial, **kwargs)
        if owner.is_headquarters:
            field = self.fields["sharing"]
            assert isinstance(field, forms.ChoiceField)
            named = {Sharing.BRANCH.value: pgettext_lazy("shared with", "Headquarters")}
            field.choices = [(value, named.get(value, label)) for value, label in Sharing.choices]
        self.fields["pin"].widget.attrs["class"] = "form-check-input"
        if report:
            del self.fields["pin"]
        else:
            del self.fields["version"]
