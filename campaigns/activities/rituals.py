"""Activities on the page "Rituals"."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Avg, OuterRef, Prefetch, QuerySet, Subquery
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.activities.models import Activity, ActivityReview, ActivityState, Decided
from campaigns.rituals.parts import SHOWN, Asked, Part, Row, Stage, register_part


def activity_rows(asked: Asked) -> list[Row]:
    """What runs, comes and ended, with two queries for each."""
    stars = ActivityReview.objects.filter(activity=OuterRef("pk")).order_by().values("activity")
    open_ones = Activity.objects.of_groups(asked.groups).filter(decided=Decided.OPEN).with_counts()
    open_ones = open_ones.annotate(stars=Subquery(stars.annotate(mean=Avg("stars")).values("mean")))
    named = Prefetch("groups", queryset=asked.groups.order_by("name", "pk"), to_attr="named")
    found: list[Row] = []
    stages: list[tuple[Stage, QuerySet[Activity]]] = [
        (Stage.RUNNING, open_ones.in_state("running", asked.now).order_by("ends_at", "pk")),
        (
            Stage.COMING,
            open_ones.filter(starts_at__gt=asked.now, starts_at__lte=asked.until).order_by("starts_at", "pk"),
        ),
        (Stage.OVER, open_ones.in_state("over", asked.now).filter(ends_at__gt=asked.since).order_by("-ends_at", "pk")),
    ]
    for stage, rows in stages:
        found += [_row(activity, stage, asked) for activity in rows.prefetch_related(named)[:SHOWN]]
    return found


def _row(activity: Activity, stage: Stage, asked: Asked) -> Row:
    groups: Sequence[object] = activity.named  # type: ignore[attr-defined]
    state = activity.state_at(asked.now, activity.taken)  # type: ignore[attr-defined]
    return Row(
        title=activity.title,
        stage=stage,
        groups=[str(group) for group in groups],
        address=reverse("campaigns:activity", args=[activity.pk]),
        starts_at=activity.starts_at,
        ends_at=activity.ends_at,
        figure=_figure(activity, stage),
        state=state.label if state == ActivityState.FULL else "",
        kind=activity.get_kind_display(),
    )


def _figure(activity: Activity, stage: Stage) -> str:
    taken, came, stars = activity.taken, activity.came, activity.stars  # type: ignore[attr-defined]
    if stage is Stage.OVER:
        said = _("%(came)d of %(taken)d came") % {"came": came, "taken": taken}
        return f"{said} · {stars:.1f} ★" if stars is not None else said
    if activity.capacity is not None:
        return _("%(taken)d of %(places)d places") % {"taken": taken, "places": activity.capacity}
    return ngettext("%(taken)d signed up", "%(taken)d signed up", taken) % {"taken": taken}


def register_rituals() -> None:
    register_part(
        Part(
            slug="activities",
            label=gettext_lazy("Activities"),
            icon="ticket",
            order=30,
            list_name="campaigns:activities",
            begin_name="campaigns:activity_new",
            begin_label=gettext_lazy("Announce an activity"),
            about=gettext_lazy("Lectures, live courses and meetings that members sign up for."),
            rows=activity_rows,
        )
    )
