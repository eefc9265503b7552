"""Check-ins on the page of all rituals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Count, Prefetch, Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.checkins.models import CheckInGroup, CheckInProgramme, ProgrammeState
from campaigns.checkins.selectors import stands
from campaigns.rituals.parts import SHOWN, Asked, Part, Row, Stage, register_part


def register() -> None:
    register_part(
        Part(
            slug="check-ins",
            label=gettext_lazy("Check-ins"),
            icon="calendar-check",
            order=10,
            list_name="campaigns:check_ins",
            begin_name="campaigns:check_ins_new",
            begin_label=gettext_lazy("Begin a check-in programme"),
            about=gettext_lazy("Members say day by day that they have done it, and keep a streak."),
            rows=rows,
        )
    )


def rows(asked: Asked) -> Sequence[Row]:
    """Two queries."""
    here = CheckInGroup.objects.filter(group__in=asked.groups, until_day=None).select_related("group")
    programmes = (
        CheckInProgramme.objects.visible_to(asked.user)
        .filter(pk__in=here.values("programme"), first_day__lte=asked.until.date())
        .exclude(last_day__lt=asked.since.date())
        .exclude(state=ProgrammeState.STOPPED)
        .annotate(counted=Count("check_ins", filter=Q(check_ins__state="counted")))
        .prefetch_related(Prefetch("places", queryset=here, to_attr="here"))
        .order_by("-first_day", "-pk")[: SHOWN * 3]
    )
    return [_row(programme, asked.now) for programme in programmes]


def _row(programme: CheckInProgramme, now: datetime) -> Row:
    state = stands(programme, now)
    calendar = programme.calendar
    first = calendar.hours(next(calendar.days(calendar.first_day, calendar.local_day(now)), calendar.first_day))
    last = calendar.last_day
    ends = calendar.hours(last) if last is not None else None
    coming = calendar.local_day(now) < calendar.first_day
    stage = Stage.OVER if state.is_over else Stage.COMING if coming else Stage.RUNNING
    words = _("Day %(number)d") % {"number": state.number} if stage == Stage.RUNNING else ""
    return Row(
        title=programme.name,
        stage=stage,
        groups=[place.group.name for place in programme.here],  # type: ignore[attr-defined]
        address=reverse("campaigns:check_ins_of", args=[programme.pk]),
        starts_at=first.opens if first else None,
        ends_at=ends.closes if ends else None,
        figure=_("%(number)d check-ins") % {"number": programme.counted},  # type: ignore[attr-defined]
        state=programme.get_state_display() if programme.state != ProgrammeState.RUNNING else words,
    )
