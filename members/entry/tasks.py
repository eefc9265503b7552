"""Background work of entry."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from members.entry.services import applications_sweep, newcomers_note, welcome_send, welcomes_due


@shared_task(name="members.welcome_newcomers")
def welcome_newcomers() -> None:
    """Notes who joined and plans the welcomes that are due. Safe to run twice, and two at once."""
    now = timezone.now()
    newcomers_note(now=now)
    for group_id in welcomes_due(now=now):
        welcome_send(group_id=group_id, now=now)


@shared_task(name="members.sweep_applications")
def sweep_applications() -> None:
    applications_sweep(now=timezone.now())
