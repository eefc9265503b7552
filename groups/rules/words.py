"""Rules as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from groups.rules.models import Action, Category, Detector

FIELD_WORDS = {
    "preamble": gettext_lazy("Preamble"),
    "ladder": gettext_lazy("Ladder"),
    "strike_days": gettext_lazy("A strike counts for (days)"),
    "text": pgettext_lazy("field", "Rule"),
    "category": gettext_lazy("Category"),
    "detector": gettext_lazy("Noticed by"),
    "action": gettext_lazy("What follows at once"),
    "strikes": gettext_lazy("Strikes"),
    "reporter_points": gettext_lazy("Points for the reporter"),
}
PARAM_WORDS = {
    ("keywords", "words"): gettext_lazy("Keywords"),
    ("keywords", "except"): gettext_lazy("Innocent words"),
    ("keywords", "whole_words"): gettext_lazy("Latin words count as whole words only"),
    ("pattern", "patterns"): gettext_lazy("Patterns"),
    ("link", "allow"): gettext_lazy("Allowed domains"),
    ("link", "mini_programs"): gettext_lazy("Mini programs count as links"),
    ("link", "passphrases"): gettext_lazy("Shop passphrases count as links"),
    ("contact", "cards"): gettext_lazy("Contact cards"),
    ("contact", "accounts"): gettext_lazy("Account names of WeChat and QQ"),
    ("contact", "phones"): gettext_lazy("Mobile numbers"),
    ("contact", "qr"): gettext_lazy("QR codes and calls to scan them"),
    ("contact", "allow"): gettext_lazy("Our own numbers and account names"),
    ("flood", "messages"): gettext_lazy("So many messages are a flood"),
    ("flood", "seconds"): gettext_lazy("Within (seconds)"),
    ("flood", "same"): gettext_lazy("So often the same text is a flood"),
    ("flood", "same_seconds"): gettext_lazy("The same text within (seconds)"),
    ("split", "messages"): gettext_lazy("So many short messages"),
    ("split", "seconds"): gettext_lazy("Within (seconds)"),
    ("split", "length"): gettext_lazy("A message is short up to (characters)"),
}
CHOICES: dict[str, Any] = {"category": Category, "detector": Detector, "action": Action}


def shown(name: str, value: Any) -> str:
    """A field's value in words."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name in CHOICES and value in CHOICES[name].values:
        return str(CHOICES[name](value).label)
    return "" if value is None else str(value)


def param_words(detector: str, name: str) -> str:
    return str(PARAM_WORDS.get((detector, name), name))


def ladder_words(ladder: Iterable[dict[str, Any]]) -> str:
    """The ladder in one line: "1 strike: Remind; 3 strikes: Mute"."""
    return "; ".join(step_words(step) for step in ladder)


def step_words(step: dict[str, Any]) -> str:
    strikes = step["strikes"]
    count = ngettext("%(strikes)s strike", "%(strikes)s strikes", strikes) % {"strikes": strikes}
    return _("%(count)s: %(action)s") % {"count": count, "action": Action(step["action"]).label}


def detector_words(detector: str, params: dict[str, Any]) -> str:
    """What a rule looks for, in a sentence."""
    if detector == Detector.KEYWORDS:
        count = len(params["words"])
        text = ngettext("%(count)s keyword", "%(count)s keywords", count) % {"count": f"{count:,}"}
        if params["except"]:
            number = len(params["except"])
            text += _(", ") + ngettext("%(count)s innocent word", "%(count)s innocent words", number) % {
                "count": number
            }
        return text
    if detector == Detector.PATTERN:
        count = len(params["patterns"])
        return ngettext("%(count)s pattern", "%(count)s patterns", count) % {"count": count}
    if detector == Detector.LINK:
        if params["allow"]:
            named = str(_(", ")).join(params["allow"][:5]) + (" …" if len(params["allow"]) > 5 else "")
            return _("links, except to %(domains)s") % {"domains": named}
        return _("every link")
    if detector == Detector.CONTACT:
        kinds = [param_words(detector, name) for name in ("cards", "accounts", "phones", "qr") if params[name]]
        return _(", ").join(kinds)
    if detector == Detector.FLOOD:
        parts = []
        if params["messages"]:
            parts.append(_("%(messages)s messages in %(seconds)s seconds") % params)
        if params["same"]:
            parts.append(_("the same text %(same)s times in %(same_seconds)s seconds") % params)
        return _(", ").join(parts)
    if detector == Detector.SPLIT:
        return _("a question in %(messages)s messages of at most %(length)s characters in %(seconds)s seconds") % params
    return _("reported by people")
