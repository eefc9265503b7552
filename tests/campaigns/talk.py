"""Brainstorms, needs and proposals, for tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from accounts.models import User
from campaigns.brainstorms.models import Brainstorm, BrainstormPlan
from campaigns.brainstorms.services import answer_give, brainstorms_tick, plan_create
from campaigns.posts.services import Schedule
from campaigns.proposals.services import proposal_make
from groups.models import Group
from members.feedback.services import need_write, needs_merge
from tests.builders import make_member

ZONE = "Asia/Shanghai"
QUESTION = "怎样让孩子自己拿起书？"


def once_at(at: datetime) -> Schedule:
    return Schedule(timezone=ZONE, at=at)


def daily_at(start: str) -> Schedule:
    return Schedule(timezone=ZONE, rrule="FREQ=DAILY", start=start)


def plan_of(by: User, groups: list[Group], now: datetime, **changes: Any) -> BrainstormPlan:
    values = {"name": "两点一问", "question": QUESTION, "schedule": once_at(now + timedelta(minutes=1)), **changes}
    return plan_create(by=by, now=now, groups=groups, **values)


def open_session(by: User, group: Group, now: datetime, **changes: Any) -> Brainstorm:
    """A session that opened a minute ago."""
    before = now - timedelta(minutes=2)
    plan = plan_of(by, [group], before, **changes)
    brainstorms_tick(now=now)
    return plan.sessions.get()


def talk_things(*, by: User, group: Group, now: datetime) -> dict[str, Any]:
    session = open_session(by, group, now)
    author = make_member("浩然爸爸", [group])
    answer = answer_give(now=now, session=session, member=author, text="把书放在他够得着的地方")
    need = need_write(now=now, member=author, group=group, text="想要线下读书会").need
    same = need_write(now=now, member=author, group=group, text="线下见面").need
    merge = needs_merge(by=by, now=now, winner=need, loser=same)
    proposal = proposal_make(now=now, group=group, member=author, kind="activity", title="周末读书会", text="")
    things = {"need": need.pk, "need_merge": merge.pk, "proposal": proposal.pk, "proposal_version": proposal.version}
    return {**things, "brainstorm_plan": session.plan_id, "brainstorm": session.pk, "answer": answer.pk}
