"""Header pictures of series: a name, a line below it and a colour, drawn in one of a few looks.

Drawn for phones: a message shows them about 360 pixels wide, a third of their size. The font is one of the machine's
own that has Chinese characters; without one there is no picture, because boxes in the place of a name are worse.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy
from PIL import Image, ImageDraw, ImageFont

from community_ops.lib.images import Encoded, encoded

WIDTH, HEIGHT = 1068, 455
LARGEST, SMALLEST = 132, 56
LINE_LARGEST, LINE_SMALLEST = 52, 40
INK, MUTED, PAPER = "#1c2420", "#55605a", "#ffffff"
# Bold ones first. Collections hold several languages; the number is that of simplified Chinese.
KNOWN_FONTS = (
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc", 2),
    ("/usr/share/fonts/noto-cjk/NotoSansCJK-Bold.ttc", 2),
    ("/usr/share/fonts/google-noto-cjk/NotoSansCJK-Bold.ttc", 2),
    ("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", 0),
    ("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", 0),
    ("/System/Library/Fonts/PingFang.ttc", 2),
    ("/System/Library/Fonts/STHeiti Medium.ttc", 0),
    ("C:/Windows/Fonts/msyhbd.ttc", 0),
    ("C:/Windows/Fonts/msyh.ttc", 0),
)
PROBE = "读书"
# Marks that do not begin a line.
NOT_FIRST = frozenset("，。、！？：；）》」』…,.!?:;)")


class HeaderStyle(models.TextChoices):
    BAR = "bar", pgettext_lazy("look of a header", "Bar")
    SOLID = "solid", pgettext_lazy("look of a header", "Full colour")
    INITIAL = "initial", pgettext_lazy("look of a header", "Large first character")
    FRAME = "frame", pgettext_lazy("look of a header", "Frame")


# Each stands out from white by at least 4.5 to 1, so white reads on it and it reads on white.
PALETTE: dict[str, Promise] = {
    "#1f7a4d": gettext_lazy("Green"),
    "#0f766e": gettext_lazy("Teal"),
    "#1d4ed8": gettext_lazy("Blue"),
    "#6d28d9": gettext_lazy("Violet"),
    "#be123c": gettext_lazy("Red"),
    "#b45309": gettext_lazy("Amber"),
    "#475569": gettext_lazy("Slate"),
}


@dataclass(frozen=True)
class _Fit:
    """Lines in a size that a box holds."""

    font: ImageFont.FreeTypeFont
    lines: list[str]
    leading: int

    @property
    def height(self) -> int:
        return self.leading * len(self.lines)


@lru_cache(maxsize=1)
def font_file() -> tuple[str, int] | None:
    """A font with Chinese characters, as file and number within it; none when the machine has none."""
    candidates = [(path, index) for path, index in KNOWN_FONTS if Path(path).is_file()]
    if not candidates and (program := shutil.which("fc-match")):
        # The program is fontconfig's own, and nothing of the command comes from outside.
        asked = subprocess.run(  # noqa: S603
            [program, "--format=%{file}\n%{index}", "sans:bold:lang=zh-cn"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        path, _newline, index = asked.stdout.partition("\n")
        if path and Path(path).is_file():
            candidates.append((path, int(index) if index.isdigit() and int(index) < 1000 else 0))
    return next((found for found in candidates if _has(found, PROBE)), None)


def _has(file: tuple[str, int], text: str) -> bool:
    try:
        font = ImageFont.truetype(file[0], 32, index=file[1])
    except OSError:
        return False
    return all(_drawn(font, character) for character in text)


def _drawn(font: ImageFont.FreeTypeFont, character: str) -> bool:
    """Whether the font has this character; what it lacks is drawn as one and the same box."""
    if character.isspace():
        return True
    mask, missing = font.getmask(character), font.getmask("\U000fffff")
    return bool(mask.getbbox()) and (mask.size != missing.size or bytes(mask) != bytes(missing))


def header_draw(*, name: str, line: str, color: str, style: str) -> Encoded | None:
    """The header picture; None when the machine has no font for it, or the name has nothing that can be drawn."""
    file = font_file()
    if file is None:
        return None
    small = ImageFont.truetype(file[0], 32, index=file[1])
    name, line = (_only_drawn(small, text) for text in (name, line))
    if not name or style not in HeaderStyle.values or color not in PALETTE:
        return None
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    _STYLES[style](ImageDraw.Draw(image), name, line, color)
    return encoded(image)


def _only_drawn(font: ImageFont.FreeTypeFont, text: str) -> str:
    return " ".join("".join(character for character in text if _drawn(font, character)).split())


def mixed(color: str, share: float) -> str:
    """`share` of the colour, the rest white."""
    parts = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(255 - (255 - part) * share):02x}" for part in parts)


def _fitted(text: str, width: int, height: int, largest: int, smallest: int) -> _Fit:
    """The largest size at which the text fits; at the smallest, what does not fit ends in an ellipsis."""
    file = font_file()
    assert file is not None
    for size in range(largest, smallest - 1, -4):
        fit = _wrapped(text, ImageFont.truetype(file[0], size, index=file[1]), width)
        if fit.height <= height and (len(fit.lines) == 1 or size <= largest * 0.75):
            return fit
    fit = _wrapped(text, ImageFont.truetype(file[0], smallest, index=file[1]), width)
    most = max(1, height // fit.leading)
    if len(fit.lines) > most:
        last = fit.lines[most - 1]
        while last and fit.font.getlength(last + "…") > width:
            last = last[:-1]
        return _Fit(fit.font, [*fit.lines[: most - 1], last + "…"], fit.leading)
    return fit


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> _Fit:
    """Breaks between words, and between any two Chinese characters."""
    lines, line = [], ""
    for word in _words(text):
        if line and font.getlength((line + word).rstrip()) > width:
            lines.append(line.rstrip())
            line = word.lstrip()
        else:
            line += word
        while font.getlength(line.rstrip()) > width and len(line) > 1:
            cut = next(end for end in range(len(line) - 1, 0, -1) if end == 1 or font.getlength(line[:end]) <= width)
            lines.append(line[:cut])
            line = line[cut:]
    return _Fit(font, [*lines, line.rstrip()] if line.strip() else lines, round(font.size * 1.3))


def _words(text: str) -> list[str]:
    words: list[str] = []
    for character in text:
        joins = words and character.isascii() and not character.isspace() and words[-1][-1].isascii()
        if (
            (words and character in NOT_FIRST)
            or (joins and not words[-1][-1].isspace())
            or (words and character.isspace())
        ):
            words[-1] += character
        else:
            words.append(character)
    return words


def _block(
    draw: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],
    name: str,
    line: str,
    colors: tuple[str, str],
    *,
    centred: bool = False,
) -> None:
    """Name and line, one below the other, in the middle of a box."""
    left, top, right, bottom = box
    gap = 18 if line else 0
    below = _fitted(line, right - left, 130, LINE_LARGEST, LINE_SMALLEST) if line else None
    above = _fitted(name, right - left, bottom - top - gap - (below.height if below else 0), LARGEST, SMALLEST)
    y = top + (bottom - top - above.height - gap - (below.height if below else 0)) // 2
    for fit, color in ((above, colors[0]), (below, colors[1])):
        if fit is None:
            continue
        for text in fit.lines:
            x = (left + right) / 2 if centred else left
            draw.text((x, y + fit.leading / 2), text, fill=color, font=fit.font, anchor="mm" if centred else "lm")
            y += fit.leading
        y += gap


def _bar(draw: ImageDraw.ImageDraw, name: str, line: str, color: str) -> None:
    draw.rectangle((0, 0, WIDTH, HEIGHT), fill=mixed(color, 0.08))
    draw.rectangle((0, 0, 28, HEIGHT), fill=color)
    draw.ellipse((WIDTH - 210, HEIGHT - 190, WIDTH + 90, HEIGHT + 110), fill=mixed(color, 0.2))
    _block(draw, (92, 40, WIDTH - 70, HEIGHT - 40), name, line, (color, MUTED))


def _solid(draw: ImageDraw.ImageDraw, name: str, line: str, color: str) -> None:
    draw.rectangle((0, 0, WIDTH, HEIGHT), fill=color)
    draw.arc((WIDTH - 300, -170, WIDTH + 120, 250), 0, 360, fill=mixed(color, 0.75), width=26)
    draw.rectangle((72, HEIGHT - 58, 192, HEIGHT - 48), fill=PAPER)
    _block(draw, (72, 30, WIDTH - 150, HEIGHT - 78), name, line, (PAPER, PAPER))


def _initial(draw: ImageDraw.ImageDraw, name: str, line: str, color: str) -> None:
    side = 330
    draw.rectangle((0, 0, side, HEIGHT), fill=color)
    first = _fitted(name[0], side, HEIGHT, 220, 220)
    draw.text((side / 2, HEIGHT / 2), name[0], fill=PAPER, font=first.font, anchor="mm")
    draw.rectangle((side, HEIGHT - 16, WIDTH, HEIGHT), fill=mixed(color, 0.2))
    _block(draw, (side + 52, 40, WIDTH - 44, HEIGHT - 50), name, line, (INK, MUTED))


def _frame(draw: ImageDraw.ImageDraw, name: str, line: str, color: str) -> None:
    draw.rectangle((0, 0, WIDTH, HEIGHT), fill=mixed(color, 0.06))
    draw.rectangle((26, 26, WIDTH - 26, HEIGHT - 26), outline=color, width=8)
    draw.rectangle((44, 44, WIDTH - 44, HEIGHT - 44), outline=color, width=2)
    for x in (26, WIDTH - 26):
        draw.polygon(
            [(x - 22, HEIGHT // 2), (x, HEIGHT // 2 - 22), (x + 22, HEIGHT // 2), (x, HEIGHT // 2 + 22)], color
        )
    _block(draw, (90, 60, WIDTH - 90, HEIGHT - 60), name, line, (color, MUTED), centred=True)


_STYLES: dict[str, Callable[[ImageDraw.ImageDraw, str, str, str], None]] = {
    HeaderStyle.BAR: _bar,
    HeaderStyle.SOLID: _solid,
    HeaderStyle.INITIAL: _initial,
    HeaderStyle.FRAME: _frame,
}
