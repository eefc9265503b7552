"""One form for all the ways to write the same thing, with a way back to the original places.

`plain` folds width, case, accents, look-alike letters and traditional characters, and drops what cannot be seen.
`bare` also drops everything between letters: spaces, punctuation, emoji. Both work character by character, so that a
place in them leads back to a place in the original.
"""

from __future__ import annotations

import unicodedata
from functools import cached_property

from opencc import OpenCC

# Cyrillic and Greek letters that stand in for Latin ones; after case folding.
LOOK_ALIKES = dict(zip("аеорсухіјѕһԁԛԝвмнткζαβενικορτυχω", "aeopcyxijshdqwbmhtkzabevikoptuxw", strict=True))
# Seen as nothing although Unicode calls them letters or symbols: Hangul fillers and the empty braille cell.
UNSEEN = {0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800}
# Letters in boxes and circles that Unicode does not take apart.
BOXED = ((0x1F150, 26), (0x1F170, 26), (0x1F1E6, 26))
SMALL_CAPITAL = "LATIN LETTER SMALL CAPITAL "
# Strokes that are Chinese characters by name, and in practice only ever put between others.
STROKES = frozenset("丶丨丿乀乁乛亅乚〆")
CLAUSE_MARKS = frozenset(",.!?;，。！？；、\n") - {"."}


def _simplified() -> dict[str, str]:
    """Traditional characters one by one; words are left alone, since places must stay."""
    han = [chr(code) for start, end in ((0x3400, 0xA000), (0xF900, 0xFB00)) for code in range(start, end)]
    found = OpenCC("t2s").convert("\n".join(han)).split("\n")
    return {old: new for old, new in zip(han, found, strict=True) if old != new and len(new) == 1}


class _Plain(dict[int, str]):
    """A table for str.translate that fills itself."""

    def __init__(self) -> None:
        super().__init__()
        self.simplified = _simplified()

    def __missing__(self, code: int) -> str:
        self[code] = folded = self._fold(code)
        return folded

    def _fold(self, code: int) -> str:
        char = chr(code)
        if char in "\t\n\r":
            return "\n" if char == "\n" else " "
        # Marks, formats, controls, halves of surrogate pairs: nothing that a reader sees as a character.
        if unicodedata.category(char) in {"Mn", "Me", "Cf", "Cc", "Cs"} or code in UNSEEN:
            return ""
        for start, count in BOXED:
            if start <= code < start + count:
                return chr(ord("a") + code - start)
        if unicodedata.category(char) == "No" and (digit := unicodedata.digit(char, None)) is not None:
            return str(digit)
        name = unicodedata.name(char, "")
        if name.startswith(SMALL_CAPITAL) and len(name) == len(SMALL_CAPITAL) + 1:
            return name[-1].lower()
        parts = unicodedata.normalize("NFKD", char).casefold()
        return "".join(
            self.simplified.get(part, LOOK_ALIKES.get(part, part))
            for part in parts
            if unicodedata.category(part) != "Mn"
        )


class _Bare(dict[int, str]):
    """Of plain text, letters and digits only."""

    def __missing__(self, code: int) -> str:
        self[code] = kept = chr(code) if is_kept(chr(code)) else ""
        return kept


def is_kept(char: str) -> bool:
    return unicodedata.category(char)[0] in "LN" and unicodedata.category(char) != "Lm" and char not in STROKES


_PLAIN = _Plain()
_BARE = _Bare()


def fold_plain(text: str) -> str:
    return text.translate(_PLAIN)


def fold_bare(text: str) -> str:
    return text.translate(_PLAIN).translate(_BARE)


class Folded:
    """A text in both forms, and the way back."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.plain = text.translate(_PLAIN)

    @cached_property
    def bare(self) -> str:
        return self.plain.translate(_BARE)

    @cached_property
    def _originals(self) -> list[int]:
        """For each place in the plain text the place in the original."""
        return [place for place, char in enumerate(self.text) for _ in _PLAIN[ord(char)]]

    @cached_property
    def bare_places(self) -> list[int]:
        """For each place in the bare text the place in the plain text."""
        return [place for place, char in enumerate(self.plain) if _BARE[ord(char)]]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where `plain[start:end]` stands in the original."""
        return self._originals[start], self._originals[end - 1] + 1
