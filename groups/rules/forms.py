from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Branch, User
from community_ops.lib.forms import MarkedForm
from groups.rules.content import ContentError, RuleContent, VersionContent, content_from_yaml
from groups.rules.detection.bursts import DEFAULTS
from groups.rules.detection.params import FLAGS, LISTS
from groups.rules.models import Action, Category, Detector
from groups.rules.words import FIELD_WORDS, PARAM_WORDS

LARGEST_FILE = 2 << 20
BETWEEN_WORDS = re.compile(r"[\n\t,，、;；]+")
LADDER = tuple(Action)
LIST_HELP = {
    ("keywords", "words"): gettext_lazy(
        "One in each line, or with commas between. Width, case, spaces, signs, emoji and traditional characters make "
        "no difference."
    ),
    ("keywords", "except"): gettext_lazy(
        "Longer words that hold a keyword and mean no harm, such as “scattered” for “cat”."
    ),
    ("pattern", "patterns"): gettext_lazy(
        "One in each line, in RE2 syntax: 返利.{0,4}\\d+元. Text is compared in small letters, half width and "
        "simplified characters."
    ),
    ("link", "allow"): gettext_lazy(
        "One in each line, such as mp.weixin.qq.com. What stands below a domain is allowed too."
    ),
    ("contact", "allow"): gettext_lazy("One in each line. They may be written into the group by anybody."),
}


