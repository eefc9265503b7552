"""The members behind a figure of the overview."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from analytics.columns import Ints
from analytics.health.counting import GONE
from analytics.overview.crowd import came, cohorts_of, stayed_of, went
from analytics.overview.forms import OverviewForm
from analytics.overview.orders import orders_within
from analytics.overview.page import LABELS, days_words
from analytics.overview.scope import Scope
from analytics.sources import with_ids
from members.models import Member


def members_behind(
    form: OverviewForm, scope: Scope, *, figure: str, currency: str
) -> tuple[QuerySet[Member], list[str]]:
    """The members, and in words what they have in common. Raises KeyError for a figure that is not there."""

    def of(ids: Ints) -> QuerySet[Member]:
        return with_ids(scope.members, ids.tolist())

    def ordered() -> QuerySet[Member]:
        orders = orders_within(scope, scope.days, scope.days).filter(member=OuterRef("pk"))
        return scope.members.filter(Exists(orders.filter(currency=currency) if currency else orders))

    end = scope.days.end
    present = scope.places.filter(joined_at__lt=end).exclude(GONE & Q(left_at__lt=end))
    rows: dict[str, Callable[[], QuerySet[Member]]] = {
        "members": lambda: scope.members.filter(pk__in=present.values("member")),
        "joined": lambda: scope.members.filter(pk__in=came(scope, scope.days).values("member")),
        "left": lambda: scope.members.filter(pk__in=went(scope, scope.days).values("member")),
        "active": lambda: of(scope.active(scope.days)),
        "stayed": lambda: of(stayed_of(scope, cohorts_of(scope)[:1])[0]),
        "bought": lambda: of(cohorts_of(scope)[0].bought),
        "orders": ordered,
        "revenue": ordered,
    }
    found = rows[figure]()
    label = _("Revenue, %(currency)s") % {"currency": currency} if figure == "revenue" else str(LABELS[figure])
    branch = dict(form.fields["branch"].choices).get(form.cleaned_data["branch"])  # type: ignore[attr-defined]
    return found, [label, days_words(form), *([str(branch)] if form.cleaned_data["branch"] else [])]
