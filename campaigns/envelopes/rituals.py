"""Red envelopes on the page "Rituals": a row for each round in a group."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.envelopes.models import EnvelopeRound
from campaigns.rituals.parts import SHOWN, Asked, Row, Stage


def envelope_rows(asked: Asked) -> Sequence[Row]:
    """Three queries."""
    rounds = EnvelopeRound.objects.visible_to(asked.user).filter(group__in=asked.groups)
    now = asked.now
    over = rounds.exclude(refunded=None).filter(ended_at__gt=asked.since)
    return [
        *_rows(rounds.open_at(now).order_by("expires_at", "pk"), Stage.RUNNING),
        *_rows(
            rounds.live().filter(opens_at__gt=now, opens_at__lte=asked.until).order_by("opens_at", "pk"), Stage.COMING
        ),
        *_rows(over.order_by("-ended_at", "-pk"), Stage.OVER),
    ]


def _rows(rounds: QuerySet[EnvelopeRound], stage: Stage) -> list[Row]:
    found = rounds.select_related("group", "envelope").with_results()[:SHOWN]  # type: ignore[attr-defined]
    return [
        Row(
            title=row.envelope.greeting,
            stage=stage,
            groups=[row.group.name],
            address=reverse("campaigns:envelope", args=[row.envelope_id]),
            starts_at=row.opens_at,
            ends_at=row.ended_at or row.expires_at,
            figure=_("%(amount)s points in %(shares)s shares")
            % {"amount": f"{row.envelope.amount:,}", "shares": row.envelope.shares}
            if stage == Stage.COMING
            else _("%(taken)s of %(shares)s shares") % {"taken": row.claimed, "shares": row.envelope.shares},
            kind=gettext_lazy("Red envelope"),
        )
        for row in found
    ]
