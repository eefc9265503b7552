"""What the tests of conduct start from: a group with rules in force, and messages in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from accounts.models import User
from activity.services import event_key
from groups.models import Group, Rule, RuleSet, RuleSetVersion
from groups.rules.services import group_rule_set_assign
from members.conduct.judging import IncomingMessage, Taken, messages_take
from members.conduct.reposting import group_keep_messages
from members.conduct.trial import dry_run_run, dry_run_start
from members.links import membership_token
from members.models import Member, Violation
from tests.builders import NOW, make_group

ADS: dict[str, Any] = {
    "code": "ads",
    "category": "advertising",
    "text": "不发广告",
    "detector": "keywords",
    "params": {"words": ["加微信", "兼职刷单"]},
    "action": "remind",
    "strikes": 1,
}
LADDER = [
    {"strikes": 1, "action": "remind"},
    {"strikes": 2, "action": "mute"},
    {"strikes": 3, "action": "remove"},
]


def make_rules(*rules: dict[str, Any], published_at: datetime = NOW - timedelta(days=30), **fields: Any) -> RuleSet:
    """A rule set with these rules in force since `published_at`."""
    rule_set = RuleSet.objects.create(
        name=fields.pop("name", f"群规 {RuleSet.objects.count() + 1}"),
        branch=fields.pop("branch", None),
        created_at=published_at,
    )
    publish(rule_set, *rules, published_at=published_at, **fields)
    return rule_set


def publish(rule_set: RuleSet, *rules: dict[str, Any], published_at: datetime, **fields: Any) -> RuleSetVersion:
    """The next version of a rule set, in force."""
    rule_set.versions.filter(state="published").update(state="retired")
    version = RuleSetVersion.objects.create(
        rule_set=rule_set,
        number=rule_set.versions.count() + 1,
        state="published",
        created_at=published_at,
        published_at=published_at,
        **{"ladder": LADDER, **fields},
    )
    for position, rule in enumerate(rules or (ADS,)):
        Rule.objects.create(version=version, position=position, **rule)
    return version


def make_ruled_group(*rules: dict[str, Any], **fields: Any) -> Group:
    group = make_group(**fields)
    group.rule_set = make_rules(*rules)
    group.save()
    return group


def write(
    group: Group,
    member: Member,
    text: str,
    *,
    id: str = "",
    at: datetime = NOW,
    now: datetime | None = None,
    type: str = "text",
) -> Taken:
    """A message arrives when it was written, unless told otherwise with `now`."""
    key = event_key("tests", f"message {id or (group.pk, member.pk, at.isoformat(), text)}")
    message = IncomingMessage(key, member.external_id, group.external_id, at, type, text)
    return messages_take(messages=[message], source="tests", by=None, create_missing=False, now=now or at)


def conduct_things(by: User, group: Group, member: Member, rule_set: RuleSet, now: datetime) -> dict[str, Any]:
    """What the addresses of conduct take: a violation that waits, a personal link, and a dry run that is done."""
    group_rule_set_assign(by=by, group=group, rule_set=rule_set)
    group_keep_messages(by=by, group=group, keeps=True)
    write(group, member, "代购奶粉找我", at=now)
    violation = Violation.objects.get(group=group)
    membership = member.memberships.select_related("group").get(group=group)
    run = dry_run_start(by=by, now=now, version=violation.rule.version, groups=[group])
    dry_run_run(run_id=run.pk)
    return {
        "violation": violation.pk,
        "membership": membership.pk,
        "personal_link": membership_token(membership),
        "dry_run": run.pk,
    }
