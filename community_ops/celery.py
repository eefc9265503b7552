"""The Celery application: `celery -A community_ops worker`, `celery -A community_ops beat`."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

from celery import Celery
from celery.signals import task_postrun, task_prerun

from community_ops.lib.way_in import coming_by

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "community_ops.settings")

app = Celery("community_ops")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

_ways: dict[str, ExitStack] = {}


@task_prerun.connect
def _remember_way_in(task_id: str, task: Any, **_more: Any) -> None:
    _ways[task_id] = ExitStack()
    _ways[task_id].enter_context(coming_by(f"task:{task.name}"))


@task_postrun.connect
def _forget_way_in(task_id: str, **_more: Any) -> None:
    if stack := _ways.pop(task_id, None):
        stack.close()
