"""What the detectors can be told, checked and put in one form.

keywords: words, except (lists of text), whole_words
pattern: patterns (list of text)
link: allow (domains), mini_programs, passphrases
contact: cards, accounts, phones, qr (each whether it counts), allow (own numbers and account names)
flood: messages in seconds, the same text `same` times in same_seconds; 0 switches one of the two off
split: messages of at most `length` characters in seconds, one of them asking something
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.rules.detection.bursts import DEFAULTS
from groups.rules.detection.folding import fold_bare, fold_plain
from groups.rules.detection.patterns import PatternError, pattern_check

MOST_WORDS = 20_000
LONGEST_WORD = 60
MOST_PATTERNS = 50
MOST_MESSAGES = 100
LONGEST_TIME = 3600
FLAGS = {
    "keywords": {"whole_words": True},
    "link": {"mini_programs": False, "passphrases": True},
    "contact": {"cards": True, "accounts": True, "phones": True, "qr": True},
}
LISTS = {"keywords": ("words", "except"), "pattern": ("patterns",), "link": ("allow",), "contact": ("allow",)}
LIMITS = {
    "flood": {"messages": (0, MOST_MESSAGES), "same": (0, MOST_MESSAGES)},
    "split": {"messages": (2, MOST_MESSAGES), "length": (1, 200)},
}
DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")


class ParamsError(ValueError):
    """What is wrong with the params of a detector: pairs of a param's name and what to mend, in words."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__(errors)
        self.errors = errors


def params_check(detector: str, params: dict[str, Any]) -> dict[str, Any]:
    """The params in full and in one form: defaults filled in, lists without blanks and doubles. Raises ParamsError."""
    errors: list[tuple[str, str]] = []
    if not isinstance(params, dict):
        raise ParamsError([("", _("Give the settings of the detector as names and values."))])
    known = {*LISTS.get(detector, ()), *FLAGS.get(detector, {}), *DEFAULTS.get(detector, {})}
    errors += [(str(name), _("This detector knows no such setting.")) for name in params if name not in known]
    clean: dict[str, Any] = {}
    for name in LISTS.get(detector, ()):
        clean[name] = _texts(name, params.get(name, []), errors)
    for name, default in FLAGS.get(detector, {}).items():
        clean[name] = params.get(name, default)
        if not isinstance(clean[name], bool):
            errors.append((name, _("Say true or false.")))
    for name, number in DEFAULTS.get(detector, {}).items():
        least, most = LIMITS[detector].get(name, (1, LONGEST_TIME))
        clean[name] = params.get(name, number)
        if isinstance(clean[name], bool) or not isinstance(clean[name], int) or not least <= clean[name] <= most:
            errors.append((name, _("Give a whole number from %(least)s to %(most)s.") % {"least": least, "most": most}))
    if not errors:
        errors += _unfit(detector, clean)
    if errors:
        raise ParamsError(errors)
    return clean


def words_sort(words: Iterable[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The words that can be looked for, in their order, and the others with the reason: doubles once folded, too long,
    or with no letter left."""
    kept: dict[str, str] = {}
    rejected: list[tuple[str, str]] = []
    for word in (word.strip() for word in words):
        folded = fold_bare(word)
        if not word:
            continue
        if len(word) > LONGEST_WORD:
            rejected.append(
                (word, ngettext("longer than %d character", "longer than %d characters", LONGEST_WORD) % LONGEST_WORD)
            )
        elif not folded or (len(folded) < 2 and folded.isascii()):
            rejected.append((word, _("too little is left of it without signs and spaces")))
        elif folded in kept:
            rejected.append((word, _("reads the same as “%(word)s”") % {"word": kept[folded]}))
        else:
            kept[folded] = word
    return list(kept.values()), rejected


def _texts(name: str, value: Any, errors: list[tuple[str, str]]) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        errors.append((name, _("Give a list of texts.")))
        return []
    return list(dict.fromkeys(stripped for one in value if (stripped := one.strip())))


def _unfit(detector: str, params: dict[str, Any]) -> list[tuple[str, str]]:
    errors: list[tuple[str, str]] = []
    if detector == "keywords":
        for name in ("words", "except"):
            params[name], rejected = words_sort(params[name])
            errors += [
                (name, f"“{word}”: {reason}")
                for word, reason in rejected
                if fold_bare(word) not in {fold_bare(kept) for kept in params[name]}
            ][:5]
            if len(params[name]) > MOST_WORDS:
                errors.append((name, _("At most %(most)s words.") % {"most": MOST_WORDS}))
        forbidden = {fold_bare(word) for word in params["words"]}
        errors += [
            ("except", _("“%(word)s” reads the same as a keyword: nothing would be found.") % {"word": word})
            for word in params["except"]
            if fold_bare(word) in forbidden
        ][:5]
        if not params["words"] and not errors:
            errors.append(("words", _("Name at least one word.")))
    elif detector == "pattern":
        if not params["patterns"]:
            errors.append(("patterns", _("Write at least one pattern.")))
        if len(params["patterns"]) > MOST_PATTERNS:
            errors.append(("patterns", _("At most %(most)s patterns.") % {"most": MOST_PATTERNS}))
        for number, pattern in enumerate(params["patterns"][:MOST_PATTERNS], start=1):
            try:
                pattern_check(pattern)
            except PatternError as error:
                errors.append(("patterns", _pattern_words(number, pattern, error)))
    elif detector == "link":
        params["allow"] = [
            fold_plain(domain).removeprefix("https://").removeprefix("http://").rstrip("/")
            for domain in params["allow"]
        ]
        errors += [
            ("allow", _("“%(domain)s” is no domain. Write it like example.com.") % {"domain": domain})
            for domain in params["allow"]
            if not DOMAIN.fullmatch(domain)
        ]
    elif detector == "contact" and not any(params[name] for name in FLAGS["contact"]):
        errors.append(("cards", _("Choose at least one kind of contact.")))
    elif detector == "flood" and not params["messages"] and not params["same"]:
        errors.append(("messages", _("Choose at least one of the two limits.")))
    return errors


def _pattern_words(number: int, pattern: str, error: PatternError) -> str:
    if error.place is None:
        return _("Line %(line)s: %(problem)s.") % {"line": number, "problem": error.message}
    return _("Line %(line)s, character %(place)s, at “%(rest)s”: %(problem)s.") % {
        "line": number,
        "place": error.place + 1,
        "rest": pattern[error.place : error.place + 12],
        "problem": error.message,
    }
