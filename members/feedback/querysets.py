from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.db import models
from django.db.models import Case, Count, Exists, IntegerField, Max, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce

if TYPE_CHECKING:
    from accounts.models import User
    from members.feedback.models import Need, NeedAsk, NeedCategory  # noqa: F401  named in the bases below


class NeedCategoryQuerySet(models.QuerySet["NeedCategory"]):
    def in_use(self) -> Self:
        """Those that may be chosen."""
        return self.filter(retired_at=None)


class NeedQuerySet(models.QuerySet["Need"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every need, a branch its own."""
        return self if user.branch_id is None else self.filter(branch_id=user.branch_id)

    def standing(self) -> Self:
        """Those that did not become part of another."""
        return self.filter(merged_into=None)

    def matching(self, text: str) -> Self:
        """Needs with `text` in how staff put them, or in the words of somebody who asked."""
        asks = apps.get_model("members", "NeedAsk").objects.filter(need=OuterRef("pk"), text__icontains=text)
        return self.filter(Q(text__icontains=text) | Exists(asks))

    def with_askers(self) -> Self:
        """`askers`, how many members asked, and `asked_at`, when the last one did. `is_new` is 0 for what nobody has
        looked at yet, so that it sorts first."""
        asks = apps.get_model("members", "NeedAsk").objects.filter(need=OuterRef("pk")).order_by().values("need")
        return self.annotate(
            askers=Coalesce(Subquery(asks.annotate(n=Count("member", distinct=True)).values("n")), 0),
            asked_at=Subquery(asks.annotate(last=Max("at")).values("last")),
            is_new=Case(When(status="new", then=Value(0)), default=Value(1), output_field=IntegerField()),
        )


class NeedAskQuerySet(models.QuerySet["NeedAsk"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every ask, a branch those for its needs."""
        return self if user.branch_id is None else self.filter(need__branch_id=user.branch_id)
