"""Ends a process when its parent ends, however the parent ended."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # linux/prctl.h
LINUX = sys.platform.startswith("linux")
_prctl = ctypes.CDLL(None).prctl if LINUX else None


def follow_parent(parent: int | None = None) -> None:
    """From now on the kernel kills this process when its parent dies; where the kernel cannot, a thread looks each
    second.

    `parent` is the process id the parent had when it started this one: if it is gone already, this process ends at
    once. A child that another program starts does not inherit this.
    """
    expected = parent or os.getppid()
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_watch, args=(expected,), name="lifeline", daemon=True).start()
    if os.getppid() != expected:
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def before_exec() -> Callable[[], None] | None:
    """What `subprocess.Popen(preexec_fn=...)` runs in the child, so that any program follows this process.

    Only Linux keeps the wish over `exec`. The caller must have no threads of its own, as after every fork.
    """
    if _prctl is None:
        return None
    prctl, parent = _prctl, os.getpid()

    def run() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return run
