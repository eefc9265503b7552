"""How gunicorn serves in production; gunicorn reads this file by itself.

WEB_CONCURRENCY sets the number of processes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

bind = "0.0.0.0:8000"
threads = 4
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108  a heartbeat file must not wait for a disk
graceful_timeout = 30
keepalive = 5
max_requests = 10_000
max_requests_jitter = 1_000
errorlog = "-"

# Every process counts for itself; the sum of them is what Prometheus wants. Set before the application is imported.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="metrics-")


def child_exit(server: Any, worker: Any) -> None:
    """Drop the gauges of a process that is gone."""
    from prometheus_client import multiprocess  # it looks at the variable above when it is imported

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    """The counts end with the server."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
