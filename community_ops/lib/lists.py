"""Lists of the console: search, filters, sorting, paging and export, all of it said in the address of the page.

A page describes its list and hands it to the template, which draws it with the pieces `shared/list_*.html`:

    COLUMNS = (
        Column("name", _("Name"), order="name", value=lambda group: group.name),
        Column("members", _("Members"), order="member_count", value=lambda group: group.member_count, number=True),
    )
    listing = Listing(
        request, Group.objects.visible_to(request.user), columns=COLUMNS, sort="name",
        search=lambda groups, text: groups.matching(text),
        filters=(Filter("state", _("State"), GroupState.choices, lambda groups, value: groups.filter(state=value)),),
    )
    if listing.export:
        return listing.export_response("groups")
    return render(request, "console/groups/list.html", {"listing": listing})

Whatever an address says that the list does not know (a sort, a filter value, a page past the end) is ignored.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.core.paginator import Page, Paginator
from django.db.models import F, Model, QuerySet
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.functional import Promise
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

Row = TypeVar("Row", bound=Model)
Text = str | Promise

CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CHUNK = 2000
# Control characters that XML, and so XLSX, cannot hold.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# What makes a spreadsheet read a text as a formula (OWASP, "CSV injection").
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column. `order` is what it sorts by (empty: it does not), `value` what it exports (empty: nothing).

    `wide` hides it below a width: "sm", "md", "lg" or "xl" (give its cells `{{ column.css }}`, or the same
    `d-none d-md-table-cell` by hand). `shown` False: it is in exports only. `nullable` sorts empty values last.
    `definition` and `how`: what the column means and how it is counted, behind a "?" in its head.
    """

    key: str
    label: Text
    order: str = ""
    value: Callable[[Row], object] | None = None
    number: bool = False
    nullable: bool = False
    wide: str = ""
    shown: bool = True
    definition: Text = ""
    how: Text = ""

    @property
    def css(self) -> str:
        """The classes of its cells."""
        parts = ["num"] if self.number else []
        if self.wide:
            parts += ["d-none", f"d-{self.wide}-table-cell"]
        return " ".join(parts)


@dataclass(frozen=True)
class Filter(Generic[Row]):
    """A choice that narrows the list; its name is its key in the address.

    `unset` is read while nothing is chosen, where that is not simply the label. `more` keeps it behind "More filters".
    With `is_day` any day may be chosen instead of one of the choices.
    """

    name: str
    label: Text
    choices: Iterable[tuple[Any, Text]]
    apply: Callable[[QuerySet[Row], str], QuerySet[Row]]
    unset: Text = ""
    more: bool = False
    is_day: bool = False


@dataclass(frozen=True)
class FilterState:
    """A filter as it stands in this request."""

    name: str
    label: Text
    options: Sequence[tuple[str, Text]]
    value: str
    unset: Text
    more: bool = False
    is_day: bool = False


@dataclass(frozen=True)
class Head:
    """A column heading with the address that sorts by it."""

    column: Column[Any]
    url: str
    direction: str

    @property
    def aria_sort(self) -> str:
        return {"asc": "ascending", "desc": "descending"}.get(self.direction, "")