class CopyForm(MarkedForm):
    """A name, and for headquarters the branch that it belongs to."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    branch = forms.ModelChoiceField(
        Branch.objects.none(),
        label=gettext_lazy("Branch"),
        required=False,
        empty_label=gettext_lazy("Shared by all branches"),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        branch = self.fields["branch"]
        assert isinstance(branch, forms.ModelChoiceField)
        branch.queryset = Branch.objects.visible_to(user)
        branch.widget.attrs["translate"] = "no"
        if not user.is_headquarters:
            del self.fields["branch"]


class NewRuleSetForm(CopyForm):
    """A rule set from the shipped rules, or from a file."""

    file = forms.FileField(
        label=gettext_lazy("From a file (YAML)"),
        required=False,
        help_text=gettext_lazy(
            "A rule set that was exported here or elsewhere. Without a file it starts from the rules that come with "
            "the product: six things every group forbids."
        ),
        widget=forms.FileInput(attrs={"accept": ".yaml,.yml"}),
    )
    content: VersionContent | None = None

    def clean_file(self) -> None:
        file: UploadedFile[Any] | None = self.cleaned_data["file"]
        if file is None:
            return
        try:
            self.content = content_from_yaml(_text_of(file))[1]
        except ContentError as error:
            raise forms.ValidationError(
                [f"{path}: {words}" if path else words for path, words in error.errors]
            ) from None


class NameForm(MarkedForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)


class DetailsForm(MarkedForm):
    """Preamble, ladder, and how long a strike counts. `seen`: what it looked like when the form was opened."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    preamble = forms.CharField(
        label=FIELD_WORDS["preamble"],
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy(
            "Stands above the rules when members read them: why they are there, in a friendly voice."
        ),
    )
    strike_days = forms.IntegerField(
        label=FIELD_WORDS["strike_days"],
        min_value=1,
        max_value=3650,
        help_text=gettext_lazy("After so many days a strike is forgotten."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for action in LADDER:
            self.fields[f"at_{action.value}"] = forms.IntegerField(
                label=action.label,
                required=False,
                min_value=1,
                max_value=100,
                widget=forms.NumberInput(attrs={"class": "form-control"}),
            )

    @classmethod
    def initial_from(cls, content: VersionContent, seen: str) -> dict[str, Any]:
        steps = {f"at_{step['action']}": step["strikes"] for step in reversed(content.ladder)}
        return {"preamble": content.preamble, "strike_days": content.strike_days, "seen": seen, **steps}

    def steps(self) -> list[BoundField]:
        return [self[f"at_{action.value}"] for action in LADDER]

    def ladder(self) -> list[dict[str, Any]]:
        found = [(action.value, self.cleaned_data.get(f"at_{action.value}")) for action in LADDER]
        return [{"strikes": strikes, "action": action} for action, strikes in found if strikes]

    def clean(self) -> None:
        last = 0
        for action in LADDER:
            strikes = self.cleaned_data.get(f"at_{action.value}")
            if strikes:
                if strikes <= last:
                    self.add_error(f"at_{action.value}", _("A harder action needs more strikes than a milder one."))
                last = strikes


class RuleForm(MarkedForm):
    """A rule with the fields of its detector. `seen`: what the rule looked like when the form was opened."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    text = forms.CharField(
        label=FIELD_WORDS["text"],
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("As members read it: strict, clear, one thing only."),
    )
    category = forms.ChoiceField(label=FIELD_WORDS["category"], choices=Category.choices)
    detector = forms.ChoiceField(label=FIELD_WORDS["detector"], choices=Detector.choices)
    action = forms.ChoiceField(
        label=FIELD_WORDS["action"],
        choices=Action.choices,
        help_text=gettext_lazy("The least that follows. Earlier strikes may ask for more, by the ladder."),
    )
    strikes = forms.IntegerField(
        label=FIELD_WORDS["strikes"],
        min_value=0,
        max_value=100,
        help_text=gettext_lazy("How many strikes one breach counts for. 0: it is only noted."),
    )
    reporter_points = forms.IntegerField(
        label=FIELD_WORDS["reporter_points"],
        min_value=0,
        max_value=10_000,
        help_text=gettext_lazy("Given to the member whose report was confirmed."),
    )

    def __init__(self, *args: Any, detector: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.detector_key = detector
        for name in LISTS.get(detector, ()):
            self.fields[f"p_{name}"] = forms.CharField(
                label=PARAM_WORDS[detector, name],
                required=False,
                strip=False,
                help_text=LIST_HELP[detector, name],
                widget=forms.Textarea(
                    attrs={
                        "rows": 8 if name in ("words", "patterns") else 3,
                        "class": "form-control",
                        "translate": "no",
                        "spellcheck": "false",
                    }
                ),
            )
        if detector == Detector.KEYWORDS:
            self.fields["file"] = forms.FileField(
                label=gettext_lazy("More keywords from a file"),
                required=False,
                help_text=gettext_lazy("CSV or text; the first column of each row. They are added to those above."),
                widget=forms.FileInput(attrs={"accept": ".csv,.txt", "class": "form-control"}),
            )
        for name in DEFAULTS.get(detector, {}):
            self.fields[f"p_{name}"] = forms.IntegerField(
                label=PARAM_WORDS[detector, name],
                widget=forms.NumberInput(attrs={"class": "form-control"}),
                help_text=gettext_lazy("0 switches it off.")
                if detector == Detector.FLOOD and name in ("messages", "same")
                else "",
            )
        for name in FLAGS.get(detector, {}):
            self.fields[f"p_{name}"] = forms.BooleanField(
                label=PARAM_WORDS[detector, name],
                required=False,
                widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
            )

    @classmethod
    def initial_from(cls, rule: RuleContent, detector: str, seen: str) -> dict[str, Any]:
        params = rule.params if rule.detector == detector else {}
        values: dict[str, Any] = {
            "seen": seen,
            "detector": detector,
            **{name: getattr(rule, name) for name in ("text", "category", "action", "strikes", "reporter_points")},
        }
        for name in LISTS.get(detector, ()):
            values[f"p_{name}"] = "\n".join(params.get(name, ()))
        for name, default in {**DEFAULTS.get(detector, {}), **FLAGS.get(detector, {})}.items():
            values[f"p_{name}"] = params.get(name, default)
        return values

    def params_given(self) -> dict[str, Any]:
        """The params as they are typed, whether they can be saved or not. The form has been checked."""
        found: dict[str, Any] = {}
        for name in LISTS.get(self.detector_key, ()):
            typed = self.cleaned_data.get(f"p_{name}") or ""
            found[name] = typed.splitlines() if name == "patterns" else BETWEEN_WORDS.split(typed)
        if file := self.cleaned_data.get("file"):
            found["words"] += words_from(_text_of(file))
        for name, default in {**DEFAULTS.get(self.detector_key, {}), **FLAGS.get(self.detector_key, {})}.items():
            found[name] = self.cleaned_data.get(f"p_{name}", default)
        return found

    def rule(self, code: str) -> RuleContent:
        """The rule as it is typed. The form is valid."""
        names = ("text", "category", "action", "strikes", "reporter_points")
        return replace(
            RuleContent(**{name: self.cleaned_data[name] for name in names}),
            code=code,
            detector=self.detector_key,
            params=self.params_given(),
        )

    def add_content_errors(self, error: ContentError) -> None:
        """Puts what the services refused beside its field."""
        for path, words in error.errors:
            *_rest, name = path.split("/")
            key = f"p_{name}" if "/params/" in path else name
            self.add_error(key if key in self.fields else None, words)

    def of_detector(self) -> list[BoundField]:
        return [self[name] for name in self.fields if name.startswith("p_") or name == "file"]

    def clean_file(self) -> UploadedFile[Any] | None:
        file: UploadedFile[Any] | None = self.cleaned_data["file"]
        if file and (file.size or 0) > LARGEST_FILE:
            raise forms.ValidationError(_("The file is too large: at most 2 MB."))
        return file


class PublishForm(MarkedForm):
    revision = forms.IntegerField(widget=forms.HiddenInput)
    reacknowledge = forms.BooleanField(
        label=gettext_lazy("Members must read it again"),
        required=False,
        help_text=gettext_lazy("Those who had acknowledged an earlier version are asked again."),
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )
    note = forms.CharField(
        label=gettext_lazy("What changed, for members"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("One sentence that is shown beside the rules."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reacknowledge"].widget.attrs["class"] = "form-check-input"


def words_from(text: str) -> list[str]:
    """The first column of a CSV or text file."""
    return [row[0] for row in csv.reader(io.StringIO(text)) if row and row[0].strip()]


def _text_of(file: UploadedFile[Any]) -> str:
    """A small uploaded file as text: UTF-8 with or without BOM, or GB18030 as spreadsheets in China write it."""
    if (file.size or 0) > LARGEST_FILE:
        raise ContentError([("", _("The file is too large: at most 2 MB."))])
    file.seek(0)
    raw: bytes = file.read()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            return raw.decode("gb18030")
        except UnicodeDecodeError:
            raise ContentError([("", _("The file is no text in UTF-8 or GB18030."))]) from None
