"""How long those who converted took, from the first step to the last."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.funnel_form import FunnelForm
from analytics.pages.parts import Cell, Chart, Head, Table, number_cell, people_url, percent, share_of
from analytics.queries.funnel import TIME_EDGES

# In the order of TIME_EDGES, and the slower ones at last.
BARS = (
    gettext_lazy("Under 1 minute"),
    gettext_lazy("1–10 minutes"),
    gettext_lazy("10–60 minutes"),
    gettext_lazy("1–6 hours"),
    gettext_lazy("6–24 hours"),
    gettext_lazy("1–3 days"),
    gettext_lazy("3–7 days"),
    gettext_lazy("1–2 weeks"),
    gettext_lazy("2–4 weeks"),
    gettext_lazy("1–3 months"),
    gettext_lazy("Over 3 months"),
)
assert len(BARS) == len(TIME_EDGES) + 1


def times_of(form: FunnelForm, times: list[int]) -> tuple[Chart, Table] | None:
    """The bars that anybody is in, and those between; nothing where nobody converted."""
    filled = [bar for bar, count in enumerate(times) if count]
    if not filled:
        return None
    shown = range(filled[0], filled[-1] + 1)
    last, total = len(form.cleaned_data["step"]), sum(times)
    links = [people_url(form, "funnel", reached=last, within=bar) for bar in shown]
    chart = Chart("bar", _("Time from the first step to the last"), [str(BARS[bar]) for bar in shown])
    chart.add(_("Members"), [times[bar] for bar in shown], links)
    rows = []
    for bar, url in zip(shown, links, strict=True):
        share = share_of(times[bar], total)
        rows.append(
            [
                Cell(str(BARS[bar]), str(BARS[bar]), css=""),
                number_cell(times[bar], url),
                Cell(share, percent(share)),
            ]
        )
    heads = [
        Head(_("Time to convert"), number=False),
        Head(_("Members")),
        Head(_("Of those who converted"), file=_("Of those who converted, in percent")),
    ]
    return chart, Table(_("Time from the first step to the last"), heads, rows)
