"""Builders call the services that the product itself uses, so that tests start from states that can happen."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from groups.models import Group
from groups.services import group_create

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # Monday noon in Shanghai
_numbers = count(1)


def make_group(name: str = "", **fields: Any) -> Group:
    """An active group, unless told otherwise with motivation=""."""
    number = next(_numbers)
    fields = {"motivation": "growth", "purpose": "Help parents of grade 3 with reading", **fields}
    return group_create(
        by=None,
        now=fields.pop("now", NOW),
        external_id=fields.pop("external_id", f"group-{number}"),
        name=name or f"Reading {number}",
        **fields,
    )
