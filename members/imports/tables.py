"""A file as a header and rows of text: CSV in UTF-8 or GB18030, plain or gzip, or the first sheet of an XLSX file.

Nothing is held in memory but the row at hand. Whatever cannot be read raises UnreadableFileError with a sentence that
says what to do.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, cast
from xml.etree.ElementTree import ParseError as XMLError
from zipfile import BadZipFile

from django.utils.translation import gettext as _
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

CHUNK = 256 * 1024
# One cell; a longer one is a quote that was never closed.
MAX_CELL = 8 * 1024 * 1024
MAX_COLUMNS = 1000
# More lines than this in one row: likewise.
MAX_LINES = 500
DELIMITERS = (",", "\t", ";", "|")

csv.field_size_limit(MAX_CELL)


class UnreadableFileError(Exception):
    """The file as a whole cannot be read; the text says why and what to do."""


class Row(NamedTuple):
    """`line` is where it starts in the file, from 1. `problem` says why its cells cannot be trusted, if so."""

    line: int
    cells: list[str]
    problem: str = ""


class Table(Protocol):
    """`size` and `position()` measure the way through the file, in units of its kind."""

    header: list[str]
    size: int

    def rows(self) -> Iterator[Row]: ...
    def position(self) -> int: ...
    def close(self) -> None: ...


def open_table(path: Path) -> Table:
    """The table in a file. Looks through all of it first, so that a broken file is known before anything is kept.

    Raises UnreadableFileError. The caller closes the table.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise UnreadableFileError(
            _("%(path)s cannot be opened: %(reason)s.") % {"path": path, "reason": error.strerror}
        ) from error
    if not start:
        raise UnreadableFileError(_("The file is empty."))
    if start.startswith(b"PK\x03\x04"):
        return SheetTable(path)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFileError(_("This is an Excel file of the old kind (.xls). Save it as .xlsx or as CSV."))
    return TextTable(path, packed=start.startswith(b"\x1f\x8b"))


