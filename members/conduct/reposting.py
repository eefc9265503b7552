"""Rules are repeated from time to time, and what is written may be kept, where the group wants it."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime, time, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import audit_record, changed_fields
from accounts.models import User
from delivery.models import Missed
from delivery.services import Content, NewDelivery, deliveries_plan, message_create
from groups.channel import channel_kind
from groups.models import Group, GroupState, RuleSetVersion
from members.conduct.acknowledgements import version_in_force
from members.conduct.models import Every, GroupConduct, KeptMessage
from members.conduct.words import language_of

# When nothing could be sent for so long, the rules wait for their next time.
LATE = timedelta(hours=12)


def rules_text(version: RuleSetVersion) -> str:
    """The rules as members read them in a message."""
    lines = [version.preamble.strip()] if version.preamble.strip() else []
    lines += [f"{number}. {rule.text}" for number, rule in enumerate(version.rules.all(), start=1)]
    return "\n".join(lines)


def next_repost(*, every: str, day: int, hour: int, after: datetime) -> datetime | None:
    """The next local day and hour later than `after`. Weekday 0 is Monday; a month that is too short takes its last
    day."""
    if every == Every.NEVER:
        return None
    local = timezone.localtime(after)
    found = local.date()
    while True:
        last = monthrange(found.year, found.month)[1]
        fits = found.weekday() == day if every == Every.WEEK else found.day == min(day, last)
        if fits:
            at = timezone.make_aware(datetime.combine(found, time(hour)))
            if at > after:
                return at
        found += timedelta(days=1)


def conduct_of(group: Group) -> GroupConduct:
    """How the rules are kept alive in a group; not saved yet when nobody decided anything."""
    return GroupConduct.objects.filter(group=group).first() or GroupConduct(group=group)


def repost_plan(
    *, by: User, now: datetime, group: Group, every: str, day: int, hour: int, reminds_in_channel: bool
) -> GroupConduct:
    """Decides when the rules are posted again and how reminders go out. Raises ValidationError by field."""
    allowed = {Every.WEEK: range(7), Every.MONTH: range(1, 32)}.get(Every(every), range(32))
    if day not in allowed:
        raise ValidationError({"repost_day": _("There is no such day.")})
    with transaction.atomic():
        GroupConduct.objects.get_or_create(group=group)
        conduct = GroupConduct.objects.select_for_update().get(group=group)
        changes = {
            "repost_every": every,
            "repost_day": day,
            "repost_hour": hour,
            "reminds_in_channel": reminds_in_channel,
        }
        before, after = changed_fields(conduct, changes)
        if not after:
            return conduct
        for name, value in changes.items():
            setattr(conduct, name, value)
        conduct.next_repost_at = next_repost(every=every, day=day, hour=hour, after=now)
        conduct.save()
        audit_record(by=by, action="group.conduct_changed", subject=group, before=before, after=after)
    return conduct


def rules_post(*, group: Group, due_at: datetime) -> bool:
    """Plans the rules as a message to the group, once for each due time. False when there is nothing to post."""
    version = version_in_force(group)
    if version is None or group.state != GroupState.ACTIVE:
        return False
    text = rules_text(version)
    with language_of(text):
        title = _("Our group rules")
    deliveries_plan(
        message=message_create(content=Content(title=title, text=text)),
        rows=[
            NewDelivery(
                dedupe_key=f"rules:{group.pk}:{due_at.isoformat(timespec='minutes')}",
                kind=channel_kind(group),
                destination_id=group.destination_id,
                group_id=group.pk,
                group_ref=group.external_id,
                due_at=due_at,
                missed=Missed.SKIP,
                late_until=due_at + LATE,
            )
        ],
    )
    return True


def rules_post_now(*, by: User, now: datetime, group: Group) -> bool:
    """Posts the rules at once. False when the group has none, or is not active."""
    with transaction.atomic():
        posted = rules_post(group=group, due_at=now)
        if posted:
            GroupConduct.objects.update_or_create(group=group, defaults={"last_repost_at": now})
            audit_record(by=by, action="group.rules_posted", subject=group)
    return posted


def reposts_due(*, now: datetime) -> int:
    """Posts the rules in the groups whose time has come; returns in how many. A time that was missed by more than one
    turn is made up for once."""
    numbers = list(GroupConduct.objects.filter(next_repost_at__lte=now).order_by("pk").values_list("pk", flat=True))
    posted = 0
    for number in numbers:
        with transaction.atomic():
            waiting = GroupConduct.objects.select_for_update(of=("self",)).select_related("group__destination")
            conduct = waiting.filter(pk=number, next_repost_at__lte=now).first()
            if conduct is None or conduct.next_repost_at is None:
                continue
            if rules_post(group=conduct.group, due_at=conduct.next_repost_at):
                conduct.last_repost_at = conduct.next_repost_at
                posted += 1
            conduct.next_repost_at = next_repost(
                every=conduct.repost_every, day=conduct.repost_day, hour=conduct.repost_hour, after=now
            )
            conduct.save(update_fields=["last_repost_at", "next_repost_at"])
    return posted


def group_keep_messages(*, by: User, group: Group, keeps: bool) -> bool:
    """Begins or ends keeping what is written in a group; what was kept is deleted with the end. False when it was so
    already."""
    with transaction.atomic():
        if not Group.objects.filter(pk=group.pk, keeps_messages=not keeps).update(keeps_messages=keeps):
            return False
        if not keeps:
            KeptMessage.objects.filter(group=group).delete()
        audit_record(
            by=by,
            action="group.updated",
            subject=group,
            before={"keeps_messages": not keeps},
            after={"keeps_messages": keeps},
        )
    group.keeps_messages = keeps
    return True
