"""The language of what somebody wrote."""

from __future__ import annotations

import re

HAN = re.compile(r"[\u3400-\u9fff]")


def language_of(text: str) -> str:
    """The language that the product's own words take beside what somebody wrote."""
    return "zh-hans" if HAN.search(text) else "en"
