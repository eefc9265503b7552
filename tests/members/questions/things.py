"""One of each thing of questions, for tests that open every page; and short ways to ask and to answer."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

from django.conf import settings
from PIL import Image

from accounts.models import User
from community_ops.lib.images import encode_anew
from groups.models import Group
from members.models import Answer, AskedBy, ClosedDay, Knowledge, Member, Question
from members.questions.services import answer_accept, answer_give, question_ask
from members.questions.services.deciding import DutyDraft, closed_days_add, duty_add, hours_save, swap_set

AROUND_THE_CLOCK = [[[0, 1440]]] * 7
LADDER = [
    {"after": 50, "unit": "percent", "to": "duty"},
    {"after": 100, "unit": "percent", "to": "owner"},
    {"after": 300, "unit": "seconds", "to": "head"},
]


def picture() -> io.BytesIO:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "green").save(file, "PNG")
    file.seek(0)
    return file


def ask(member: Member, group: Group, now: datetime, text: str = "孩子不肯读书怎么办？", **more: Any) -> Question:
    return question_ask(now=now, member=member, group=group, text=text, source=AskedBy.PAGE, **more)


def answer(question: Question, by: User, now: datetime, plan: str = "每天睡前只读五分钟") -> Answer:
    return answer_give(now=now, question=question, by=by, plan=plan)


def hours(now: datetime, windows: Any = None, **more: Any) -> Any:
    """Around the clock with a target of a minute, unless told otherwise."""
    values = {"timezone": settings.TIME_ZONE, "target_seconds": 60, "ladder": LADDER, **more}
    return hours_save(by=None, now=now, windows=windows or AROUND_THE_CLOCK, **values)


def question_things(*, by: User, group: Group, member: Member, now: datetime) -> dict[str, Any]:
    question = ask(member, group, now, picture=encode_anew(picture()))
    answered = ask(member, group, now, "打卡漏了一天怎么补？")
    given = answer(answered, by, now, "在打卡页点补卡")
    answer_accept(by=by, now=now, answer=given)
    window = duty_add(by=by, draft=DutyDraft(by, [0], 540, 720), group=group)[0]
    closed_days_add(by=by, now=now, days=[(now.date(), "校庆")], branch=group.branch)
    return {
        "duty_window": window.pk,
        "duty_swap": swap_set(by=by, day=now.date(), absent=by, substitute=None).pk,
        "closed_day": ClosedDay.objects.get(branch=group.branch).pk,
        "hours_kind": "group",
        "question": question.pk,
        "answered": answered.pk,
        "question_answer": given.pk,
        "knowledge": Knowledge.objects.get(answer=given).pk,
    }
