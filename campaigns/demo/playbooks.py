"""The playbooks of the demo: newcomers at every step of their first week, a new group, a weekly rhythm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from django.utils import timezone

from accounts.models import User
from campaigns.models import PlaybookRun
from campaigns.moments.services import SlotDraft, moments_save, moments_tick
from campaigns.playbooks.content import content_parse
from campaigns.playbooks.engine import playbooks_tick
from campaigns.playbooks.services import playbook_create, playbook_run, run_begin
from campaigns.playbooks.shipped import shipped_text
from delivery.models import Delivery, FeedItem, State
from groups.models import Group
from members.models import StaffTask
from members.work.kinds import kind_of
from members.work.services import task_settle

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
# So far back the playbooks have run.
SINCE = 8 * DAY
CLOCKS = [
    time.fromisoformat(clock)
    for clock in [
        "03:00",
        "06:00",
        "08:10",
        "09:05",
        "09:35",
        "10:05",
        "12:05",
        "12:35",
        "15:00",
        "17:00",
        "18:30",
        "20:20",
        "20:35",
        "21:05",
    ]
]
PERSONA = "37 岁，两个孩子的妈妈，做了十年阅读老师。说话温和，爱发生活小事，从不刷屏卖课，也不转发鸡汤。"
MOMENTS = (
    (time(7, 30), "早起陪孩子读十五分钟，窗外刚下过雨。"),
    (time(9, 30), "昨天有位妈妈问：孩子只看漫画怎么办？我的答案是——先别急着没收。"),
    (time(11, 30), "今日书单：三本适合三年级独立阅读的桥梁书，要的朋友点个赞，我私发。"),
    (time(14), "午后备课，一杯茶，一摞新书。"),
    (time(16), "放学路上最好的聊天话题，是问“今天谁让你笑了”。"),
    (time(18), "打卡第二十一天的小朋友，把书柜里的书重新排了一遍，妈妈拍给我看。"),
    (time(19, 30), "晚饭后的家庭阅读时间，手机放门口。"),
    (time(21), "周末的绘本共读还有最后四个位置，想来的朋友私信我。"),
)


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
    slots = [SlotDraft(at, text) for at, text in MOMENTS]
    moments_save(
        by=mei,
        now=began,
        plan=None,
        account="青禾小美老师",
        persona=PERSONA,
        user=mei,
        is_active=True,
        slots=slots,
        branch=mei.branch,
    )
    for then in _times(began, now):
        _happen(mei, then)


def _times(began: datetime, now: datetime) -> list[datetime]:
    """When the engine looks: a little after the times of the messages, and often enough to meet who joins."""
    days = (timezone.localdate(began) + DAY * number for number in range(int(SINCE / DAY) + 1))
    times = [timezone.make_aware(datetime.combine(day, clock)) for day in days for clock in CLOCKS]
    return [began, *(at for at in times if began < at < now), now]


def _happen(by: User, now: datetime) -> None:
    """What the engine, the outbox and the staff did by then. One task in four is left lying."""
    playbooks_tick(now=now)
    moments_tick(now=now)
    sent = Delivery.objects.filter(dedupe_key__startswith="playbook:", state=State.PLANNED, due_at__lte=now)
    for delivery in sent:
        FeedItem.objects.create(
            delivery=delivery, group_id=delivery.group_id, message_id=delivery.message_id, published_at=now
        )
    sent.update(state=State.SENT, attempts=1, queued_at=now, claimed_at=now, settled_at=now)
    runs = PlaybookRun.objects.visible_to(by)
    tasks = StaffTask.objects.open().filter(kind__startswith="playbook_", group__in=runs.values("group"))
    for task in StaffTask.objects.open().filter(kind="moments", assignee=by, due_at__lt=now):
        task_settle(by=by, now=now, task=task, outcome="posted")
    for task in tasks.filter(created_at__lt=now - 3 * HOUR).select_related("member", "group"):
        if task.pk % 4:
            outcome = kind_of(task).outcomes[0]
            note = "请第一位成交的家长来讲" if outcome.asks_note else ""
            task_settle(by=by, now=now, task=task, outcome=outcome.slug, note=note)
