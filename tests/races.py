"""Many who do one thing at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.db import connections


def at_once(act: Callable[[int], Any], number: int) -> list[Any]:
    """What `act` answered, or raised, in each of `number` threads that start together."""
    barrier = threading.Barrier(number)
    outcomes: list[Any] = [None] * number

    def run(position: int) -> None:
        barrier.wait()
        try:
            outcomes[position] = act(position)
        except Exception as error:
            outcomes[position] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[position]) for position in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
