"""Noticing broken rules in messages.

`compiled_for(version_id)` makes the rules of a version ready, `compiled_from(rules)` those of a draft that is not
saved. `CompiledRules.check` is pure: a message and the member's recent ones in, hits out. docs/rules.md tells what each
detector catches and what it leaves out on purpose.
"""

from __future__ import annotations

from groups.rules.detection.compiled import CompiledRules, compiled_from
from groups.rules.detection.loading import compiled_for
from groups.rules.detection.params import ParamsError, params_check
from groups.rules.detection.values import Hit, Message, MessageType, RuleSpec, detail_words

__all__ = [
    "CompiledRules",
    "Hit",
    "Message",
    "MessageType",
    "ParamsError",
    "RuleSpec",
    "compiled_for",
    "compiled_from",
    "detail_words",
    "params_check",
]
