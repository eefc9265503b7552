"""Benchmarks of the demo brand: one whose story was told, one that is scheduled, one that is still to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from accounts.models import User
from campaigns.stories.selectors import candidates
from campaigns.stories.services import benchmark_nominate, benchmark_schedule, benchmark_write
from groups.models import Group

TITLE = "从不肯翻书到每天自己读"
STORY = """三月刚进群的时候，孩子翻两页就跑。我们照着群里的办法，每天睡前只读五分钟，读完贴一颗星。
第三周他开始自己挑书，现在每晚要读半个小时。
最难的是头十天，熬过去就好了。大家有问题尽管问我。"""
TOLD, COMING = timedelta(days=-2), timedelta(hours=26)


def stories_write(*, staff: Mapping[str, User], groups: Sequence[Group], now: datetime) -> None:
    """To be called before the posts of the past are marked as sent, so that the told story is among them."""
    mei = staff["mei"]
    lively = [group for group in groups if group.branch_id == mei.branch_id and group.may_be_posted_to]
    for group, tells in zip(lively, (TOLD, COMING, None), strict=False):
        found = candidates(group=group, now=now)
        if not found:
            continue
        begun = now - timedelta(days=4)
        row = benchmark_nominate(by=mei, now=begun, group=group, member=found[0].member)
        if tells is not None:
            row = benchmark_write(
                by=mei,
                benchmark=row,
                title=TITLE,
                story=STORY,
                consent="微信私聊里同意，截图已存",
                picture=None,
                version=row.version,
            )
            benchmark_schedule(by=mei, now=begun, benchmark=row, at=now + tells)
