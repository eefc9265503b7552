"""Budgets: what may be given away in a month."""

from __future__ import annotations

from datetime import date, datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import Branch, User
from campaigns.envelopes.models import BudgetMonth, EnvelopeBudget, EnvelopeRound
from members.points.services import NotEnoughPoints, issuer, points_transfer, purpose


class StaleBudget(Exception):
    """Somebody else changed it since the page was opened."""


def month_of(at: datetime) -> date:
    """The first day of the local month that an instant lies in."""
    return timezone.localdate(at).replace(day=1)


def month_ensure(*, budget: EnvelopeBudget, month: date, now: datetime) -> BudgetMonth:
    """The month of a budget, filled to the limit when it is asked for first. The limit is read anew under a lock, so
    that a change of it reaches every month."""
    row = BudgetMonth.objects.select_related("account").filter(budget=budget, month=month).first()
    if row is not None:
        return row
    with transaction.atomic():
        limit = EnvelopeBudget.objects.select_for_update(no_key=True).get(pk=budget.pk).month_limit
        account = purpose(f"budget:{budget.pk}:{month:%Y-%m}")
        row, is_new = BudgetMonth.objects.get_or_create(
            budget=budget, month=month, defaults={"limit": limit, "account": account}
        )
        if is_new and limit:
            points_transfer(
                key=f"budget:{row.pk}:1",
                debit=issuer(),
                credit=account,
                amount=limit,
                reason=budget.name,
                by=None,
                now=now,
            )
    return row


def month_available(*, budget: EnvelopeBudget, month: date) -> int:
    """What can still be planned in a month, as it stands."""
    row = BudgetMonth.objects.select_related("account").filter(budget=budget, month=month).first()
    return row.account.balance if row else budget.month_limit


def budget_save(
    *,
    by: User,
    now: datetime,
    budget: EnvelopeBudget | None,
    name: str,
    branch: Branch | None,
    month_limit: int,
    is_open: bool = True,
    version: int = 0,
) -> EnvelopeBudget:
    """Makes a budget, or changes it from this month on. Raises ValidationError by field for a limit below what is
    planned already or a name that is taken, and StaleBudget for who saw an older one."""
    values = {"name": name, "month_limit": month_limit, "is_open": is_open}
    try:
        with transaction.atomic():
            if budget is None:
                budget = EnvelopeBudget.objects.create(branch=branch, **values)
                audit_record(by=by, action="budget.created", subject=budget, after=values)
                return budget
            row = EnvelopeBudget.objects.select_for_update(no_key=True).get(pk=budget.pk)
            if row.version != version:
                raise StaleBudget
            before = {key: getattr(row, key) for key in values}
            EnvelopeBudget.objects.filter(pk=row.pk).update(**values, version=version + 1)
            for month in row.months.filter(month__gte=month_of(now)).select_related("account").order_by("month"):
                _month_resize(month, month_limit, row.name, by, now, version + 1)
            audit_record(by=by, action="budget.updated", subject=row, before=before, after=values)
    except IntegrityError:
        raise ValidationError({"name": _("There is a budget of this name already.")}) from None
    budget.refresh_from_db()
    return budget


def _month_resize(month: BudgetMonth, limit: int, name: str, by: User, now: datetime, version: int) -> None:
    more = limit - month.limit
    if not more:
        return
    ends = (issuer(), month.account) if more > 0 else (month.account, issuer())
    try:
        points_transfer(
            key=f"budget:{month.pk}:{version}",
            debit=ends[0],
            credit=ends[1],
            amount=abs(more),
            reason=name,
            by=by,
            now=now,
        )
    except NotEnoughPoints as error:
        planned = month.limit - error.balance
        raise ValidationError(
            {
                "month_limit": _("In %(month)s %(planned)s points are planned already.")
                % {"month": f"{month.month:%Y-%m}", "planned": f"{planned:,}"}
            }
        ) from error
    BudgetMonth.objects.filter(pk=month.pk).update(limit=limit)


def months_end(*, now: datetime) -> int:
    """Gives back what is left of months that are over and have no round to come; returns how many. A round keeps its
    month open until it has ended, so nothing is refunded to a month that is closed."""
    ended = 0
    over = BudgetMonth.objects.filter(ended_at=None, month__lt=month_of(now))
    waiting = EnvelopeRound.objects.live().values("month")
    for number in over.exclude(pk__in=waiting).order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            month = BudgetMonth.objects.select_for_update(of=("self",)).select_related("account", "budget")
            row = month.filter(pk=number, ended_at=None).first()
            if row is None:
                continue
            if left := row.account.balance:
                points_transfer(
                    key=f"budget:{row.pk}:end",
                    debit=row.account,
                    credit=issuer(),
                    amount=left,
                    reason=row.budget.name,
                    by=None,
                    now=now,
                )
            BudgetMonth.objects.filter(pk=row.pk).update(ended_at=now)
            ended += 1
    return ended
