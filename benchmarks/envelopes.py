"""Claims of a red envelope a second, beside the least that could do the job: a counter that is counted down.

    python benchmarks/envelopes.py                                            SQLite
    python -m tests.plugins.postgres python benchmarks/envelopes.py           PostgreSQL

Both run in turn with as many threads, on a database of their own that is thrown away; what counts is the ratio. The
counter (`UPDATE ... SET remaining = remaining - 1 WHERE remaining > 0`) keeps no ledger and knows nobody.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="envelopes-"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from django.db import connection, connections
from django.db.models import F
from django.test.utils import setup_databases, teardown_databases

from campaigns.envelopes.services import share_claim
from campaigns.models import Prize
from campaigns.prizes.services import prize_create
from members.points.selectors import ledger_check
from tests.builders import NOW, make_group
from tests.campaigns.envelopes.things import make_members, make_open_round

THREADS, SHARES, ROUNDS = 8, 200, 3


def run(acts: list[Any]) -> float:
    """Seconds until THREADS threads have done all of these."""
    waiting, lock = list(acts), threading.Lock()

    def work() -> None:
        while True:
            with lock:
                act = waiting.pop() if waiting else None
            if act is None:
                connections.close_all()
                return
            act()

    threads = [threading.Thread(target=work) for _number in range(THREADS)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun


def main() -> None:
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        group = make_group()
        members = make_members(group, SHARES)
        ratios = []
        for number in range(ROUNDS):
            row = make_open_round(group, amount=10 * SHARES, shares=SHARES)
            counter = prize_create(by=None, now=NOW, title=str(number), stock=SHARES)
            bare = Prize.objects.filter(pk=counter.pk, awarded__lt=F("stock"))
            # In turn, so that a busy machine is busy for both.
            counted = run([lambda bare=bare: bare.update(awarded=F("awarded") + 1)] * SHARES)
            claimed = run(
                [
                    lambda row=row, member=member: share_claim(round_id=row.pk, member=member, now=NOW)
                    for member in members
                ]
            )
            assert not row.shares.filter(member=None).exists()
            ratio = claimed / counted
            ratios.append(ratio)
            print(
                f"{SHARES / counted:8,.0f} counts/s {SHARES / claimed:8,.0f} claims/s   one claim: {ratio:.1f} counts"
            )
        assert ledger_check().is_right
        median = sorted(ratios)[ROUNDS // 2]
        print(f"{connection.vendor}, {THREADS} threads: a claim takes as long as {median:.1f} counts (median)")
    finally:
        teardown_databases(databases, verbosity=0)


if __name__ == "__main__":
    main()