class Listing(Generic[Row]):
    """A list as one request asks for it. `rows` is one page, `export_response` all of it.

    `sort` is the order when the address names none, as "name" or "-members". `id` must differ between two lists on
    one page. `embedded` lists sit in another page: their links load the part and leave the browser's address alone.
    """

    def __init__(
        self,
        request: HttpRequest,
        queryset: QuerySet[Row],
        *,
        columns: Sequence[Column[Row]],
        sort: str,
        search: Callable[[QuerySet[Row], str], QuerySet[Row]] | None = None,
        filters: Sequence[Filter[Row]] = (),
        page_size: int = 50,
        id: str = "list",
        embedded: bool = False,
    ) -> None:
        self.request = request
        self.columns = columns
        self.id = id
        self.embedded = embedded
        self.page_size = page_size
        self.searchable = search is not None
        self.text = request.GET.get("q", "").replace("\x00", "").strip()[:200] if search else ""
        self.filters = [_state(item, request) for item in filters]
        for item, state in zip(filters, self.filters, strict=True):
            if state.value:
                queryset = item.apply(queryset, state.value)
        if search and self.text:
            queryset = search(queryset, self.text)
        self.sort = self._known_sort(request.GET.get("sort", "")) or sort
        self.queryset = self._ordered(queryset)

    # What the address asks for

    @property
    def is_filtered(self) -> bool:
        return bool(self.text or self.active_filters)

    @property
    def active_filters(self) -> list[FilterState]:
        return [state for state in self.filters if state.value]

    @property
    def more_filters(self) -> list[FilterState]:
        """Those that are asked for less often, behind a switch."""
        return [state for state in self.filters if state.more]

    @property
    def more_active(self) -> int:
        return sum(bool(state.value) for state in self.more_filters)

    @property
    def export(self) -> str:
        """ "csv" or "xlsx" when the address asks for a file, else nothing."""
        asked = self.request.GET.get("export", "")
        return asked if asked in ("csv", "xlsx") else ""

    def url(self, **changes: str | int | None) -> str:
        """This list with `changes` in its address. A change starts at the first page; None takes a key away."""
        query = self.request.GET.copy()
        for key in ("page", "export"):
            query.pop(key, None)
        for key, value in changes.items():
            if value is None or value == "":
                query.pop(key, None)
            else:
                query[key] = str(value)
        encoded = query.urlencode()
        return f"{self.request.path}?{encoded}" if encoded else self.request.path

    @property
    def clear_url(self) -> str:
        return self.url(q=None, **{state.name: None for state in self.filters})

    @property
    def csv_url(self) -> str:
        return self.url(export="csv")

    @property
    def xlsx_url(self) -> str:
        return self.url(export="xlsx")

    # What the page shows

    @cached_property
    def page(self) -> Page[Row]:
        return Paginator(self.queryset, self.page_size).get_page(self.request.GET.get("page"))

    @property
    def rows(self) -> Sequence[Row]:
        """The rows of this page, read once: what a view hangs on them is there in the template."""
        if not isinstance(self.page.object_list, list):
            self.page.object_list = list(self.page.object_list)
        return self.page.object_list

    @property
    def total(self) -> int:
        return self.page.paginator.count

    @property
    def heads(self) -> list[Head]:
        key, descending = self.sort.lstrip("-"), self.sort.startswith("-")
        heads = []
        for column in self.columns:
            if not column.shown:
                continue
            direction = ("desc" if descending else "asc") if column.key == key else ""
            # Figures are wanted largest first, names from A.
            first, second = ("-", "") if column.number or column.nullable else ("", "-")
            prefix = second if direction == ("desc" if first else "asc") else first
            heads.append(Head(column, self.url(sort=f"{prefix}{column.key}") if column.order else "", direction))
        return heads

    @property
    def page_links(self) -> list[tuple[str, str]]:
        """(number, address) for the pager; an empty address marks a gap."""
        paginator = self.page.paginator
        gap = str(paginator.ELLIPSIS)
        numbers = paginator.get_elided_page_range(self.page.number, on_each_side=1, on_ends=1)
        return [(str(number), "" if str(number) == gap else self.url(page=number)) for number in numbers]

    @property
    def previous_url(self) -> str:
        return self.url(page=self.page.previous_page_number()) if self.page.has_previous() else ""

    @property
    def next_url(self) -> str:
        return self.url(page=self.page.next_page_number()) if self.page.has_next() else ""

    # Files

    def export_response(self, name: str) -> StreamingHttpResponse | FileResponse:
        """All rows as the file that the address asks for; `name` is its name without the ending."""
        columns = [column for column in self.columns if column.value is not None]
        stamped = f"{name}-{timezone.localdate():%Y-%m-%d}.{self.export}"
        if self.export == "xlsx":
            return xlsx_response(stamped, [column.label for column in columns], self._values(columns))
        return csv_response(stamped, [column.label for column in columns], self._values(columns))

    def _values(self, columns: Sequence[Column[Row]]) -> Iterator[list[object]]:
        for row in self.queryset.iterator(chunk_size=CHUNK):
            yield [column.value(row) for column in columns if column.value is not None]

    def _known_sort(self, asked: str) -> str:
        keys = {column.key for column in self.columns if column.order}
        return asked if asked.removeprefix("-") in keys else ""

    def _ordered(self, queryset: QuerySet[Row]) -> QuerySet[Row]:
        key, descending = self.sort.removeprefix("-"), self.sort.startswith("-")
        column = next(column for column in self.columns if column.key == key)
        field = F(column.order)
        last = True if column.nullable else None
        order = field.desc(nulls_last=last) if descending else field.asc(nulls_last=last)
        # The key last: equal rows keep one order over all pages.
        return queryset.order_by(order, "-pk" if descending else "pk")


