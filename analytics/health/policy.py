"""What administrators decide about health: from where on a group counts as new, falling, dead or noisy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class HealthPolicy:
    """See docs/health.md for what each number decides. Shares are in percent."""

    KEY: ClassVar[str] = "health"

    new_days: int = 14
    least_members: int = 5
    dead_activity: int = 2
    least_activity: int = 8
    decline: int = 40
    growth: int = 10
    leaving: int = 15
    floor: int = 3
    noise_ceiling: int = 150
    quiet_days: int = 14
    off_topic: int = 10
    advertising: int = 2
    post_quota: int = 4
    top_share: int = 60
    selling: int = 50
    selling_words: list[str] = field(
        default_factory=lambda: [
            *("优惠", "限时", "折扣", "特价", "秒杀", "立减", "早鸟", "抢购", "下单", "购买", "续费", "报名费", "团购"),
            *("discount", "sale", "buy now", "order now", "% off"),
        ]
    )
    spread_minutes: int = 30
