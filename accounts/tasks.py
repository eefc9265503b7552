from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from accounts.idempotency import idempotent_requests_forget


@shared_task(name="accounts.forget_idempotent_requests")
def forget_idempotent_requests() -> None:
    idempotent_requests_forget(now=timezone.now())
