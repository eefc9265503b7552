from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Count, DateTimeField, Exists, ExpressionWrapper, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from activity.models import BuiltInKind, Event
from delivery.models import Delivery, State
from groups.models import Group

if TYPE_CHECKING:
    from accounts.models import User
    from campaigns.stories.models import Benchmark  # noqa: F401  named in the base below

# For how long after a story what members do is counted.
AFTER = timedelta(hours=24)
REACTIONS = (BuiltInKind.ANSWER, BuiltInKind.LIKE, BuiltInKind.MESSAGE)


class BenchmarkQuerySet(models.QuerySet["Benchmark"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every benchmark, a branch those of its groups."""
        return self if user.branch_id is None else self.filter(group__branch_id=user.branch_id)

    def standing(self) -> Self:
        """Those that were not withdrawn."""
        return self.exclude(state="withdrawn")

    def matching(self, text: str) -> Self:
        return self.filter(Q(member__name__icontains=text) | Q(group__name__icontains=text) | Q(title__icontains=text))

    def with_reactions(self) -> Self:
        """`sent_at`, when the story reached its group, and how many members other than its own wrote, answered or liked
        in the group in the day `after` it and in the day `before`; None while it was not sent."""
        sent = Delivery.objects.filter(post_id=OuterRef("post_id"), group_id=OuterRef("group_id"), state=State.SENT)
        dated = self.annotate(sent_at=Subquery(sent.order_by("settled_at").values("settled_at")[:1]))
        return dated.annotate(
            until=ExpressionWrapper(F("sent_at") + AFTER, output_field=DateTimeField()),
            since=ExpressionWrapper(F("sent_at") - AFTER, output_field=DateTimeField()),
        ).annotate(after=_members("sent_at", "until"), before=_members("since", "sent_at"))


def _members(start: str, end: str) -> Coalesce:
    acts = Event.objects.filter(
        group_id=OuterRef("group_id"), at__gte=OuterRef(start), at__lt=OuterRef(end), kind__slug__in=REACTIONS
    ).exclude(member_id=OuterRef("member_id"))
    counted = acts.order_by().values("group_id").annotate(n=Count("member_id", distinct=True)).values("n")
    return Coalesce(Subquery(counted), 0)


def groups_without(groups: models.QuerySet[Group], *, opened_before: datetime) -> models.QuerySet[Group]:
    """Active groups that opened before an instant and have no benchmark yet, the oldest first."""
    from campaigns.stories.models import Benchmark  # the model needs this file first

    standing = Benchmark.objects.standing().filter(group=OuterRef("pk"))
    return groups.filter(~Exists(standing), state="active", opened_at__lte=opened_before)
