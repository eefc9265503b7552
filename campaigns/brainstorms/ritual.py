"""Brainstorms among the rituals of the console."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from campaigns.brainstorms.models import Brainstorm
from campaigns.rituals.parts import SHOWN, Asked, Part, Row, Stage, register_part


def rows(asked: Asked) -> Sequence[Row]:
    """What is open, what comes, and what was answered lately. Three queries."""
    sessions = Brainstorm.objects.visible_to(asked.user).held().filter(group__in=asked.groups)
    now = asked.now
    return [
        *_rows(sessions.filter(opens_at__lte=now, closes_at__gt=now).order_by("closes_at", "pk"), Stage.RUNNING),
        *_rows(sessions.filter(opens_at__gt=now, opens_at__lte=asked.until).order_by("opens_at", "pk"), Stage.COMING),
        *_rows(
            sessions.filter(closes_at__lte=now, closes_at__gt=asked.since).order_by("-closes_at", "-pk"), Stage.OVER
        ),
    ]


def _rows(sessions: QuerySet[Brainstorm], stage: Stage) -> list[Row]:
    found = sessions.select_related("group").with_figures()[:SHOWN]  # type: ignore[attr-defined]
    return [
        Row(
            title=session.question[:80],
            stage=stage,
            groups=[session.group.name],
            address=reverse("campaigns:brainstorm", args=[session.pk]),
            starts_at=session.opens_at,
            ends_at=session.closes_at,
            figure="" if stage == Stage.COMING else _figure(session.answered, session.waiting),
        )
        for session in found
    ]


def _figure(answered: int, waiting: int) -> str:
    words = ngettext("%(number)d answer", "%(number)d answers", answered) % {"number": answered}
    if not waiting:
        return words
    return f"{words} · " + ngettext("%(number)d not yet liked", "%(number)d not yet liked", waiting) % {
        "number": waiting
    }


def register() -> None:
    register_part(
        Part(
            slug="brainstorms",
            label=_("Brainstorms"),
            icon="bulb",
            order=20,
            list_name="campaigns:brainstorms",
            begin_name="campaigns:brainstorm_plan_new",
            begin_label=_("Plan a brainstorm"),
            about=_("A question at a fixed hour. Whoever answers is liked at once, so that they feel seen."),
            rows=rows,
        )
    )
