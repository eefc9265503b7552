"""Envelopes are planned, and what is planned is reserved; they are stopped, and the rest goes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from campaigns.envelopes.models import Envelope, EnvelopeBudget, EnvelopeRound, Split
from campaigns.envelopes.services.budgets import month_ensure, month_of
from campaigns.envelopes.services.running import round_end
from campaigns.posts.services import Schedule, Source, post_create, post_stop
from delivery.models import Value
from groups.models import Group, Permission
from members.models import Segment, Tag
from members.points.services import NotEnoughPoints, points_transfer, purpose

MOST_ROUNDS = 20
MOST_SHARES = 500
LONGEST_OPEN = 7 * 24 * 60  # minutes


@dataclass(frozen=True)
class Plan:
    """What somebody wants to plan. `times` are the openings of the rounds."""

    greeting: str
    budget: EnvelopeBudget
    amount: int
    shares: int
    groups: Sequence[Group]
    times: Sequence[datetime]
    split: str = Split.RANDOM
    role: str = ""
    tag: Tag | None = None
    segment: Segment | None = None
    shows_luckiest: bool = True
    open_minutes: int = 60
    announces: bool = True

    @property
    def cost(self) -> int:
        """All points that it would reserve."""
        return self.amount * len(self.times) * len(self.groups)


def plan_check(*, by: User | None, now: datetime, plan: Plan) -> None:
    """Raises ValidationError by field for what cannot be planned; whether the budget covers it is asked when it is
    reserved."""
    errors: dict[str, Any] = {}
    if not 0 < plan.shares <= MOST_SHARES:
        errors["shares"] = _("Between 1 and %(most)d shares.") % {"most": MOST_SHARES}
    elif plan.amount < plan.shares:
        errors["amount"] = _("Every share holds at least one point: take fewer shares or more points.")
    if not 0 < plan.open_minutes <= LONGEST_OPEN:
        errors["open_minutes"] = _("At most seven days.")
    if not plan.groups:
        errors["groups"] = _("Choose at least one group.")
    elif by is not None:
        permitted = Group.objects.visible_to(by).permitted(by, Permission.ENVELOPES).postable()
        allowed = set(permitted.filter(pk__in=[group.pk for group in plan.groups]).values_list("pk", flat=True))
        refused = [group.name for group in plan.groups if group.pk not in allowed]
        if refused:
            errors["groups"] = _("You may not send envelopes in: %(groups)s.") % {"groups": ", ".join(refused)}
    if not 0 < len(plan.times) <= MOST_ROUNDS:
        errors["times"] = _("Between 1 and %(most)d times.") % {"most": MOST_ROUNDS}
    elif len(set(plan.times)) < len(plan.times):
        errors["times"] = _("Two rounds cannot open at the same time.")
    elif any(at + timedelta(minutes=plan.open_minutes) <= now for at in plan.times):
        errors["times"] = _("One of the times has passed.")
    if not plan.budget.is_open:
        errors["budget"] = _("This budget is not in use any more.")
    if errors:
        raise ValidationError(errors)


def envelope_plan(*, by: User | None, now: datetime, plan: Plan) -> Envelope:
    """Plans the rounds of an envelope, reserves their points and announces them. All or nothing.

    Raises ValidationError by field: as plan_check does, for a month whose budget does not cover it, and as post_create
    does for a group that cannot be posted to.
    """
    plan_check(by=by, now=now, plan=plan)
    with transaction.atomic():
        envelope = Envelope.objects.create(
            greeting=plan.greeting,
            budget=plan.budget,
            amount=plan.amount,
            shares=plan.shares,
            split=plan.split,
            role=plan.role,
            tag_id=plan.tag.pk if plan.tag else None,
            segment_id=plan.segment.pk if plan.segment else None,
            shows_luckiest=plan.shows_luckiest,
            open_minutes=plan.open_minutes,
            created_at=now,
            created_by=by,
        )
        # By time, so that all who plan hold the accounts of months in one order.
        for number, at in enumerate(sorted(plan.times), start=1):
            for group in plan.groups:
                _round_reserve(envelope, group, number, at, plan, by, now)
        after = {"greeting": plan.greeting, "points": plan.cost, "rounds": len(plan.times), "groups": len(plan.groups)}
        audit_record(by=by, action="envelope.planned", subject=envelope, after=after)
    return envelope


def _round_reserve(
    envelope: Envelope, group: Group, number: int, at: datetime, plan: Plan, by: User | None, now: datetime
) -> None:
    month = month_ensure(budget=plan.budget, month=month_of(at), now=now)
    row = EnvelopeRound.objects.create(
        envelope=envelope,
        group=group,
        number=number,
        opens_at=at,
        expires_at=at + timedelta(minutes=plan.open_minutes),
        month=month,
        account=purpose(f"envelope:{envelope.pk}:{number}:{group.pk}"),
    )
    try:
        points_transfer(
            key=f"envelope:{row.pk}",
            debit=month.account,
            credit=row.account,
            amount=plan.amount,
            reason=envelope.greeting,
            by=by,
            now=now,
        )
    except NotEnoughPoints as error:
        raise ValidationError({"budget": _over_budget(row, plan, error.balance)}) from error
    if plan.announces:
        row.post = _announce(row, plan, by, now)
        row.save(update_fields=["post"])


def _over_budget(row: EnvelopeRound, plan: Plan, left: int) -> str:
    """`left` is what the account of the month holds after the rounds that were reserved before this one."""
    reserved = plan.amount * (EnvelopeRound.objects.filter(envelope=row.envelope, month=row.month).count() - 1)
    needed = plan.amount * len(plan.groups) * sum(month_of(at) == row.month.month for at in plan.times)
    return _("It needs %(needed)s points in %(month)s, and the budget has %(left)s left there.") % {
        "needed": f"{needed:,}",
        "month": f"{row.month.month:%Y-%m}",
        "left": f"{left + reserved:,}",
    }


def _announce(row: EnvelopeRound, plan: Plan, by: User | None, now: datetime) -> Any:
    until = timezone.localtime(row.expires_at)
    body = _("%(shares)d shares, %(amount)s points in all. Open until %(until)s.") % {
        "shares": plan.shares,
        "amount": f"{plan.amount:,}",
        "until": f"{until:%m-%d %H:%M}",
    }
    address = reverse("member:envelope", args=[row.group.page_token, row.pk])
    return post_create(
        by=by,
        now=now,
        title=plan.greeting,
        body=body,
        groups=[row.group],
        schedule=Schedule(timezone=settings.TIME_ZONE, at=row.opens_at),
        source=Source(
            link=f"{settings.PUBLIC_URL}{address}", link_title=_("Open the red envelope"), value=Value.BENEFIT
        ),
        late_minutes=max(1, plan.open_minutes // 2),
    )


def envelope_stop(*, by: User, now: datetime, envelope: Envelope) -> int:
    """Stops what is planned or open: what nobody claimed goes back to the budget, announcements to come are taken
    back. Returns how many points went back."""
    refunded = 0
    with transaction.atomic():
        rounds = EnvelopeRound.objects.live().filter(envelope=envelope).order_by("pk")
        stopped = 0
        for row in rounds.select_related("post"):
            rest = round_end(round_id=row.pk, now=now, stopped=True)
            if rest is None:
                continue
            stopped += 1
            refunded += rest
            if row.post is not None and row.opens_at > now:
                post_stop(by=by, now=now, post=row.post)
        if stopped:
            after = {"rounds": stopped, "refunded": refunded}
            audit_record(by=by, action="envelope.stopped", subject=envelope, after=after)
    return refunded
