from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from community_ops.lib.forms import MarkedForm
from members.imports.importers import importer_choices


class NameForm(MarkedForm):
    name = forms.CharField(label=_("Name"), max_length=120)


class UploadForm(MarkedForm):
    kind = forms.ChoiceField(label=_("What is in the file"))
    file = forms.FileField(label=_("File"), help_text=_("CSV, gzip or XLSX, at most 256 MB"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = importer_choices()  # type: ignore[attr-defined]
        self.fields["file"].widget.attrs["accept"] = ".csv,.gz,.xlsx,.txt,.tsv"
