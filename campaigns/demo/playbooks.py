"""The playbooks of the demo: newcomers at every step of their first week, a new group, a weekly rhythm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from accounts.models import User
from campaigns.models import PlaybookRun
from campaigns.playbooks.content import content_parse
from campaigns.playbooks.engine import playbooks_tick
from campaigns.playbooks.services import playbook_create, playbook_run, run_begin
from campaigns.playbooks.shipped import shipped_text
from delivery.models import Delivery, FeedItem, State
from groups.models import Group
from members.entry.services.newcomers import FRESH
from members.models import StaffTask
from members.work.kinds import kind_of
from members.work.services import task_settle

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
# So far back the playbooks have run.
SINCE = 8 * DAY


def playbooks_write(*, staff: dict[str, User], groups: Sequence[Group], now: datetime) -> None:
    mei, lin = staff["mei"], staff["lin"]
    began = now - SINCE
    reading = [groups[0], groups[2]]
    listed = "\ngroups: [{}]\nsteps:".format(", ".join(group.external_id for group in reading))
    newcomers = content_parse(shipped_text("newcomer").replace("\nsteps:", listed))
    weekly = content_parse(shipped_text("weekly").replace("\nsteps:", listed))
    for content in (newcomers, weekly):
        playbook = playbook_create(by=mei, now=began, content=content, branch=mei.branch)
        playbook_run(by=mei, now=began, playbook=playbook)
    opening = playbook_create(by=lin, now=began, content=content_parse(shipped_text("opening")), branch=None)
    playbook_run(by=lin, now=began, playbook=opening)
    run_begin(by=mei, now=began, playbook=opening, group=groups[2])
    for back in range(int(SINCE / FRESH), -1, -1):
        _happen(mei, now - back * FRESH)


def _happen(by: User, now: datetime) -> None:
    """What the engine, the outbox and the staff did by then. One task in four is left lying."""
    playbooks_tick(now=now)
    sent = Delivery.objects.filter(dedupe_key__startswith="playbook:", state=State.PLANNED, due_at__lte=now)
    for delivery in sent:
        FeedItem.objects.create(
            delivery=delivery, group_id=delivery.group_id, message_id=delivery.message_id, published_at=now
        )
    sent.update(state=State.SENT, attempts=1, queued_at=now, claimed_at=now, settled_at=now)
    runs = PlaybookRun.objects.visible_to(by)
    tasks = StaffTask.objects.open().filter(kind__startswith="playbook_", group__in=runs.values("group"))
    for task in tasks.filter(created_at__lt=now - 3 * HOUR).select_related("member", "group"):
        if task.pk % 4:
            outcome = kind_of(task).outcomes[0]
            note = "请第一位成交的家长来讲" if outcome.asks_note else ""
            task_settle(by=by, now=now, task=task, outcome=outcome.slug, note=note)
