"""The variables of a playbook's texts, and what they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from campaigns.content.variables import GROUP_VARIABLES, group_values
from campaigns.playbooks.models import Starts, StepKind
from community_ops.lib.variables import filled
from groups.models import Group
from members.entry.services.newcomers import group_words, personal_words
from members.entry.texts import names_said
from members.models import Membership

OF_GROUP: dict[str, Promise] = {**GROUP_VARIABLES, "rules_link": gettext_lazy("the address of the rules")}
OF_JOINED: dict[str, Promise] = {**OF_GROUP, "names": gettext_lazy("everybody who joined on that day")}
OF_MEMBER: dict[str, Promise] = {**OF_GROUP, "name": gettext_lazy("the name of the member")}


def variables_of(starts: str, kind: str) -> dict[str, Promise]:
    """The variables that a step of this kind knows."""
    if starts != Starts.JOINING:
        return OF_GROUP
    return OF_JOINED if kind == StepKind.MESSAGE else OF_MEMBER


def said_to_group(text: str, group: Group, memberships: Sequence[Membership], now: datetime) -> str:
    """A text as the group reads it, with those whom it is about."""
    values = group_values(group, now) | group_words(group)
    if memberships:
        values["names"] = names_said([membership.member.name for membership in memberships], text)
    return filled(text, values)


def said_by_hand(text: str, group: Group, membership: Membership | None, now: datetime) -> str:
    """A text as a member of the staff says it: to one member, where the run is one's."""
    return filled(text, group_values(group, now) | (personal_words(membership) if membership else group_words(group)))
