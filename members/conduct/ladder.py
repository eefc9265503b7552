"""What strikes lead to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from groups.models import Action, Rule, RuleSetVersion

ORDER: dict[str, int] = {"": 0, Action.REMIND: 1, Action.WARN: 2, Action.MUTE: 3, Action.REMOVE: 4}


def hardest(actions: Iterable[str]) -> str:
    """The hardest of these actions."""
    return max(actions, key=lambda action: ORDER[action], default="")


def leading(rules: Sequence[Rule]) -> Rule:
    """Of the rules that one message broke, the one that decides: the hardest action, then the most strikes."""
    return max(rules, key=lambda rule: (ORDER[rule.action], rule.strikes, -rule.position))


def action_for(*, version: RuleSetVersion, action: str, strikes: int, standing: int) -> str:
    """What follows from a breach: what its rule asks for, or the step of the ladder that `standing` strikes reach when
    that is harder. A breach that counts no strike does not climb the ladder."""
    if not strikes:
        return action
    steps = [step["action"] for step in version.ladder if step["strikes"] <= standing]
    return hardest([action, *steps])
