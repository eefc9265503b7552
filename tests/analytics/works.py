"""Work for the workers of a cluster, which have no Django set up: nothing else may be imported here."""

from __future__ import annotations

import os
import time


class WhoWorks:
    def __call__(self, shard):
        time.sleep(0.05)
        return os.getpid()


class Slowly:
    def __call__(self, shard):
        time.sleep(0.2)
        return len(shard.at)
