"""The Celery application: `celery -A community_ops worker`, `celery -A community_ops beat`."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "community_ops.settings")

app = Celery("community_ops")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
