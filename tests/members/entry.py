"""One of each thing of entry and clean-up, for tests that open every page."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from accounts.models import User
from groups.models import Group
from members.cleanup.conditions import Conditions
from members.cleanup.services import cleanup_advance, cleanup_rule_save, cleanup_start, exemption_grant
from members.entry.models import EntryQuestion, GroupTitle
from members.entry.services import (
    Applicant,
    QuestionDraft,
    application_make,
    entry_plan_save,
    entry_questions_save,
    titles_save,
)
from members.models import Member
from tests.builders import make_member

SILENT = Conditions(silent_days=30, spare_roles=False)


def entry_things(*, by: User, group: Group, member: Member, now: datetime) -> dict[str, Any]:
    questions = [
        QuestionDraft("孩子几年级？", kind="choice", choices=["三年级", "四年级"], wanted=["三年级"]),
        QuestionDraft("想在群里得到什么？"),
    ]
    entry_questions_save(by=by, group=group, questions=questions, changes={"is_open": True})
    entry_plan_save(by=by, group=group, changes={"welcomes": True, "onboards": True})
    titles_save(by=by, group=group, titles=[GroupTitle(name="阅读达人", meaning="连续打卡 21 天")])
    first, second = EntryQuestion.objects.filter(group=group)
    applicant = Applicant("李雷爸爸", contact="lilei_ba", answers={first.pk: "三年级", second.pk: "选书的办法"})
    application = application_make(group=group, applicant=applicant, now=now)
    silent = make_member("沉默的家长", [group], now=now - timedelta(days=100))
    spared = make_member("出差的家长", [group], now=now - timedelta(days=100))
    exemption = exemption_grant(by=by, now=now, membership=spared.memberships.get(), reason="出差")
    rule = cleanup_rule_save(by=by, now=now, name="沉默一个月", conditions=SILENT)
    run = cleanup_start(by=by, now=now, conditions=SILENT, reason="半年没说话", rule=rule)
    cleanup_advance(run_id=run.pk, now=now)
    return {
        "application": application.pk,
        "application_token": application.token,
        "membership": member.memberships.get().pk,
        "exemption": exemption.pk,
        "cleanup_rule": rule.pk,
        "cleanup_run": run.pk,
        "cleanup_item": run.items.get(membership__member=silent).pk,
    }
