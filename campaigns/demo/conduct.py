"""What the members of the demo wrote, which rules it broke, and what became of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.utils import translation

from accounts.models import User
from activity.models import BuiltInKind, Event
from activity.services import EventRow
from campaigns.demo.brand import GROUPS
from groups.models import Group, RuleSetVersion
from groups.rules.content import version_content
from groups.rules.services import draft_open, draft_save, group_rule_set_assign, rule_set_create, version_publish
from members.conduct.judging import IncomingMessage, messages_judge
from members.conduct.models import AcknowledgedBy, MessageType, Source
from members.conduct.reposting import group_keep_messages, repost_plan
from members.conduct.services import appeal_make, violation_confirm, violation_dismiss, violation_record
from members.conduct.trial import dry_run_run, dry_run_start
from members.models import Acknowledgement, Membership, Violation

NAME = "阅读群通用群规"
KEEPING = 5
MESSAGES = 1_500
TALK = (
    "今天读完了《夏洛的网》第三章，孩子说最喜欢小猪威尔伯",
    "老师好，今晚的共读几点开始？",
    "打卡第 12 天，坚持就是胜利",
    "我家这个年级推荐什么书？谢谢大家",
    "早安，阅读打卡已完成",
    "请问识字量不够可以先听音频吗",
    "昨天的分享太有用了，已经记下来了",
    "周末共读我们报名两个人",
    "孩子最近迷上了昆虫记，自己看了一个小时",
    "收到，谢谢老师",
    "有没有适合睡前读的短故事？",
    "今天堵车，打卡晚了一点",
    "这本书图书馆借得到吗",
    "大家都是几点开始亲子共读的呀",
    "我们用微信读书听完了整本，推荐",
    "配套的练习在哪里下载？",
    "读书笔记贴在墙上了，很有成就感",
    "请假一天，孩子有点发烧",
)
BREACHES = (
    "新到一批绘本，全网最低价，需要的私聊",
    "帮忙砍一刀，就差最后两刀了",
    "加我微信 abc12345，拉你进资料群",
    "兼职刷单日结，有兴趣加个微信",
    "点这里领券 www . shop-books . com/quan",
    "给我家娃投票，点一下助力，谢谢各位",
    "我这里可以代购进口绘本，包邮到家",
    "互加好友呀，我拉你进群",
)
APPEAL = "这是班主任让我发的班级共读资料，不是广告。"


def conduct_write(*, staff: dict[str, User], groups: Sequence[Group], now: datetime) -> None:
    lin, mei = staff["lin"], staff["mei"]
    version = _rules(lin, now - timedelta(days=60))
    running = [
        group
        for group, plan in zip(groups, GROUPS, strict=True)
        if plan.health not in ("archived", "forming") and group.state == "active"
    ]
    keeping = sorted((group for group in running if group.branch_id == mei.branch_id), key=lambda one: -_size(one))
    for number, group in enumerate(running):
        if group.rule_set_id is None or group in keeping[:KEEPING]:
            group_rule_set_assign(by=lin, group=group, rule_set=version.rule_set)
        if number % 3 == 0:
            repost_plan(by=lin, now=now, group=group, every="week", day=number % 5, hour=9, reminds_in_channel=False)
    for group in keeping[:KEEPING]:
        group_keep_messages(by=mei, group=group, keeps=True)
    _read([group for group in running if group.rule_set_id == version.rule_set_id], version, now)
    _talk(keeping[:KEEPING], now)
    with translation.override("zh-hans"):
        _judge(mei, lin, keeping[0], version, now)
    run = dry_run_start(by=mei, now=now, version=_draft(lin, version, now), groups=keeping[:KEEPING])
    dry_run_run(run_id=run.pk)


def _size(group: Group) -> int:
    return Group.objects.values_list("member_count", flat=True).get(pk=group.pk)


def _rules(by: User, at: datetime) -> RuleSetVersion:
    rule_set = rule_set_create(by=by, now=at, name=NAME)
    return version_publish(by=by, now=at, version=rule_set.versions.get(), revision=1)


def _draft(by: User, version: RuleSetVersion, now: datetime) -> RuleSetVersion:
    """A draft that goes too far, so that the dry run has something to say: it finds "微信" everywhere."""
    draft = draft_open(by=by, now=now, rule_set=version.rule_set)
    content = version_content(draft)
    rules = [
        replace(rule, params={**rule.params, "words": [*rule.params["words"], "微信"]})
        if rule.code == "adding-friends-2"
        else rule
        for rule in content.rules
    ]
    draft_save(by=by, now=now, version=draft, revision=draft.revision, content=replace(content, rules=tuple(rules)))
    draft.refresh_from_db()
    return draft


def _read(groups: Sequence[Group], version: RuleSetVersion, now: datetime) -> None:
    """Most members have read the rules, more of them in some groups than in others."""
    rows = (
        Membership.objects.present().filter(group__in=groups).order_by("pk").values_list("pk", "group_id", "joined_at")
    )
    Acknowledgement.objects.bulk_create(
        [
            Acknowledgement(
                membership_id=pk,
                version=version,
                at=min(max(joined, version.published_at or now) + timedelta(minutes=pk % 600), now),
                source=AcknowledgedBy.LINK,
            )
            for pk, group_id, joined in rows
            if pk * 7 % 100 < 55 + group_id * 13 % 40
        ],
        batch_size=2000,
    )


def _talk(groups: Sequence[Group], now: datetime) -> None:
    """Gives the newest messages of some groups their texts, and judges them as if they came in now."""
    events = list(
        Event.objects.filter(
            kind__slug=BuiltInKind.MESSAGE, group_id__in=[group.pk for group in groups], at__lte=now
        ).order_by("-at", "-pk")[:MESSAGES]
    )
    rows, texts = [], {}
    for number, event in enumerate(reversed(events)):
        key = event.key.hex
        rows.append(EventRow(key, event.member_id, event.group_id, event.kind_id, event.at))
        # More of them today, so that there is something to decide.
        often = 5 if event.at > now - timedelta(hours=24) else 37
        words = BREACHES[number // often % len(BREACHES)] if number % often == 3 else TALK[number * 7 % len(TALK)]
        texts[key] = IncomingMessage(key, "", "", event.at, MessageType.TEXT.value, words)
    messages_judge(rows=rows, texts=texts, now=now)


def _judge(mei: User, lin: User, group: Group, version: RuleSetVersion, now: datetime) -> None:
    """Some are decided, one is appealed against, one was reported by a member."""
    found = list(Violation.objects.filter(source=Source.DETECTOR, group__branch=mei.branch).order_by("pk")[:4])
    for number, violation in enumerate(found):
        if number == 1:
            violation_dismiss(by=mei, now=now, violation=violation, note="引用别人的话，不算广告")
        elif number < 3:
            violation_confirm(by=mei, now=now, violation=violation)
    if len(found) > 2:
        appeal_make(by=None, now=now, violation=found[2], text=APPEAL)
    offender, reporter = list(Membership.objects.present().filter(group=group).order_by("-pk")[:2])
    rule = version.rules.exclude(reporter_points=0).first() or version.rules.first()
    if rule is not None:
        violation_record(
            by=None,
            now=now,
            member=offender.member,
            group=group,
            rule=rule,
            at=now - timedelta(hours=1),
            text="私下加了好几位家长，推销自己的课程。",
            reporter=reporter.member,
        )
