"""Compiled rules of saved versions, kept in memory."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from groups.rules.detection.compiled import CompiledRules, compiled_from
from groups.rules.models import Rule, RuleSetVersion

MOST = 64
_kept: OrderedDict[str, CompiledRules] = OrderedDict()
_lock = Lock()


def compiled_for(version_id: int) -> CompiledRules:
    """The rules of a version, draft or not. One query while they are in memory, two when not.

    They are kept by what they say, not by their number: a saved draft, a restored backup or a copy is never mistaken
    for what stood there before, and equal rule sets share one.
    """
    fingerprint = RuleSetVersion.objects.values_list("fingerprint", flat=True).get(pk=version_id)
    with _lock:
        if fingerprint and (found := _kept.get(fingerprint)):
            _kept.move_to_end(fingerprint)
            return found
    compiled = compiled_from(Rule.objects.filter(version_id=version_id).only("code", "detector", "params"))
    with _lock:
        if fingerprint:
            _kept[fingerprint] = compiled
        while len(_kept) > MOST:
            _kept.popitem(last=False)
    return compiled
