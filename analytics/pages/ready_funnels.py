"""Funnels that are asked for again and again, as addresses of the page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from analytics.funnel_form import FunnelForm


@dataclass(frozen=True)
class Ready:
    """`hint` says what it answers."""

    label: Promise
    hint: Promise
    steps: tuple[str, ...]
    days: int
    preset: str = "90d"
    more: dict[str, str] = field(default_factory=dict)


READY = (
    Ready(
        _("The core chain"),
        _("Channel, group, friend, trial or diagnosis, first order, repeat order, brings others"),
        ("joined", "friended", "trial", "ordered", "ordered", "invited"),
        180,
        "12m",
        {"by": "channel"},
    ),
    Ready(_("First week"), _("Joined, introduced, wrote"), ("joined", "introduced", "message"), 7),
    Ready(_("From post to order"), _("Saw a post, clicked, ordered"), ("post_seen", "link_click", "ordered"), 3),
    Ready(_("From lead to order"), _("Became a lead, took a trial, ordered"), ("lead", "trial", "ordered"), 30),
    Ready(
        _("Check-in becomes a habit"),
        _("Joined and checked in three times within two weeks"),
        ("joined", "check_in", "check_in", "check_in"),
        14,
    ),
    Ready(_("Who orders again"), _("Three orders"), ("ordered", "ordered", "ordered"), 90, "12m"),
)


def ready_links(form: FunnelForm) -> list[dict[str, Any]]:
    """Each with its address, for the groups, branch and members that are chosen, and whether it is the one shown."""
    assert isinstance(form.data, QueryDict)
    kept = [(name, value) for name in ("group", "branch", "segment") for value in form.data.getlist(name) if value]
    links = []
    for ready in READY:
        asked = [
            *(("step", step) for step in ready.steps),
            ("window", str(ready.days)),
            ("preset", ready.preset),
            *ready.more.items(),
        ]
        current = form.data.getlist("step") == list(ready.steps)
        links.append(
            {"label": ready.label, "hint": ready.hint, "query": urlencode([*asked, *kept]), "is_current": current}
        )
    return links
