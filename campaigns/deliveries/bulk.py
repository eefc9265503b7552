"""One decision about many deliveries at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Concat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from campaigns.deliveries.services import Decided, Decision, delivery_decide, delivery_undecide, states_for
from campaigns.posts.selectors import deliveries_visible_to
from delivery.models import Delivery
from groups.bulk.actions import (
    BulkAction,
    BulkSubject,
    Changed,
    Outcome,
    Params,
    Text,
    Unchanged,
    register_action,
    register_subject,
)
from groups.models import Group, Permission

NOT_YOURS = gettext_lazy("not yours to decide: your role in the group does not let you post")


@dataclass(frozen=True)
class DeliverySubject(BulkSubject):
    """Deliveries as rows: what a person may see of them is the groups' affair, and their name is made of two."""

    def visible_to(self, user: User) -> QuerySet[Any]:
        group = Group.objects.filter(pk=OuterRef("group_id")).values("name")[:1]
        name = Concat("message__title", Value(" · "), Coalesce(Subquery(group), Value("")), output_field=CharField())
        return deliveries_visible_to(user).annotate(name=name)


def _reasons(decision: Decision) -> Callable[[User, Params], list[tuple[Text, Q | Exists]]]:
    def reasons(user: User, _params: Params) -> list[tuple[Text, Q | Exists]]:
        permitted = Group.objects.visible_to(user).permitted(user, Permission.POST).order_by().values("pk")
        return [
            (gettext_lazy("in a state where this cannot be decided"), ~Q(state__in=states_for(decision))),
            (NOT_YOURS, ~Q(group_id__in=permitted)),
        ]

    return reasons


def _apply(decision: Decision) -> Callable[[Sequence[Delivery], Params, User, datetime], dict[int, Outcome]]:
    def apply(deliveries: Sequence[Delivery], _params: Params, by: User, now: datetime) -> dict[int, Outcome]:
        outcomes: dict[int, Outcome] = {}
        for delivery in deliveries:
            done = delivery_decide(by=by, now=now, delivery=delivery, decision=decision, seen=delivery.state)
            outcomes[delivery.pk] = Changed(done.before) if done else Unchanged(_("has moved on meanwhile"))
        return outcomes

    return apply


def _undo(
    decision: Decision,
) -> Callable[[Sequence[tuple[Any, dict[str, Any]]], Params, User, datetime], dict[int, str]]:
    def undo(rows: Sequence[tuple[Any, dict[str, Any]]], _params: Params, by: User, _now: datetime) -> dict[int, str]:
        groups = {delivery.group_id for delivery, _before in rows}
        permitted = Group.objects.permitted(by, Permission.POST).filter(pk__in=groups)
        allowed = set(permitted.values_list("pk", flat=True))
        kept = {}
        for delivery, before in rows:
            if delivery.group_id not in allowed:
                kept[delivery.pk] = str(NOT_YOURS)
            elif not delivery_undecide(by=by, decided=Decided(delivery.pk, decision, before)):
                kept[delivery.pk] = _("has left, or was decided anew")
        return kept

    return undo


def register_actions() -> None:
    register_subject(DeliverySubject("delivery", gettext_lazy("Deliveries"), Delivery))
    for decision, label, icon, sentence in (
        (
            Decision.SEND,
            gettext_lazy("Send again"),
            "send",
            gettext_lazy("Send again. Who got it before reads it twice; what has left cannot be taken back"),
        ),
        (
            Decision.MARK_SENT,
            gettext_lazy("Mark as sent"),
            "check",
            gettext_lazy("Mark as sent. Nothing leaves any more"),
        ),
        (Decision.SKIP, gettext_lazy("Skip"), "x", gettext_lazy("Skip. Nothing is sent")),
    ):
        register_action(
            BulkAction(
                slug=f"delivery.{decision.name.lower()}",
                subject="delivery",
                label=label,
                icon=icon,
                sentence=lambda _user, _params, said=sentence: str(said),  # type: ignore[misc]
                unchanged=_reasons(decision),
                apply=_apply(decision),
                undo=_undo(decision),
            )
        )
