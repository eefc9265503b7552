"""The demo brand's library: what its operators say again and again, its questions, and its sections."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from accounts.models import User
from campaigns.content.models import DrawOrder, Level, Piece, PieceKind
from campaigns.content.series_services import series_create
from campaigns.content.services import piece_create
from campaigns.demo.brand import FANS, MATHS, READING, Purpose
from delivery.models import Value

LIBRARY = Path(__file__).with_name("library.csv")
WRITTEN = timedelta(days=40)
# Written by Mei for her branch.
OWN = ("打印好的字帖", "生日月小礼物")
# What the posts of brand.py give their readers.
POST_VALUES = {
    "早安·今日书单": Value.LEARNING,
    "每日一题": Value.LEARNING,
    "晚间打卡提醒": Value.LINK,
    "磨耳朵音频": Value.LEARNING,
}


class Section(NamedTuple):
    """A post that draws from a series: to the groups of which positionings, of which branch (empty: all)."""

    series: str
    rrule: str
    time: str
    purposes: tuple[Purpose, ...]
    branch: str
    author: str


SECTIONS = (
    Section("晨读十分钟", "FREQ=WEEKLY;BYDAY=MO,WE,FR", "07:30", (READING,), "", "lin"),
    Section("轻松一问", "FREQ=DAILY", "18:00", (FANS,), "", "lin"),
    Section("深度一问", "FREQ=WEEKLY;BYDAY=TU,SA", "20:00", (READING, MATHS), "hangzhou", "mei"),
)


def content_write(*, staff: Mapping[str, User], now: datetime) -> dict[str, Piece]:
    """The library of headquarters, some pieces of Mei's branch, and three series with headers; the pieces by title."""
    written = now - WRITTEN
    pieces: dict[str, Piece] = {}
    tips = []
    with LIBRARY.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            piece = piece_create(
                by=staff["mei"] if row["title"] in OWN else staff["lin"],
                now=written + timedelta(hours=number),
                kind=PieceKind.QUESTION if row["level"] else PieceKind.ARTICLE,
                title=row["title"],
                text=row["text"],
                value=row["value"],
                level=row["level"],
                tags=row["tags"].split(),
                link=row["link"],
                link_title=row["link_title"],
            )
            pieces[piece.title] = piece
            if row["section"] == "reading_tips":
                tips.append(piece)
    series_create(
        by=staff["lin"],
        now=written,
        name="晨读十分钟",
        order=DrawOrder.LISTED,
        no_repeat_days=14,
        header_style="bar",
        header_line="每天一个小方法",
        header_color="#1f7a4d",
        pieces=tips,
    )
    for author, name, level, style, color, line in (
        ("lin", "轻松一问", Level.EASY, "solid", "#0f766e", "随口一答，就有故事"),
        ("mei", "深度一问", Level.DEEP, "initial", "#1d4ed8", "值得想一想的问题"),
    ):
        series_create(
            by=staff[author],
            now=written,
            name=name,
            kind=PieceKind.QUESTION,
            level=level,
            order=DrawOrder.RANDOM,
            no_repeat_days=30,
            header_style=style,
            header_line=line,
            header_color=color,
        )
    return pieces
