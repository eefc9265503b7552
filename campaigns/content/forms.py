from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from campaigns.content.marking import MarksVariables
from campaigns.content.models import Level, Piece, PieceKind, PieceState
from campaigns.content.services import plain
from campaigns.content.variables import PERSONAL_VARIABLES
from community_ops.lib.images import ACCEPTED
from delivery.models import Picture, Value

SEPARATORS = str.maketrans("，、;；\n", ",,,,,")


def names_in(text: str) -> list[str]:
    """The tags somebody typed, however they part them."""
    return [name.strip() for name in text.translate(SEPARATORS).split(",") if name.strip()]


class PieceForm(MarksVariables):
    """A piece as it is written. Saving is done by the services.

    An uploaded picture is taken in before the rest is right, so that it is not lost: `picture_token` names it then.
    """

    known_variables = PERSONAL_VARIABLES
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    kind = forms.ChoiceField(label=_("Kind"), choices=PieceKind.choices, initial=PieceKind.ARTICLE)
    title = forms.CharField(label=_("Title"), max_length=200, widget=forms.TextInput(attrs={"translate": "no"}))
    # Stripped by the services, so that places of mistakes are those of the box.
    text = forms.CharField(
        label=_("Text"), max_length=5000, strip=False, widget=forms.Textarea(attrs={"rows": 9, "translate": "no"})
    )
    link = forms.CharField(
        label=_("Link"),
        max_length=500,
        required=False,
        widget=forms.URLInput(attrs={"translate": "no", "placeholder": "https://"}),
    )
    link_title = forms.CharField(
        label=_("Words of the link"),
        max_length=100,
        required=False,
        help_text=_("What members tap on. Empty: the address itself."),
        widget=forms.TextInput(attrs={"translate": "no"}),
    )
    picture = forms.FileField(
        label=_("Picture"),
        required=False,
        help_text=_("JPEG, PNG, WebP or GIF, at most 10 MB. It is kept without what it tells of place and camera."),
        widget=forms.FileInput(attrs={"accept": ACCEPTED}),
    )
    picture_token = forms.CharField(required=False, max_length=22, widget=forms.HiddenInput)
    picture_remove = forms.BooleanField(label=_("Without the picture"), required=False)
    value = forms.ChoiceField(
        label=pgettext_lazy("content", "Value"),
        choices=[("", "–"), *Value.choices],
        help_text=_("What it gives its readers."),
    )
    level = forms.ChoiceField(label=_("Level"), choices=[("", "–"), *Level.choices], required=False)
    tags = forms.CharField(
        label=_("Tags"),
        required=False,
        max_length=500,
        help_text=_("Separate them by commas; new ones are made."),
        widget=forms.TextInput(attrs={"translate": "no", "list": "known-tags", "autocomplete": "off"}),
    )
    branch = forms.ModelChoiceField(
        Branch.objects.all(), label=_("Branch"), required=False, empty_label=_("Shared by all branches")
    )
    state = forms.ChoiceField(label=_("State"), choices=PieceState.choices, initial=PieceState.READY)

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        user: User,
        piece: Piece | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        self.user = user
        names = ("version", "kind", "title", "text", "link", "link_title", "value", "level", "branch", "state")
        held = {name: getattr(piece, name) for name in names} if piece else {}
        if piece:
            held["tags"] = ", ".join(tag.name for tag in piece.tags.all())
            held["picture_token"] = piece.picture.token if piece.picture else ""
        super().__init__(data, files, initial={**held, **(initial or {})})
        self.fields["picture_remove"].widget.attrs["class"] = "form-check-input"
        if user.branch_id is not None:
            del self.fields["branch"]

    def clean_title(self) -> str:
        title: str = self.cleaned_data["title"]
        return self.mark_unknown("title", title)

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        if not text.strip():
            raise ValidationError(self.fields["text"].error_messages["required"], code="required")
        return self.mark_unknown("text", text.replace("\r\n", "\n"))

    @property
    def shown_picture(self) -> Picture | None:
        """The picture that was chosen already, within reach of the person."""
        token = str(self["picture_token"].value() or "")
        found = Picture.objects.filter(token=token).first() if token else None
        if found and (self.user.branch_id is None or found.branch_id in (None, self.user.branch_id)):
            return found
        return None

    def values(self) -> dict[str, Any]:
        """The fields as the services take them, without picture and tags."""
        names = ("kind", "title", "text", "link", "link_title", "value", "level", "state")
        values: dict[str, Any] = {name: self.cleaned_data[name] for name in names}
        values["text"] = plain(values["text"])
        return values

    def tag_names(self) -> list[str]:
        return names_in(self.cleaned_data["tags"])
