"""What analytics does when it hears from below."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts.models import Role, User
from analytics.health.services import health_walk
from analytics.saved.services import report_pin, report_save
from campaigns.demo.health import told

# What the staff of the demo keep: the report, its question, and its name.
KEPT = (
    ("activity", "metric=unique&preset=30d", "最近 30 天活跃成员"),
    ("funnel", "preset=90d", "入群到下单"),
    ("retention", "period=week&intervals=8", "每周新成员留存"),
    ("lifecycle", "preset=90d", "每周来去"),
)


def connect() -> None:
    told.connect(_judge_demo, dispatch_uid="analytics.judge_demo")
    told.connect(_keep_demo_reports, dispatch_uid="analytics.keep_demo_reports")


def _judge_demo(*, now: datetime, **_more: Any) -> None:
    """The demo is alive at once, not from the first night on."""
    health_walk(now=now)


def _keep_demo_reports(*, now: datetime, **_more: Any) -> None:
    """Whoever opens the demo finds a dashboard: one of headquarters, one of a manager, one of a branch."""
    people = [
        User.objects.filter(role=role, branch__isnull=whole).order_by("pk").first()
        for role, whole in ((Role.ADMIN, True), (Role.MANAGER, True), (Role.OPERATOR, False))
    ]
    for person in filter(None, people):
        for kind, question, name in KEPT:
            # Headquarters sees what branches share: one of a name is enough for it.
            sharing = "owner" if person.is_headquarters else "branch"
            report = report_save(by=person, now=now, kind=kind, question=question, name=name, sharing=sharing)
            report_pin(user=person, report=report)
