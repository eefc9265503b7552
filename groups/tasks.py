"""Background work of groups; each subject keeps its own, and Celery finds them here."""

from __future__ import annotations

from groups.bulk.tasks import resume_bulk, run_bulk

__all__ = ["resume_bulk", "run_bulk"]
