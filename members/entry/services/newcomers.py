"""Newcomers: noticed, welcomed together, and handed to staff for the first days."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from activity.models import BuiltInKind, Event
from community_ops.lib.languages import language_of
from community_ops.lib.variables import filled
from delivery.models import Delivery, Missed
from delivery.services import Content, NewDelivery, deliveries_plan, message_create
from groups.channel import channel_kind
from groups.models import Group, GroupState
from members.entry.models import EntryPlan, Newcomer
from members.entry.services.plans import entry_plan
from members.entry.texts import names_said
from members.links import membership_link
from members.models import Membership, StaffTask
from members.work.services import task_draft, task_ensure, tasks_ensure

# Whoever joined longer ago is no newcomer to be greeted now: an import of history, or a night without a worker.
FRESH = timedelta(hours=6)
WELCOME_LATE = timedelta(hours=2)
TOLD_WITHIN = timedelta(days=1)
# So long somebody who has not introduced themselves is asked to.
SHY = timedelta(days=30)
TASK = "newcomer"
REMIND = "introductions"


def group_words(group: Group) -> dict[str, str]:
    """What the variables of a text mean that is said to the whole group."""
    return {
        "group": group.name,
        "purpose": group.purpose,
        "promise": group.promise,
        "slogan": group.slogan,
        "rules_link": f"{settings.PUBLIC_URL}{reverse('member:group', args=[group.page_token])}#rules",
    }


def personal_words(membership: Membership) -> dict[str, str]:
    """What the variables of a text mean that is said to one member: the link to the rules is their own."""
    return {
        **group_words(membership.group),
        "name": membership.member.name,
        "rules_link": membership_link(membership),
    }


def welcome_words(*, plan: EntryPlan, memberships: Sequence[Membership]) -> str:
    """The welcome as these newcomers would get it. Needs their members with whoever invited them."""
    text = plan.welcome_text
    inviters = dict.fromkeys(
        membership.member.invited_by.name for membership in memberships if membership.member.invited_by
    )
    values = group_words(plan.group) | {
        "name": names_said([membership.member.name for membership in memberships], text),
        "inviter": names_said(list(inviters), text),
    }
    return filled(text, values)


def joined_lately(*, group_ids: Collection[int], now: datetime) -> list[tuple[Membership, datetime]]:
    """Who joined these groups in the last hours and is there, each with the newest of their joinings; what lies
    further back is history that was imported, or a night without a worker."""
    joined = Event.objects.filter(kind__slug=BuiltInKind.JOINED, at__gt=now - FRESH, at__lte=now)
    fresh = {
        (member_id, group_id): at
        for member_id, group_id, at in joined.order_by("at").values_list("member_id", "group_id", "at")
        if group_id in group_ids
    }
    if not fresh:
        return []
    found = Membership.objects.present().filter(
        group_id__in=list(group_ids), member_id__in=[member_id for member_id, _group in fresh]
    )
    memberships = {(row.member_id, row.group_id): row for row in found.select_related("member")}
    return [(memberships[pair], at) for pair, at in fresh.items() if pair in memberships]


def is_another_joining(*, membership: Membership, before: datetime | None, at: datetime) -> bool:
    """Whether the joining at `at` is another than the one at `before`: a second event without a departure between is
    the same joining, told by another system."""
    left = membership.left_at
    return before is None or (left is not None and before < left < at)


def newcomers_note(*, now: datetime) -> int:
    """Writes down who joined in the last hours in the groups that welcome or onboard; returns how many are new. Tasks
    for staff are made for whom the group onboards."""
    plans = EntryPlan.objects.filter(Q(welcomes=True) | Q(onboards=True), group__state=GroupState.ACTIVE)
    by_group = {plan.group_id: plan for plan in plans.select_related("group__branch")}
    fresh = joined_lately(group_ids=by_group.keys(), now=now)
    if not fresh:
        return 0
    last: dict[int, Newcomer] = {}
    known = Newcomer.objects.filter(membership_id__in=[membership.pk for membership, _at in fresh])
    for newcomer in known.order_by("number"):
        last[newcomer.membership_id] = newcomer
    drafts = []
    for membership, at in fresh:
        before = last.get(membership.pk)
        if is_another_joining(membership=membership, before=before.joined_at if before else None, at=at):
            number = before.number + 1 if before else 1
            drafts.append(Newcomer(membership=membership, group_id=membership.group_id, number=number, joined_at=at))
    with transaction.atomic():
        Newcomer.objects.bulk_create(drafts, ignore_conflicts=True, batch_size=500)
        _tasks_make(by_group, now)
    return len(drafts)


def _tasks_make(plans: dict[int, EntryPlan], now: datetime) -> None:
    onboarding = [number for number, plan in plans.items() if plan.onboards]
    newcomers = Newcomer.objects.filter(group_id__in=onboarding, joined_at__gt=now - FRESH)
    known = StaffTask.objects.filter(kind=TASK, subject_id__in=newcomers.values("pk")).values_list("subject_id")
    drafts = []
    for newcomer in newcomers.exclude(pk__in=known).select_related("membership__member", "membership__group__branch"):
        plan, words = plans[newcomer.group_id], personal_words(newcomer.membership)
        drafts.append(
            task_draft(
                kind=TASK,
                key=f"newcomer:{newcomer.pk}",
                due_at=newcomer.joined_at + TOLD_WITHIN,
                now=now,
                group=newcomer.membership.group,
                member=newcomer.membership.member,
                subject_id=newcomer.pk,
                data={"words": filled(f"{plan.befriend_text}\n\n{plan.tell_text}".strip(), words)},
            )
        )
    tasks_ensure(drafts)


def welcomes_due(*, now: datetime) -> list[int]:
    """The groups in which somebody has waited for a welcome as long as newcomers are gathered."""
    plans = EntryPlan.objects.filter(welcomes=True, group__state=GroupState.ACTIVE)
    minutes = dict(plans.values_list("group_id", "welcome_minutes"))
    unmet = Newcomer.objects.unmet(now - FRESH).filter(group_id__in=list(minutes))
    waiting = unmet.order_by("joined_at").values_list("group_id", "joined_at")
    return sorted({group for group, at in waiting if at <= now - timedelta(minutes=minutes[group])})


def welcome_send(*, group_id: int, now: datetime) -> int:
    """Welcomes everybody in a group who was not welcomed yet, in one message; returns how many that are.

    The message goes the way of posts, to the channel of the group.
    """
    with transaction.atomic():
        # Two sweeps at once: the second finds nobody left.
        group = Group.objects.select_for_update(no_key=True, of=("self",)).get(pk=group_id)
        plan = EntryPlan.objects.filter(group=group, welcomes=True).first()
        if plan is None or not group.may_be_posted_to:
            return 0
        plan.group = group
        unmet = Newcomer.objects.unmet(now - FRESH).filter(group=group).order_by("joined_at", "pk")
        newcomers = list(unmet.select_related("membership__member__invited_by"))
        present = [newcomer for newcomer in newcomers if newcomer.membership.is_present]
        if not present:
            return 0
        key = f"welcome-{present[0].pk}"
        with translation.override(language_of(plan.welcome_text)):
            title = _("Welcome to %(group)s") % {"group": group.name}
        text = welcome_words(plan=plan, memberships=[newcomer.membership for newcomer in present])
        message = message_create(content=Content(title=title[:200], text=text))
        row = NewDelivery(
            dedupe_key=key,
            kind=channel_kind(group),
            destination_id=group.destination_id,
            group_id=group.pk,
            group_ref=group.external_id,
            due_at=now,
            missed=Missed.LATE,
            late_until=now + WELCOME_LATE,
        )
        deliveries_plan(message=message, rows=[row])
        delivery = Delivery.objects.get(kind=row.kind, dedupe_key=key)
        Newcomer.objects.filter(pk__in=[newcomer.pk for newcomer in present]).update(
            welcomed_at=now, delivery_id=delivery.pk
        )
    return len(present)


def introductions_remind(*, by: User, group: Group, now: datetime) -> int:
    """Gives staff the words that ask those who joined lately and were not heard of yet to introduce themselves, as a
    task for today; returns how many people that are. Asked again on the same day, it is the same task."""
    shy = Membership.objects.present().filter(group=group, introduced_at=None, joined_at__gt=now - SHY)
    names = list(shy.order_by("-joined_at", "pk").values_list("member__name", flat=True))
    if names:
        text = entry_plan(group).remind_text
        with transaction.atomic():
            task_ensure(
                kind=REMIND,
                key=f"introductions:{group.pk}:{timezone.localdate(now)}",
                due_at=now,
                now=now,
                group=group,
                data={
                    "words": filled(text, group_words(group) | {"name": names_said(names, text)}),
                    "number": len(names),
                },
            )
            audit_record(by=by, action="entry.introductions_asked", subject=group, after={"members": len(names)})
    return len(names)