class _Counted(io.RawIOBase):
    """A stream that knows how many bytes were read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        data = self.stream.read(len(view))
        view[: len(data)] = data
        self.count += len(data)
        return len(data)

    def close(self) -> None:
        self.stream.close()
        super().close()


class TextTable:
    """A CSV file."""

    def __init__(self, path: Path, *, packed: bool) -> None:
        self.path = path
        self.packed = packed
        self.encoding, self.size = self._look_through()
        self._raw = _Counted(self._open())
        self._text = io.TextIOWrapper(io.BufferedReader(self._raw, CHUNK), encoding=self.encoding, newline="")
        first = self._text.readline(MAX_CELL)
        self.delimiter = max(DELIMITERS, key=first.count)
        # The header may itself hold quoted line breaks, so it is read by the reader and not from `first`.
        self._lines = self._from(first)
        self._reader = csv.reader(self._lines, delimiter=self.delimiter)
        try:
            self.header = [name.strip() for name in next(self._reader, [])]
        except csv.Error as error:
            raise self._no_table() from error
        if not any(self.header):
            raise UnreadableFileError(_("The first line is empty. It should name the columns."))
        if len(self.header) > MAX_COLUMNS:
            raise self._no_table()

    def rows(self) -> Iterator[Row]:
        width = len(self.header)
        while True:
            line = self._reader.line_num + 1
            try:
                cells = next(self._reader, None)
            except csv.Error:
                yield Row(line, [], _("The row is too long to be read. A quote is probably not closed."))
                continue
            if cells is None:
                return
            if not any(cells):
                continue
            if self._reader.line_num - line >= MAX_LINES:
                # Kept short: what follows a quote that is not closed may be the rest of the file.
                text = [cell[:200] for cell in cells[:width]]
                lines = self._reader.line_num - line + 1
                yield Row(
                    line,
                    text,
                    _("The row runs over %(lines)d lines. A quote is probably not closed.") % {"lines": lines},
                )
            elif len(cells) > width and any(cells[width:]):
                yield Row(
                    line,
                    cells[:width],
                    _("The row has %(cells)d cells, the header %(columns)d. A text with a separator needs quotes.")
                    % {"cells": len(cells), "columns": width},
                )
            else:
                yield Row(line, cells)

    def position(self) -> int:
        return min(self._raw.count, self.size)

    def close(self) -> None:
        self._text.close()

    def _from(self, first: str) -> Iterator[str]:
        yield first
        yield from self._text

    def _open(self) -> BinaryIO:
        file = self.path.open("rb")
        return cast(BinaryIO, gzip.GzipFile(fileobj=file, mode="rb") if self.packed else file)

    def _look_through(self) -> tuple[str, int]:
        """Its encoding and its size unpacked."""
        size = 0
        utf8: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8-sig")()
        chinese: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("gb18030")()
        try:
            with self._open() as stream:
                while chunk := stream.read(CHUNK):
                    if size == 0:
                        self._check_start(chunk)
                    size += len(chunk)
                    utf8, chinese = _decoded(utf8, chunk), _decoded(chinese, chunk)
                    if utf8 is None and chinese is None:
                        break
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UnreadableFileError(
                _("The gzip file is broken after %(bytes)d bytes. Pack or copy it again.") % {"bytes": size}
            ) from error
        except OSError as error:
            raise UnreadableFileError(
                _("%(path)s cannot be opened: %(reason)s.") % {"path": self.path, "reason": error.strerror}
            ) from error
        if not size:
            raise UnreadableFileError(_("The file is empty."))
        if _decoded(utf8, b"", final=True):
            return "utf-8-sig", size
        if _decoded(chinese, b"", final=True):
            return "gb18030", size
        raise UnreadableFileError(_("The text is neither UTF-8 nor GB18030. Save the file as CSV UTF-8."))

    def _check_start(self, chunk: bytes) -> None:
        if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise UnreadableFileError(_("The text is UTF-16. Save the file as CSV UTF-8."))
        if b"\x00" in chunk:
            raise self._no_table()

    @staticmethod
    def _no_table() -> UnreadableFileError:
        return UnreadableFileError(_("This is no table. Save it as CSV UTF-8 or as .xlsx."))


def _decoded(
    decoder: codecs.IncrementalDecoder | None, chunk: bytes, *, final: bool = False
) -> codecs.IncrementalDecoder | None:
    """The decoder if it can go on after `chunk`, else nothing."""
    if decoder is None:
        return None
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return None
    return decoder


class SheetTable:
    """The first sheet of an XLSX file that is not empty. Formulas count by the value that was saved with them."""

    def __init__(self, path: Path) -> None:
        try:
            self._book = load_workbook(path, read_only=True, data_only=True)
            self._rows = self._cells()
            self._line, self.header = next(self._rows, (0, []))
        except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError, XMLError, zlib.error) as error:
            raise UnreadableFileError(
                _("The XLSX file is broken. Open it, save it again, or save it as CSV.")
            ) from error
        if not self.header:
            raise UnreadableFileError(_("The file is empty."))
        self.header = [name.strip() for name in self.header]

    def _cells(self) -> Iterator[tuple[int, list[str]]]:
        self.size = 1
        for sheet in self._book.worksheets:
            sheet.reset_dimensions()
            self.size = max(int(getattr(sheet, "max_row", None) or 0), 1)
            found = False
            for line, values in enumerate(sheet.iter_rows(values_only=True), start=1):
                cells = [_cell_text(value) for value in values[:MAX_COLUMNS]]
                while cells and not cells[-1]:
                    cells.pop()
                if cells:
                    found = True
                    yield line, cells
            if found:
                return

    def rows(self) -> Iterator[Row]:
        width = len(self.header)
        try:
            for line, cells in self._rows:
                self._line = line
                if len(cells) > width:
                    problem = _("The row has %(cells)d cells, the header %(columns)d.")
                    yield Row(line, cells[:width], problem % {"cells": len(cells), "columns": width})
                else:
                    yield Row(line, cells)
        except (BadZipFile, KeyError, ValueError, XMLError, zlib.error, EOFError) as error:
            raise UnreadableFileError(
                _("The XLSX file is broken after row %(row)d. Open it, save it again, or save it as CSV.")
                % {"row": self._line}
            ) from error

    def position(self) -> int:
        return min(self._line, self.size)

    def close(self) -> None:
        self._book.close()


def _cell_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return str(value)
