"""A rule set of one branch that has come a long way: three versions, the last of them in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from accounts.models import Branch, User
from groups.rules.content import RuleContent, VersionContent, starting_content
from groups.rules.models import Category, Detector
from groups.rules.services import draft_open, draft_save, rule_set_create, version_publish

NAME = "杭州家长群群规"
FIRST = ("advertising", "adding-friends", "split-questions", "off-topic", "abuse")
# Days ago, what members were told, and the rules by their codes.
CHANGES = (
    (70, "", FIRST),
    (42, "新增两条：不发外部链接，谨防刷单和贷款。", (*FIRST, "links", "fraud")),
    (
        9,
        "作业群里也请不要贴答案。",
        ("advertising", "links", "adding-friends", "flooding", "abuse", "fraud", "answers"),
    ),
)
ANSWERS = RuleContent(
    text="不贴作业和试卷答案，可以讨论思路。",
    code="answers",
    category=Category.OTHER,
    detector=Detector.KEYWORDS,
    params={"words": ["标准答案", "答案发群里", "抄一下答案"]},
)


def rules_write(*, lin: User, branch: Branch, now: datetime) -> None:
    shipped = starting_content()
    rule_set = None
    for days, note, codes in CHANGES:
        at = now - timedelta(days=days)
        rules = [shipped.rule(code) or ANSWERS for code in codes]
        content: VersionContent = replace(shipped, rules=tuple(rules), strike_days=60 if days < 20 else 90)
        if rule_set is None:
            rule_set = rule_set_create(by=lin, now=at, name=NAME, branch=branch, content=content)
        draft = draft_open(by=lin, now=at, rule_set=rule_set)
        saved = draft_save(by=lin, now=at, version=draft, revision=draft.revision, content=content).version
        version_publish(by=lin, now=at, version=saved, revision=saved.revision, reacknowledge=bool(note), note=note)