def _state(item: Filter[Any], request: HttpRequest) -> FilterState:
    options = [(str(value), label) for value, label in item.choices if str(value)]
    asked = request.GET.get(item.name, "")
    known = day_of(asked) is not None if item.is_day else asked in dict(options)
    value = asked if known else ""
    return FilterState(item.name, item.label, options, value, item.unset or item.label, item.more, item.is_day)


def day_of(asked: str) -> date | None:
    """The day that an address names as 2026-03-02; nothing for anything else."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", asked, re.ASCII):
        return None
    try:
        found = date.fromisoformat(asked)
    except ValueError:
        return None
    return found if 1971 <= found.year <= 2999 else None


def safe_text(value: str) -> str:
    """`value` so that no spreadsheet runs it as a formula."""
    return f"'{value}" if value.startswith(FORMULA_STARTS) else value


def csv_response(file_name: str, header: Iterable[Text], rows: Iterable[Iterable[object]]) -> StreamingHttpResponse:
    """A CSV file, sent while it is read; UTF-8 with a mark so that Excel opens Chinese rightly."""

    def lines() -> Iterator[str]:
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        yield "\ufeff"
        for count, row in enumerate(_with_header(header, rows), start=1):
            writer.writerow([_csv_cell(value) for value in row])
            if count % 200 == 0:
                yield buffer.getvalue()
                buffer.seek(0)
                buffer.truncate()
        yield buffer.getvalue()

    response = StreamingHttpResponse(lines(), content_type=CSV_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return response


def xlsx_response(file_name: str, header: Iterable[Text], rows: Iterable[Iterable[object]]) -> FileResponse:
    """An XLSX file, written to disk row by row. Times are local, because a spreadsheet knows no zone."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.freeze_panes = "A2"
    for row in _with_header(header, rows):
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, _xlsx_value(value))
            if isinstance(cell.value, str):
                cell.data_type = "s"  # a text that starts with = stays a text
            cells.append(cell)
        sheet.append(cells)
    file = tempfile.TemporaryFile()  # noqa: SIM115  the response closes it
    book.save(file)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=file_name, content_type=XLSX_TYPE)


def _with_header(header: Iterable[Text], rows: Iterable[Iterable[object]]) -> Iterator[Iterable[object]]:
    yield [str(label) for label in header]
    yield from rows


def _csv_cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(timespec="seconds")
    if isinstance(value, (int, float, Decimal, date)):
        return value
    return safe_text(str(value).replace("\x00", ""))


def _xlsx_value(value: object) -> Any:
    if isinstance(value, datetime):
        return timezone.localtime(value).replace(tzinfo=None, microsecond=0)
    if value is None or isinstance(value, (int, float, Decimal, date)):
        return value
    return UNPRINTABLE.sub("", str(value))[:32767]
