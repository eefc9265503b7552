from __future__ import annotations

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from community_ops.lib.checked_yaml import LARGEST
from community_ops.lib.forms import MarkedForm


class PresetForm(MarkedForm):
    """A preset as text; an uploaded file takes the place of what stands in the box."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    text = forms.CharField(
        required=False,
        strip=False,
        label=gettext_lazy("Text (YAML)"),
        widget=forms.Textarea(attrs={"rows": 28, "spellcheck": "false", "translate": "no", "data-yaml": ""}),
    )
    file = forms.FileField(
        required=False,
        label=gettext_lazy("Import a file"),
        help_text=gettext_lazy("A YAML file of up to 100 kB; it takes the place of the text above."),
    )

    def clean_file(self) -> str:
        file = self.cleaned_data["file"]
        if not file:
            return ""
        if file.size > LARGEST:
            raise forms.ValidationError(_("The file is larger than 100 kB."))
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise forms.ValidationError(_("The file is not UTF-8 text.")) from error

    def new_text(self) -> str:
        text: str = self.cleaned_data.get("file") or self.cleaned_data["text"]
        return text.replace("\r\n", "\n")
