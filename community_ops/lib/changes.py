"""How a figure stands against that of before, in words: the same on every page, in files and in letters."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

# From so many times on, people are told how many times as many: percents of a tiny figure say nothing.
MANY_TIMES = 10


@dataclass(frozen=True)
class Change:
    """In words, with a sign; `css` gives the colour: good, bad or neither."""

    text: str
    css: str = ""


def change_words(value: int, before: int, *, more_is: str = "good", amount: bool = False) -> Change:
    """How a count, or an amount in hundredths, stands against the range before."""
    if value == before:
        return Change(_("no change"))
    good = (value > before) == (more_is == "good")
    css = "change-up" if good else "change-down"
    if not before:
        return Change(_("up from 0") if value > 0 else _("down from 0"), css)
    if times := _times(value, before):
        words = _("%(times)s times as much") if amount else _("%(times)s times as many")
        return Change("↑ " + words % {"times": times}, css)
    size = abs(100 * (value - before) / before)
    text = f"{size:,.0f}%" if size >= 1 else "<1%"
    if value > before:
        return Change("↑ " + _("%(percent)s more") % {"percent": text}, css)
    less = _("%(percent)s less") if amount else _("%(percent)s fewer")
    return Change("↓ " + less % {"percent": text}, css)


def change_text(now: Decimal | int | None, before: Decimal | int | None) -> str:
    """The same, short enough for a cell: +25%, −3%, ×12; nothing where there was nothing to compare with."""
    if now is None or not before or before < 0:
        return ""
    if times := _times(now, before):
        return f"×{times}"
    return f"{float(100 * (now - before) / before):+,.0f}%".replace("-", "−")


def _times(value: Decimal | int, before: Decimal | int) -> str:
    return f"{value / before:,.0f}" if value >= MANY_TIMES * before > 0 else ""
