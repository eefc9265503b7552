"""Playbooks for tests: a short text, ways to let members join and time pass, and one of each thing for the pages."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from accounts.models import Branch, User
from activity.services import event_key
from campaigns.models import Playbook
from campaigns.moments.services import SlotDraft, moments_save
from campaigns.playbooks.content import content_parse
from campaigns.playbooks.engine import playbooks_tick
from campaigns.playbooks.services import playbook_create, playbook_run, run_begin
from campaigns.playbooks.shipped import shipped_text
from groups.models import Group
from members.ingestion import IncomingEvent, ingest
from members.models import Member

DAY, HOUR = timedelta(days=1), timedelta(hours=1)

JOINING = """
name: 新成员三天
starts: joining
steps:
  - {key: hello, day: 1, at: "09:00", kind: task, task: hello, title: "问候 {name}", text: "{name} 你好，欢迎来{group}"}
  - {key: evening, day: 1, at: "20:00", kind: message, title: 欢迎新朋友, text: "欢迎 {names}"}
  - {key: asked, day: 3, at: "10:00", kind: personal, title: "问 {name} 的感受", text: "{name}，感觉怎么样？"}
"""


def make_playbook(text: str, by: User, now: datetime, branch: Branch | None = None, *, runs: bool = True) -> Playbook:
    playbook = playbook_create(by=by, now=now, content=content_parse(text), branch=branch)
    if runs:
        playbook_run(by=by, now=now, playbook=playbook)
    return playbook


def happen(name: str, group: Group, at: datetime, kind: str = "joined") -> Member:
    event = IncomingEvent(event_key("playbooks", f"{name} {group.pk} {kind} {at}"), name, group.external_id, kind, at)
    ingest(events=[event], source="playbooks", by=None, create_missing=True, now=at)
    return Member.objects.get(external_id=name)


def tick(*times: datetime) -> None:
    """Lets the engine run at each of these times, and once more: what may run twice does."""
    for at in times:
        playbooks_tick(now=at)
        playbooks_tick(now=at)


def playbook_things(*, by: User, member: Member, now: datetime) -> dict[str, Any]:
    content = shipped_text("newcomer")
    playbook = make_playbook(content, by, now, by.branch)
    membership = member.memberships.select_related("group").get()
    run = run_begin(by=by, now=now, playbook=playbook, group=membership.group, membership=membership)
    playbooks_tick(now=now)
    step = run.steps.order_by("due_at").last()
    assert step is not None
    plan = moments_save(
        by=by,
        now=now,
        plan=None,
        account="青禾小美",
        persona="两个孩子的妈妈",
        user=by,
        is_active=True,
        slots=[SlotDraft(time(11, 30), "今天陪孩子读了一本好书")],
        branch=by.branch,
    )
    return {
        "playbook": playbook.pk,
        "playbook_run": run.pk,
        "playbook_step": step.pk,
        "moments_plan": plan.pk,
    }
