"""Rules in words: `{% load rules %}`."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import pgettext

from groups.rules.content import RuleContent
from groups.rules.detection.params import LISTS
from groups.rules.words import detector_words, param_words, shown, step_words

register = template.Library()
SHOWN_WORDS = 60


@register.filter
def word_of(value: str, name: str) -> str:
    """The label of a category, detector, action, or of what a draft does to a rule ("kind")."""
    if name == "kind":
        return {
            "added": pgettext("rule in a comparison", "Added"),
            "removed": pgettext("rule in a comparison", "Removed"),
            "changed": pgettext("rule in a comparison", "Changed"),
            "moved": pgettext("rule in a comparison", "Moved"),
        }.get(value, "")
    return shown(name, value)


@register.filter
def looks_for(rule: RuleContent) -> str:
    """What a rule looks for, in a sentence."""
    return detector_words(rule.detector, rule.params)


@register.filter
def step_of(step: dict[str, Any]) -> str:
    return step_words(step)


@register.filter
def param_lists(rule: RuleContent) -> list[tuple[str, list[str], int]]:
    """The lists of a rule that hold something: label, the first items, how many more."""
    lists = [(param_words(rule.detector, name), rule.params[name]) for name in LISTS.get(rule.detector, ())]
    return [(label, items[:SHOWN_WORDS], max(0, len(items) - SHOWN_WORDS)) for label, items in lists if items]


@register.filter
def get(values: dict[str, Any], key: str) -> Any:
    """The value of a key that a variable holds."""
    return values.get(key, "")
