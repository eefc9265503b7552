from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q, Subquery

if TYPE_CHECKING:
    from accounts.models import User
    from campaigns.playbooks.models import Playbook, PlaybookRun, StepRun  # noqa: F401  named in the bases below

OPEN = ("planned", "waiting")


class PlaybookQuerySet(models.QuerySet["Playbook"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every playbook, a branch its own and those that all share."""
        return self if user.branch_id is None else self.filter(Q(branch_id=user.branch_id) | Q(branch=None))

    def running(self) -> Self:
        return self.filter(state="running")

    def matching(self, text: str) -> Self:
        """Playbooks with `text` in their name or in what they are for."""
        return self.filter(Q(name__icontains=text) | Q(about__icontains=text)) if text else self


class PlaybookRunQuerySet(models.QuerySet["PlaybookRun"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every run, a branch those of its groups."""
        return self if user.branch_id is None else self.filter(group__branch_id=user.branch_id)

    def running(self) -> Self:
        return self.filter(state="running")

    def matching(self, text: str) -> Self:
        """Runs of a group or member whose name contains `text`."""
        if not text:
            return self
        return self.filter(Q(group__name__icontains=text) | Q(membership__member__name__icontains=text))

    def with_step(self) -> Self:
        """Each with the first of its steps that is not over: `at_step`, and until when that is to be done."""
        steps = apps.get_model("campaigns", "StepRun").objects.filter(run=OuterRef("pk"), state__in=OPEN)
        first = steps.order_by("due_at", "pk")
        return self.annotate(
            at_step=Subquery(first.values("step_id")[:1]), at_deadline=Subquery(first.values("deadline")[:1])
        )

    def late(self, now: datetime) -> Self:
        """Runs with a step that should be done by now."""
        steps = apps.get_model("campaigns", "StepRun").objects.overdue(now).filter(run=OuterRef("pk"))
        return self.filter(Exists(steps), state="running")


class StepRunQuerySet(models.QuerySet["StepRun"]):
    def open(self) -> Self:
        return self.filter(state__in=OPEN)

    def due(self, now: datetime) -> Self:
        """Planned steps whose time has come, of runs and playbooks that run."""
        return self.filter(state="planned", due_at__lte=now, run__state="running", run__playbook__state="running")

    def overdue(self, now: datetime) -> Self:
        return self.open().filter(deadline__lt=now)
