"""The playbooks that the product brings along, as files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from campaigns.playbooks.content import PlaybookContent, content_parse

FOLDER = Path(__file__).parent
# In the order in which they are offered.
SLUGS = ("newcomer", "opening", "weekly")


@dataclass(frozen=True)
class Shipped:
    slug: str
    content: PlaybookContent


@cache
def shipped_text(slug: str) -> str:
    return (FOLDER / f"{slug}.yaml").read_text("utf-8")


@cache
def shipped_all() -> tuple[Shipped, ...]:
    return tuple(Shipped(slug, content_parse(shipped_text(slug))) for slug in SLUGS)
