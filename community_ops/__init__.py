"""Wiring on top: settings, URLs, the Celery application and the commands that run the installation."""

from __future__ import annotations

from community_ops.celery import app as celery_app

__all__ = ["celery_app"]
