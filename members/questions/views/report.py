"""The share answered in time, and the questions behind every figure."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from community_ops.lib.lists import Filter, csv_response, day_of, xlsx_response
from members.questions.models import Question
from members.questions.querysets import VERDICTS
from members.questions.selectors import BRANCH, DAY, GROUP, Line, report_lines, report_total
from members.questions.views.lists import ANY, HEADQUARTERS, VERDICT_WORDS, scope_filters

USUAL_DAYS = 30
BY = ((GROUP, gettext_lazy("By group")), (BRANCH, gettext_lazy("By branch")), (DAY, gettext_lazy("By day")))


@require_GET
@staff_required
def report(request: StaffRequest) -> HttpResponseBase:
    now = timezone.now()
    by = request.GET.get("by", GROUP)
    by = by if by in (GROUP, BRANCH, DAY) else GROUP
    filters = scope_filters(request)
    query = _query(request, filters)
    rows: QuerySet[Question] = Question.objects.visible_to(request.user)
    for one in filters:
        if one.name in query:
            rows = one.apply(rows, query[one.name])
    lines = report_lines(rows, by=by, now=now)
    export = request.GET.get("export", "")
    if export in ("csv", "xlsx"):
        name = f"questions-in-time-{timezone.localdate():%Y-%m-%d}.{export}"
        heads = [dict(BY)[by], _("Asked"), *(VERDICT_WORDS[verdict] for verdict in VERDICTS), _("Share in time")]
        cells = [
            [line.name or _("Headquarters"), line.asked, *(line.counts[verdict] for verdict in VERDICTS), _share(line)]
            for line in lines
        ]
        return xlsx_response(name, heads, cells) if export == "xlsx" else csv_response(name, heads, cells)
    context = {
        "tab": "report",
        "by": by,
        "choices": [(value, label, f"?{urlencode({**query, 'by': value})}") for value, label in BY],
        "filters": [_shown(one, query.get(one.name, "")) for one in filters],
        "total": _linked(report_total(rows, now=now), query),
        "lines": [_linked(line, {**query, **_key(line, by)}) for line in lines],
        "csv_url": f"?{urlencode({**query, 'by': by, 'export': 'csv'})}",
        "xlsx_url": f"?{urlencode({**query, 'by': by, 'export': 'xlsx'})}",
        "now": now,
    }
    return render(request, "console/members/questions/report.html", context)


def _shown(one: Filter[Any], value: str) -> dict[str, Any]:
    options = [(str(number), label) for number, label in one.choices]
    return {"name": one.name, "label": one.label, "options": options, "is_day": one.is_day, "value": value}


def _query(request: StaffRequest, filters: list[Filter[Any]]) -> dict[str, str]:
    """What the address narrows the report to; without days the last USUAL_DAYS."""
    query = {}
    for one in filters:
        asked = request.GET.get(one.name, "")
        known = day_of(asked) is not None if one.is_day else asked in {str(value) for value, _label in one.choices}
        if known:
            query[one.name] = asked
    today = timezone.localdate()
    query.setdefault("from", f"{today - timedelta(days=USUAL_DAYS - 1):%Y-%m-%d}")
    query.setdefault("to", f"{today:%Y-%m-%d}")
    return query


def _key(line: Line, by: str) -> dict[str, str]:
    """The part of an address that leads to the questions of one line."""
    if by == DAY:
        assert isinstance(line.key, date)
        return {"from": f"{line.key:%Y-%m-%d}", "to": f"{line.key:%Y-%m-%d}"}
    return {by: HEADQUARTERS if line.key is None else str(line.key)}


def _linked(line: Line, query: dict[str, str]) -> dict[str, Any]:
    page = reverse("members:questions")
    return {
        "line": line,
        "share": _share(line),
        "asked_url": f"{page}?{urlencode({**query, 'state': ANY})}",
        "urls": {verdict: f"{page}?{urlencode({**query, 'counts': verdict})}" for verdict in VERDICTS},
    }


def _share(line: Line) -> str:
    return f"{100 * line.in_time / line.judged:.1f}%" if line.judged else "–"
