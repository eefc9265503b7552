"""The reports that can be saved and pinned. One that joins them adds its line to KINDS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.carriers.forms import CarriersForm
from analytics.channels.forms import SpanForm
from analytics.definitions import CONVERTED, LIFECYCLE
from analytics.forms import ActivityForm, RetentionForm
from analytics.funnel_form import FunnelForm
from analytics.habits.forms import LifecycleForm, StickinessForm
from analytics.habits.lifecycle import lifecycle_page
from analytics.habits.stickiness import stickiness_page
from analytics.hour_form import BestHourForm
from analytics.overview.forms import OverviewForm
from analytics.pages.activity import activity_page
from analytics.pages.funnel import funnel_page
from analytics.pages.leavers import LeaversForm, leavers_page
from analytics.pages.parts import percent, share_of
from analytics.pages.retention import retention_page
from analytics.ranking.forms import RankingForm
from analytics.ranking.page import ranking_answer
from analytics.saved.answers import Answer, Headline, asked_of, headline_of
from analytics.saved.more import best_hour_answer, carriers_answer, channels_answer, overview_answer


@dataclass(frozen=True)
class ReportKind:
    """`answer` takes the valid form of the report and raises BadQuery for a question that has no answer."""

    slug: str
    page: str
    label: str | Promise
    form: type[Any]
    answer: Callable[[Any], Answer]


def _activity(form: ActivityForm) -> Answer:
    page = activity_page(form, **asked_of(form))
    # The figures are active, new, quiet, events.
    figure = page.figures[3 if form.cleaned_data["metric"] == "total" else 0]
    return Answer(headline_of(figure), page.chart, page.table, page.is_empty)


def _retention(form: RetentionForm) -> Answer:
    page = retention_page(form, **asked_of(form))
    came_back: Iterable[float | None] = page.chart.series[0]["data"] if page.chart.series else ()
    share = percent(next(iter(came_back), None))
    if page.is_membership:
        label = _("Still there in the period after, on average")
    else:
        label = _("Came back in the period after, on average")
    definition, *how = page.definitions
    headline = Headline(label, share, definition=definition, how=how[0] if how else "")
    return Answer(headline, page.chart, page.table, is_empty=not page.members)


def _funnel(form: FunnelForm) -> Answer:
    page = funnel_page(form, **asked_of(form))
    rate = percent(share_of(page.converted, page.entered))
    headline = Headline(_("Converted"), rate, definition=CONVERTED, how=page.definitions[0])
    return Answer(headline, page.chart, page.table, not page.entered)


def _lifecycle(form: LifecycleForm) -> Answer:
    page = lifecycle_page(form, **asked_of(form))
    headline = Headline(_("Net growth"), f"{page.net:+,}".replace("-", "−"), definition=LIFECYCLE["net"])
    return Answer(headline, page.chart, page.table, page.is_empty)


def _stickiness(form: StickinessForm) -> Answer:
    page = stickiness_page(form, **asked_of(form))
    share = page.shares[min(1, len(page.shares) - 1)]
    headline = Headline(share.label, share.text, definition=share.definition)
    return Answer(headline, page.chart, page.table, page.is_empty)


def _leavers(form: LeaversForm) -> Answer:
    page = leavers_page(form, **asked_of(form))
    definition, how = page.definitions
    headline = Headline(_("Members who left"), f"{page.total:,}", page.total, definition=definition, how=how)
    return Answer(headline, None, page.table, not page.total)


KINDS = {
    kind.slug: kind
    for kind in (
        ReportKind("overview", "analytics:overview", gettext_lazy("Overview"), OverviewForm, overview_answer),
        ReportKind("activity", "analytics:activity", gettext_lazy("Activity"), ActivityForm, _activity),
        ReportKind("lifecycle", "analytics:lifecycle", gettext_lazy("Lifecycle"), LifecycleForm, _lifecycle),
        ReportKind("stickiness", "analytics:stickiness", gettext_lazy("Stickiness"), StickinessForm, _stickiness),
        ReportKind("retention", "analytics:retention", gettext_lazy("Retention"), RetentionForm, _retention),
        ReportKind("funnel", "analytics:funnel", gettext_lazy("Funnel"), FunnelForm, _funnel),
        ReportKind("leavers", "analytics:leavers", gettext_lazy("Who left"), LeaversForm, _leavers),
        ReportKind("best_hour", "analytics:best_hour", gettext_lazy("Best hour"), BestHourForm, best_hour_answer),
        ReportKind("channels", "analytics:channels", gettext_lazy("Channels"), SpanForm, channels_answer),
        ReportKind("carriers", "analytics:carriers", gettext_lazy("Carriers"), CarriersForm, carriers_answer),
        ReportKind(
            "ranking", "analytics:ranking", gettext_lazy("Rising and falling groups"), RankingForm, ranking_answer
        ),
    )
}


def kind_at(page: str) -> ReportKind | None:
    """The report that has this page, by its URL name."""
    return next((kind for kind in KINDS.values() if kind.page == page), None)
