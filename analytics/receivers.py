"""What analytics does when it hears from below."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from analytics.health.services import health_walk
from campaigns.demo.health import told


def connect() -> None:
    told.connect(_judge_demo, dispatch_uid="analytics.judge_demo")


def _judge_demo(*, now: datetime, **_more: Any) -> None:
    """The demo is alive at once, not from the first night on."""
    health_walk(now=now)
