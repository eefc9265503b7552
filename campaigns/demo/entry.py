"""How the demo's groups are entered and cleaned up: questions and applications, newcomers, titles, one clean-up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from accounts.models import User
from delivery.models import Delivery, FeedItem, State
from groups.models import Group
from members.cleanup.conditions import Conditions
from members.cleanup.services import cleanup_advance, cleanup_rule_save, cleanup_start, exemption_grant
from members.entry.models import Application, EntryQuestion, GroupTitle
from members.entry.services import (
    Applicant,
    QuestionDraft,
    application_approve,
    application_make,
    application_reject,
    entry_plan_save,
    entry_questions_save,
    newcomers_note,
    title_give,
    titles_save,
    welcome_send,
)
from members.entry.services.newcomers import FRESH
from members.models import Member, Membership, StaffTask
from members.work.services import task_settle

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
QUESTIONS = [
    QuestionDraft(
        "孩子现在几年级？", kind="choice", choices=["二年级", "三年级", "四年级", "其他"], wanted=["三年级", "四年级"]
    ),
    QuestionDraft("陪孩子读书，最头疼的是什么？"),
    QuestionDraft(
        "每天能拿出多少时间陪读？", kind="choice", choices=["10 分钟", "20 分钟", "30 分钟以上"], required=False
    ),
]
PLAN = {
    "welcomes": True,
    "welcome_text": (
        "欢迎 {name} 加入{group}！\n{purpose}\n先花一分钟看看群规：{rules_link}\n"
        "再发一条消息介绍一下自己：怎么称呼、孩子几年级、想在群里收获什么。"
    ),
    "onboards": True,
    "befriend_text": "{name}您好，我是{group}的群主，加个好友，有事随时找我。",
    "tell_text": (
        "① 孩子学习上的问题，随时在群里问，当天有人答。\n② 每周都有家长分享经验，记得来看。\n③ 群里有老师，别客气。"
    ),
    "remind_text": "{name}，还没认识你呢！发一条消息打个招呼吧：怎么称呼、孩子几年级？",
    "next_steps": "群主会在一天之内加您的微信，把您拉进群。请先通过好友申请。",
}
# Name, WeChat id, answers, who told them, channel, hours ago.
APPLICANTS = (
    ("周芷若妈妈", "zhouzhou_ma", ("三年级", "读两页就想玩手机", "20 分钟"), "", "school-gate", 52),
    ("李沐阳爸爸", "muyang_ba", ("三年级", "不知道怎么选书", "30 分钟以上"), "", "referral", 30),
    ("小满妈", "xiaoman2017", ("四年级", "会读，但讲不出来", "10 分钟"), "", "official-account", 22),
    ("陈可", "chenke_0571", ("其他", "孩子刚上一年级，想先看看", ""), "", "video-channel", 9),
    ("吴桐家长", "wutong_wt", ("三年级", "每天催，两个人都累", "20 分钟"), "", "school-gate", 5),
    ("何必", "hebi_jiaopei", ("其他", "做教培的，想交流一下", ""), "", "search-ad", 3),
)
TITLES = (
    GroupTitle(name="打卡之星", meaning="连续打卡 21 天的家长"),
    GroupTitle(name="选书顾问", meaning="常帮大家挑书的家长"),
    GroupTitle(name="班长", meaning="每月选一位，帮忙维护群秩序", exclusive=True),
)


def entry_write(*, staff: dict[str, User], groups: Sequence[Group], now: datetime) -> None:
    """Opens the reading groups to applications, lets the last days happen, and begins a clean-up in Hangzhou."""
    mei, bo = staff["mei"], staff["bo"]
    first = groups[0]
    for by, group in ((mei, first), (mei, groups[2]), (bo, groups[14])):
        entry_questions_save(by=by, group=group, questions=QUESTIONS, changes={"is_open": True})
        entry_plan_save(by=by, group=group, changes=PLAN)
    _applications_write(mei, first, now)
    _newcomers_write(mei, first, now)
    _titles_write(mei, first)
    _cleanup_write(mei, now)


def _applications_write(by: User, group: Group, now: datetime) -> None:
    asked = list(EntryQuestion.objects.filter(group=group))
    made: list[Application] = []
    # The first one is known already: a member of the group next door.
    known = Member.objects.filter(memberships__group__name="杭州·三年级阅读打卡 2 群").exclude(memberships__group=group)
    neighbour = known.order_by("pk").first()
    for name, contact, answers, referrer, channel, hours in APPLICANTS:
        given = {question.pk: answer for question, answer in zip(asked, answers, strict=True)}
        called = neighbour.name if neighbour and not made else name
        applicant = Applicant(called, contact, referrer, channel, answers=given)
        made.append(application_make(group=group, applicant=applicant, now=now - hours * HOUR))
    application_approve(by=by, now=now - 20 * HOUR, application=made[0], member=neighbour)
    application_reject(by=by, now=now - 2 * HOUR, application=made[-1], reason="本群只面向三、四年级的家长，谢谢理解。")


def _newcomers_write(by: User, group: Group, now: datetime) -> None:
    """The joins of the last two days, as the sweeps would have met them."""
    for back in range(8, -1, -1):
        then = now - back * FRESH
        newcomers_note(now=then)
        if welcome_send(group_id=group.pk, now=then):
            sent = Delivery.objects.filter(group_id=group.pk, dedupe_key__startswith="welcome-", state=State.PLANNED)
            for delivery in sent:
                FeedItem.objects.create(
                    delivery=delivery, group_id=group.pk, message_id=delivery.message_id, published_at=then
                )
            sent.update(state=State.SENT, attempts=1, queued_at=then, claimed_at=then, settled_at=then)
    waiting = StaffTask.objects.open().filter(kind="newcomer", group=group).select_related("member", "group")
    for task in waiting.order_by("due_at", "pk")[:3]:
        task_settle(by=by, now=min(now, task.due_at), task=task, outcome="friends")


def _titles_write(by: User, group: Group) -> None:
    titles_save(by=by, group=group, titles=TITLES)
    lively = list(Membership.objects.present().filter(group=group).order_by("-last_seen_at", "pk")[:6])
    title_give(by=by, group=group, memberships=lively[:4], title="打卡之星")
    title_give(by=by, group=group, memberships=lively[4:5], title="选书顾问")
    title_give(by=by, group=group, memberships=lively[5:], title="班长")


def _cleanup_write(by: User, now: datetime) -> None:
    reading = Group.objects.get(name="杭州·英语绘本共读")
    conditions = Conditions(groups=[reading.pk], silent_days=108)
    rule = cleanup_rule_save(by=by, now=now - 3 * DAY, name="沉默三个半月", conditions=conditions)
    cleanup_rule_save(
        by=by, now=now - 3 * DAY, name="一直没自我介绍", conditions=Conditions(shy_days=60, never_bought=True)
    )
    silent = Membership.objects.present().filter(group=reading).select_related("member", "group")
    spared = silent.order_by("last_seen_at", "pk").first()
    if spared:
        exemption_grant(
            by=by, now=now - 3 * DAY, membership=spared, reason="在外地陪产，下学期回来", until=now + 60 * DAY
        )
    run = cleanup_start(by=by, now=now - 2 * DAY, conditions=conditions, reason="三个多月没说话，先腾出位置", rule=rule)
    cleanup_advance(run_id=run.pk, now=now - 2 * DAY)
    tasks = StaffTask.objects.open().filter(kind="cleanup_remove").select_related("member", "group").order_by("pk")
    for number, task in enumerate(tasks[:4]):
        if number == 3:
            task_settle(by=by, now=now - DAY, task=task, outcome="kept", note="私聊过，说下个月会来打卡")
        else:
            task_settle(by=by, now=now - DAY, task=task, outcome="removed")
