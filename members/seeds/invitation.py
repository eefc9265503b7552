"""Inviting a seed user in person: the task of the owner, the words at hand, and what an answer leads to."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from accounts.models import User
from accounts.policies import policy_get
from members.seeds.criteria import SeedPolicy
from members.seeds.models import SeedProfile, SeedStage, SeedUser
from members.seeds.services.pipeline import INVITE_TASK, invitation_ensure, seed_move, seed_move_undo, seed_update
from members.work.kinds import Outcome, TaskKind
from members.work.models import StaffTask, TaskState
from members.work.services import tasks_cancel

ACCEPTED, LATER, DECLINED, NOT_REACHED = "accepted", "later", "declined", "not_reached"


def invitation_words(seed: SeedUser, policy: SeedPolicy) -> str:
    """A personal invitation to copy and to change: what the group is for, what this person did, what is offered."""
    parts = [_("Hello %(name)s,") % {"name": seed.member.name}]
    if seed.group and seed.group.purpose:
        parts.append(
            _("in “%(group)s” we want this: %(purpose)s") % {"group": seed.group, "purpose": seed.group.purpose}
        )
    if record := _record(seed, policy):
        parts.append(record)
    parts.append(
        _("We would like you to be one of the first to try what is new, and to tell us frankly what is not good yet.")
    )
    if policy.offer:
        parts.append(policy.offer)
    parts.append(_("Would you join us?"))
    return "\n".join(parts)


def _record(seed: SeedUser, policy: SeedPolicy) -> str:
    profile = SeedProfile.objects.filter(member=seed.member_id).first()
    if profile is None:
        return ""
    said = []
    if number := profile.answers:
        said.append(
            ngettext("answered %(number)d question", "answered %(number)d questions", number) % {"number": number}
        )
    if number := profile.invited:
        said.append(
            ngettext("brought %(number)d new member", "brought %(number)d new members", number) % {"number": number}
        )
    if number := profile.active_days:
        said.append(
            ngettext("took part on %(number)d day", "took part on %(number)d days", number) % {"number": number}
        )
    if not said:
        return ""
    comma = pgettext_lazy("between facts about a person", ", ")
    return _("In the last %(days)d days you %(facts)s. We noticed, and thank you for it.") % {
        "days": policy.window_days,
        "facts": str(comma).join(said[:2]),
    }


def _settled(task: StaffTask, by: User, now: datetime) -> None:
    seed = SeedUser.objects.filter(pk=task.subject_id or 0, stage=SeedStage.INVITED).first()
    if task.state == TaskState.SKIPPED or seed is None:
        return
    if task.outcome == ACCEPTED:
        try:
            with transaction.atomic():
                seed_move(by=by, now=now, seed=seed, to=SeedStage.ACCEPTED, note=task.note)
        except ValidationError:
            # The member left the group that was meant: they accepted all the same, and get a group later.
            seed_update(by=by, now=now, seed=seed, changes={"group": None})
            seed_move(by=by, now=now, seed=seed, to=SeedStage.ACCEPTED, note=task.note)
    elif task.outcome == DECLINED:
        seed_move(by=by, now=now, seed=seed, to=SeedStage.DROPPED, note=task.note or _("Declined the invitation"))
    else:
        invitation_ensure(now=now, seed=seed, days=policy_get(SeedPolicy).follow_up_days)


def _reopened(task: StaffTask, by: User, now: datetime) -> None:
    """The card goes back where the outcome took it from, unless it was moved on since."""
    seed = SeedUser.objects.filter(pk=task.subject_id or 0).first()
    if seed is None or not task.outcome:
        return
    last = seed.moves.first()
    if task.outcome in (ACCEPTED, DECLINED) and last and last.at == task.settled_at:
        seed_move_undo(by=by, now=now, seed=seed, move=last)
    # The task itself is about to be open again; one is enough.
    tasks_cancel(now=now, kind=INVITE_TASK, subject_id=seed.pk)


INVITATION = TaskKind(
    slug=INVITE_TASK,
    label=gettext_lazy("Invite a seed user"),
    icon="user-plus",
    sentence=lambda task: _("Invite %(member)s in person as a seed user") % {"member": task.member},
    outcomes=(
        Outcome(ACCEPTED, pgettext_lazy("answer to an invitation", "Accepted")),
        Outcome(LATER, pgettext_lazy("answer to an invitation", "Thinks about it"), asks_note=True),
        Outcome(DECLINED, pgettext_lazy("answer to an invitation", "Declined"), asks_note=True),
        Outcome(NOT_REACHED, pgettext_lazy("answer to an invitation", "Not reached")),
    ),
    link=lambda task: reverse("members:seed", args=[task.subject_id]),
    settled=_settled,
    reopened=_reopened,
)
