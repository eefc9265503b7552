"""Lists of the console whose rows are computed: the same search, filters, sorting, paging and files as of tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpRequest

from community_ops.lib.lists import Column, Filter, Listing


class RowListing(Listing[Any]):
    """A Listing of objects that are already here: `order` of a column names an attribute; rows without it come last."""

    def __init__(
        self,
        request: HttpRequest,
        rows: Sequence[Any],
        *,
        columns: Sequence[Column[Any]],
        sort: str,
        search: Any = None,
        filters: Sequence[Filter[Any]] = (),
        page_size: int = 50,
        id: str = "list",
    ) -> None:
        super().__init__(
            request,
            cast("QuerySet[Any]", list(rows)),
            columns=columns,
            sort=sort,
            search=search,
            filters=filters,
            page_size=page_size,
            id=id,
        )

    def _ordered(self, queryset: Any) -> Any:
        key, descending = self.sort.removeprefix("-"), self.sort.startswith("-")
        column = next(column for column in self.columns if column.key == key)
        there = [row for row in queryset if getattr(row, column.order) is not None]
        nowhere = [row for row in queryset if getattr(row, column.order) is None]
        return sorted(there, key=lambda row: _rank(getattr(row, column.order)), reverse=descending) + nowhere

    def _values(self, columns: Sequence[Column[Any]]) -> Iterator[list[object]]:
        for row in self.queryset:
            yield [column.value(row) for column in columns if column.value is not None]


def _rank(value: Any) -> Any:
    return value if isinstance(value, (int, float, Decimal)) else str(value).casefold()
