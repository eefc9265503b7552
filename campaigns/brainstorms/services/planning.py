"""Plans of brainstorms, and the sessions that are made ahead of time, opened and closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from campaigns.brainstorms.models import LONGEST_QUESTION, Brainstorm, BrainstormPlan, BrainstormState
from campaigns.brainstorms.questions import question_for
from campaigns.content.variables import group_values
from campaigns.posts.models import Post
from campaigns.posts.services import Schedule, Source, not_permitted, post_create, post_stop, post_update
from campaigns.posts.services import schedule_of as schedule_of_post
from community_ops.lib.languages import language_of
from community_ops.lib.variables import filled
from delivery.models import Missed, Value
from groups.models import Group, Permission
from members.models import Membership

log = structlog.get_logger(__name__)
# So far ahead sessions are rows that the calendar shows.
AHEAD = timedelta(days=7)
LOOK_AGAIN = timedelta(hours=1)
SHORTEST, LONGEST = 5, 24 * 60  # minutes


class StaleBrainstorm(Exception):
    """Somebody else changed it since the page was opened."""


def schedule_of(plan: BrainstormPlan) -> Schedule:
    return Schedule(timezone=plan.timezone, at=plan.at, rrule=plan.rrule, start=plan.start_local)


def plan_create(
    *,
    by: User,
    now: datetime,
    name: str,
    groups: Sequence[Group],
    schedule: Schedule,
    question: str = "",
    level: str = "",
    minutes: int = 60,
    announces: bool = True,
) -> BrainstormPlan:
    """Makes a plan and its first sessions. Staff of a branch make plans of their branch.

    Raises ValidationError by field; code `not_permitted` for groups to which the roles of `by` do not let them post.
    """
    values = _checked(by, now, groups, schedule, name=name, question=question, level=level, minutes=minutes)
    with transaction.atomic():
        plan = BrainstormPlan.objects.create(
            **values,
            announces=announces,
            branch=by.branch,
            created_by=by,
            created_at=now,
            plan_again_at=now,
        )
        plan.groups.set(groups)
        plan_ahead(plan_id=plan.pk, now=now)
        audit_record(by=by, action="brainstorm.plan_created", subject=plan, after=_said(values, groups))
    plan.refresh_from_db()
    return plan


def plan_update(
    *,
    by: User,
    now: datetime,
    plan: BrainstormPlan,
    version: int,
    name: str,
    groups: Sequence[Group],
    schedule: Schedule,
    question: str = "",
    level: str = "",
    minutes: int = 60,
    announces: bool = True,
) -> BrainstormPlan:
    """Changes a plan that runs; sessions that have not opened are made anew. Raises as plan_create does, and
    StaleBrainstorm for who saw an older version, or one that has ended since."""
    listed = set(plan.groups.values_list("pk", flat=True))
    values = _checked(by, now, groups, schedule, listed, name=name, question=question, level=level, minutes=minutes)
    with transaction.atomic():
        row = BrainstormPlan.objects.select_for_update().get(pk=plan.pk)
        if row.version != version or row.ended_at:
            raise StaleBrainstorm
        values |= {"announces": announces}
        before = {key: getattr(row, key) for key in values}
        for key, value in values.items():
            setattr(row, key, value)
        row.version, row.plan_again_at = version + 1, now
        row.save()
        row.groups.set(groups)
        for session in row.sessions.filter(state=BrainstormState.PLANNED, opens_at__gt=now):
            _announcement_stop(by, now, session)
            session.delete()
        plan_ahead(plan_id=row.pk, now=now)
        audit_record(
            by=by, action="brainstorm.plan_changed", subject=row, before=_said(before), after=_said(values, groups)
        )
    row.refresh_from_db()
    return row


def plan_end(*, by: User, now: datetime, plan: BrainstormPlan) -> int | None:
    """Ends a plan and calls off what has not opened; returns how many that are, or None when it had ended before."""
    with transaction.atomic():
        if not BrainstormPlan.objects.running().filter(pk=plan.pk).update(ended_at=now, plan_again_at=None):
            return None
        coming = list(plan.sessions.filter(state=BrainstormState.PLANNED, opens_at__gt=now).select_for_update())
        for session in coming:
            _announcement_stop(by, now, session)
        Brainstorm.objects.filter(pk__in=[session.pk for session in coming]).update(state=BrainstormState.CANCELLED)
        audit_record(by=by, action="brainstorm.plan_ended", subject=plan, after={"called_off": len(coming)})
    return len(coming)


def _checked(
    by: User, now: datetime, groups: Sequence[Group], schedule: Schedule, listed: set[int] | None = None, **values: Any
) -> dict[str, Any]:
    """The columns of a plan. Raises ValidationError by field."""
    errors: dict[str, Any] = {}
    if not groups:
        errors["groups"] = _("Choose at least one group.")
    permitted = Group.objects.visible_to(by).permitted(by, Permission.POST).filter(pk__in=[one.pk for one in groups])
    may_post = set(permitted.values_list("pk", flat=True))
    if refused := [one.name for one in groups if one.pk not in may_post and one.pk not in (listed or ())]:
        errors["groups"] = not_permitted(refused)
    if closed := [one.name for one in groups if not one.may_be_posted_to and one.pk not in (listed or ())]:
        names = ", ".join(closed[:5])
        errors["groups"] = _("These groups are not active: %(groups)s.") % {"groups": names}
    if not SHORTEST <= values["minutes"] <= LONGEST:
        errors["minutes"] = _("A session lasts 5 minutes to 24 hours.")
    if schedule.at is not None and listed is None and schedule.at <= now:
        errors["clock"] = _("This time has passed.")
    if errors:
        raise ValidationError(errors)
    fields = schedule.fields()
    times = {key: fields[key] for key in ("at", "rrule", "start_local", "timezone")}
    return {**values, "question": values["question"].strip(), "name": values["name"].strip(), **times}


def _said(values: dict[str, Any], groups: Sequence[Group] = ()) -> dict[str, Any]:
    return {**values, **({"groups": len(groups)} if groups else {})}


# Ahead of time


def plan_ahead(*, plan_id: int, now: datetime) -> int:
    """Makes the sessions of a plan up to AHEAD, each with its announcement; returns how many are new. Whoever plans
    holds the plan, so that two at once make each session once."""
    with transaction.atomic():
        plan = BrainstormPlan.objects.select_for_update().get(pk=plan_id)
        if plan.ended_at:
            return 0
        groups = list(plan.groups.filter(state="active").order_by("pk"))
        # A session that began a moment ago is still worth making; one that is over is not.
        since = now - timedelta(minutes=plan.minutes)
        times = list(takewhile(lambda time: time.at <= now + AHEAD, schedule_of(plan).times(since)))
        known = set(plan.sessions.filter(opens_at__gt=since).values_list("group_id", "local"))
        made = 0
        for time in times:
            wanting = [group for group in groups if (group.pk, time.local) not in known]
            if time.at <= since or not wanting:
                continue
            piece = None
            if not plan.question:
                piece = question_for(plan=plan, local=time.local, at=time.at, groups=[group.pk for group in groups])
                if piece is None:
                    log.warning("no question for a brainstorm", plan=plan.pk, local=time.local)
                    continue
            for group in wanting:
                session = Brainstorm.objects.create(
                    plan=plan,
                    group=group,
                    local=time.local,
                    question=_filled(piece.text, group, time.at) if piece else plan.question,
                    piece=piece,
                    opens_at=time.at,
                    closes_at=time.at + timedelta(minutes=plan.minutes),
                )
                if plan.announces and time.at > now:
                    announce(now=now, session=session, by=plan.created_by)
                made += 1
        is_past = plan.at is not None and plan.at <= now
        plan.plan_again_at = None if is_past else now + LOOK_AGAIN
        plan.save(update_fields=["plan_again_at"])
    return made


def _filled(text: str, group: Group, at: datetime) -> str:
    """The words of the bank as a group reads them."""
    return filled(text, group_values(group, at, text))[:LONGEST_QUESTION]


def announce(*, now: datetime, session: Brainstorm, by: User | None) -> None:
    """Plans the post that opens a session. Where it cannot be planned, the session says why and takes place."""
    address = f"{settings.PUBLIC_URL}{reverse('member:brainstorm', args=[session.group.page_token, session.pk])}"
    until = session.closes_at.astimezone(ZoneInfo(session.plan.timezone))
    with translation.override(language_of(session.question)):
        title = _("Brainstorm: answer until %(clock)s") % {"clock": f"{until:%H:%M}"}
        words = _("Answer here")
    try:
        with transaction.atomic():
            session.announcement = post_create(
                by=by,
                now=now,
                title=title,
                body=_literal(session.question),
                groups=[session.group],
                schedule=Schedule(timezone=session.plan.timezone, at=session.opens_at),
                source=Source(link=address, link_title=words, value=Value.LINK),
                missed=Missed.LATE,
                late_minutes=min(session.plan.minutes, 30),
            )
            session.problem = ""
    except ValidationError as error:
        session.announcement, session.problem = None, " ".join(error.messages)[:300]
    session.save(update_fields=["announcement", "problem"])


def _literal(text: str) -> str:
    """The words of a question as the text of a post, which reads braces as its variables."""
    return text.replace("{", "｛").replace("}", "｝")


def _announcement_stop(by: User | None, now: datetime, session: Brainstorm) -> None:
    if session.announcement_id:
        post_stop(by=by, now=now, post=Post.objects.get(pk=session.announcement_id))


# One session


def session_ask(*, by: User, now: datetime, session: Brainstorm, question: str, version: int) -> None:
    """Gives a session that has not opened another question, and its announcement the new words. Raises
    StaleBrainstorm, and ValidationError by field."""
    question = question.strip()
    if not question:
        raise ValidationError({"question": _("Write the question.")})
    with transaction.atomic():
        row = Brainstorm.objects.select_for_update().get(pk=session.pk)
        if row.version != version or row.state != BrainstormState.PLANNED or row.opens_at <= now:
            raise StaleBrainstorm
        before, row.question, row.piece, row.version = row.question, question, None, version + 1
        row.save()
        post = row.announcement
        if post is not None and post.is_open:
            post_update(
                by=by,
                now=now,
                post=post,
                title=post.title,
                body=_literal(question),
                schedule=schedule_of_post(post),
                missed=post.missed,
                late_minutes=post.late_minutes,
            )
        audit_record(
            by=by, action="brainstorm.asked", subject=row, before={"question": before}, after={"question": question}
        )


def session_cancel(*, by: User, now: datetime, session: Brainstorm) -> bool:
    """Calls a session off that has not opened, and its announcement. False when it has."""
    with transaction.atomic():
        ours = Brainstorm.objects.filter(pk=session.pk, state=BrainstormState.PLANNED, opens_at__gt=now)
        if not ours.update(state=BrainstormState.CANCELLED):
            return False
        _announcement_stop(by, now, session)
        audit_record(by=by, action="brainstorm.cancelled", subject=session)
    return True


def session_restore(*, by: User, now: datetime, session: Brainstorm) -> bool:
    """Takes session_cancel back while its time is still to come."""
    with transaction.atomic():
        gone = Brainstorm.objects.filter(pk=session.pk, state=BrainstormState.CANCELLED, opens_at__gt=now)
        if not gone.update(state=BrainstormState.PLANNED):
            return False
        session.refresh_from_db()
        if session.plan.announces:
            announce(now=now, session=session, by=by)
        audit_record(by=by, action="brainstorm.restored", subject=session)
    return True


# What beat calls


def brainstorms_tick(*, now: datetime) -> None:
    """Plans ahead, opens and closes what is due. Safe to run twice, and two at once."""
    for pk in BrainstormPlan.objects.to_plan(now).order_by("plan_again_at", "pk").values_list("pk", flat=True):
        plan_ahead(plan_id=pk, now=now)
    sessions_open(now=now)
    sessions_close(now=now)


def sessions_open(*, now: datetime) -> int:
    """Opens sessions whose hour has come; returns how many."""
    due = Brainstorm.objects.filter(state=BrainstormState.PLANNED, opens_at__lte=now)
    return due.update(state=BrainstormState.OPEN)


def sessions_close(*, now: datetime) -> int:
    """Closes sessions whose hour is over, and keeps how many members their group has; returns how many."""
    present = Membership.objects.present().filter(group=OuterRef("group_id"), member__erased_at=None)
    counted = present.order_by().values("group").annotate(n=Count("pk")).values("n")
    due = Brainstorm.objects.filter(state=BrainstormState.OPEN, closes_at__lte=now)
    return due.update(state=BrainstormState.CLOSED, present=Coalesce(Subquery(counted), 0))
