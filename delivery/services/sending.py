"""Deliveries on their way out: claimed, handed to their adapters, settled.

One thread does everything that touches the database, in batches; others wait for receivers, and do nothing else. So a
slow receiver costs a thread, and none of them gets so many that the others would have to wait.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from queue import SimpleQueue

import redis
import structlog
from django.utils import timezone

from delivery import registry
from delivery.adapters.base import Outgoing, SendError
from delivery.limiter import Limiter
from delivery.models import Delivery, State
from delivery.services.claiming import calls_known, claim, fill, host_of, outgoing_of, queued
from delivery.services.settling import Outcome, Try, outcome_of, put_off, settle, waiting

logger = structlog.get_logger(__name__)

# Calls at once, besides those that have taken longer than SLOW: they do not keep others waiting.
CALLS = 64
THREADS = 128
SLOW = 1.0  # seconds
# A receiver that is known to be slow gets so many calls at once; the rest waits in the outbox.
SLOW_CALLS = 8
SLOW_FOR = 30.0
SLOW_WAIT = 5.0
# Claims wait until there are threads for so many, and take as many as there are threads for: each of them begins at
# once, and what was not begun can still be called off.
ROOM_TO_CLAIM = 32
# So many are put in order at once: where thousands are queued, doing it for each claim took longer than the calls.
LOOKS_AHEAD = 256
SETTLED_EVERY = 0.15
# A run takes on more for so long, that other tasks get their turn; longer while it waits for receivers anyway.
TAKES_FOR = 5.0
TAKES_WHILE_WAITING = 30.0
LOOKS_EVERY = 0.25
LIMITER_AWAY = 5.0

LIMITERS = {kind: Limiter(rate) for kind, rate in registry.RATES.items()}
# Hosts that were slow, and when last. Each process learns for itself.
_slow: OrderedDict[str, float] = OrderedDict()
MOST_SLOW = 1000


def deliver(*, delivery_id: int) -> None:
    """Sends one queued delivery. Does nothing when another worker took it, or it was called off."""
    _Run([delivery_id], takes_more=False).run()


def deliver_all(*, ids: list[int]) -> bool:
    """Sends these queued deliveries and what else is queued, for as long as a run may take. Whether some are left.

    Both steps of a delivery are UPDATEs that name the state and the try before them: whoever comes second changes
    nothing. The adapter works between them, outside any transaction; a worker killed there leaves `sending` behind,
    which the dispatcher finds.
    """
    return _Run(ids, takes_more=True).run()


class _Run:
    """The deliveries that one task sends side by side."""

    def __init__(self, ids: Iterable[int], *, takes_more: bool):
        # Looking first keeps a task that comes twice, which finds nothing, from asking for the write lock.
        self.left = deque(queued(list(ids)).values_list("pk", flat=True))
        self.takes_more = takes_more
        self.running: set[Try] = set()
        # The calls that are over, how they ended and when, as their threads tell. They wake this one when there are
        # enough of them: waking up for each took an eighth of the interpreter's time.
        self.answered: deque[tuple[Try, BaseException | None, float]] = deque()
        self.enough = 1
        self.woken = threading.Event()
        self.done: list[tuple[Try, Outcome]] = []
        self.begun = time.monotonic()
        self.settled_at = self.looked_at = 0.0

    def run(self) -> bool:
        try:
            while self._begin() or self.running:
                self._collect()
                self._settle()
        finally:
            # Also where something broke: what became of the others is written down.
            while self.running:
                self._collect()
            self._settle(at_once=True)
        return self.takes_more and queued().exists()

    def _begin(self) -> bool:
        """Claims some and sends them on their way; False when there is nothing more to begin with."""
        room = self._room()
        if room < ROOM_TO_CLAIM:
            return True
        found = self._next(room)
        if found is None:
            return False
        now = timezone.now()
        against = registry.objections(found, now) if found else {}
        ready: list[Delivery] = []
        for delivery in found:
            if delivery.destination and delivery.destination.disabled_at:
                self.done.append((Try(delivery), Outcome(State.FAILED, "destination_disabled")))
            elif code := against.get(delivery.pk):
                self.done.append((Try(delivery), Outcome(State.SKIPPED, code)))
            else:
                ready.append(delivery)
        broken = fill(deliveries=ready, now=now)
        for delivery in ready:
            self._send(Try(delivery), broken.get(delivery.pk), now)
        return True

    def _room(self) -> int:
        """How many more calls may begin."""
        now = time.monotonic()
        slow = [one for one in self.running if now - one.began > SLOW]
        for one in slow:
            _remember_slow(one.host)
        return min(CALLS - len(self.running) + len(slow), THREADS - len(self.running))

    def _next(self, most: int) -> list[Delivery] | None:
        """The next that are claimed, maybe none of those looked at; None when there are no more to look at."""
        if not self.left and self._may_look():
            self.left.extend(queued().values_list("pk", flat=True)[:LOOKS_AHEAD])
            self.looked_at = time.monotonic()
        if not self.left:
            return None
        ids = [self.left.popleft() for _number in range(min(most, len(self.left)))]
        now = timezone.now()
        claimed = claim(ids=ids, now=now, is_busy=self._is_busy)
        if claimed.busy:
            put_off(ids=claimed.busy, code="receiver_slow", seconds=SLOW_WAIT, now=now)
        self.left.extendleft(claimed.later)
        if claimed.seen:
            self.looked_at = 0.0
        return claimed.ours

    def _may_look(self) -> bool:
        """Whether to ask for more than what was named."""
        now = time.monotonic()
        age = now - self.begun
        over = age > (TAKES_WHILE_WAITING if self.running else TAKES_FOR)
        return self.takes_more and not over and now - self.looked_at > LOOKS_EVERY

    def _is_busy(self, taken: Sequence[Delivery], host: str) -> bool:
        if time.monotonic() - _slow.get(host, -SLOW_FOR) >= SLOW_FOR:
            return False
        running = sum(one.host == host for one in self.running)
        return running + sum(host_of(delivery) == host for delivery in taken) >= SLOW_CALLS

    def _send(self, one: Try, broken: SendError | None, now: datetime) -> None:
        """Hands it to a thread, or does it here where nobody has to be waited for."""
        delivery = one.delivery
        try:
            if broken:
                raise broken
            outgoing = outgoing_of(delivery=delivery, now=now)
            if seconds := self._places(one, outgoing, now):
                self.done.append((one, waiting(code="rate_limited", seconds=seconds, now=now)))
                return
        except SendError as error:
            self._over(one, error)
            return
        if delivery.kind in registry.LOCAL_KINDS:
            self._over(one, _handed_over(delivery.kind, outgoing))
            return
        one.host, one.began = host_of(delivery), time.monotonic()
        _crew().call(partial(self._call, one, outgoing), among=len(self.running) + 1)
        self.running.add(one)

    def _places(self, one: Try, outgoing: Outgoing, now: datetime) -> float:
        """Takes places for its calls where its receiver counts them; returns the seconds until its turn comes."""
        delivery = one.delivery
        calls = registry.calls(delivery.kind, outgoing)
        key = delivery.destination.key_hash if delivery.destination else ""
        if not calls or not key:
            return 0.0
        places = [f"{delivery.pk}:{delivery.attempts}:{number}" for number in range(calls)]
        limiter = LIMITERS[delivery.kind]
        try:
            seconds = limiter.take(key, places, lambda: calls_known(key_hash=key, rate=limiter.rate, now=now))
        except redis.RedisError:
            raise SendError("limiter_away", permanent=False, retry_after=LIMITER_AWAY, costs_try=False) from None
        if not seconds:
            one.places = places
        return seconds

    def _call(self, one: Try, outgoing: Outgoing) -> None:
        """Makes a call and tells that it is over. Runs in a thread of its own."""
        error: BaseException | None
        try:
            error = _handed_over(one.delivery.kind, outgoing)
        except BaseException as broken:  # the run waits for an answer, whatever it is
            error = broken
        self.answered.append((one, error, time.monotonic()))
        if len(self.answered) >= self.enough:
            self.woken.set()

    def _collect(self) -> None:
        """Takes the calls that are over, once they make room for a claim, or are all, or have waited a moment."""
        if not self.running:
            return
        self.enough = max(1, min(len(self.running), ROOM_TO_CLAIM - self._room()))
        self.woken.clear()
        if len(self.answered) < self.enough:
            self.woken.wait(SETTLED_EVERY)
        while self.answered:
            one, error, ended = self.answered.popleft()
            self.running.remove(one)
            if ended - one.began > SLOW:
                _remember_slow(one.host)
            else:
                _slow.pop(one.host, None)
            if error is not None and not isinstance(error, SendError):
                raise error
            self._over(one, error)

    def _over(self, one: Try, error: SendError | None) -> None:
        if one.places:
            _tell_limiter(one, error)
        self.done.append((one, outcome_of(delivery=one.delivery, error=error, now=timezone.now())))

    def _settle(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if self.done and (at_once or not self.running or now - self.settled_at > SETTLED_EVERY):
            done, self.done, self.settled_at = self.done, [], now
            settle(done)


def _handed_over(kind: str, outgoing: Outgoing) -> SendError | None:
    """Calls the adapter; returns why it failed. Runs in a thread that has no database."""
    adapter = registry.ADAPTERS[kind]
    try:
        adapter.send(outgoing)
    except SendError as error:
        return error
    except Exception:
        logger.exception("adapter broke", delivery=outgoing.delivery_id, kind=kind)
        return SendError("internal", permanent=False, uncertain=True)
    return None


def _tell_limiter(one: Try, error: SendError | None) -> None:
    assert one.delivery.destination is not None
    key, limiter = one.delivery.destination.key_hash, LIMITERS[one.delivery.kind]
    try:
        limiter.end(key, one.places)
        if error and error.code == "robot_too_fast":
            limiter.shut(key)
    except redis.RedisError:
        # Its places are held until they count as forgotten, which is longer: nobody calls too often by that.
        logger.warning("limiter away", delivery=one.delivery.pk)


def _remember_slow(host: str) -> None:
    _slow[host] = time.monotonic()
    _slow.move_to_end(host)
    while len(_slow) > MOST_SLOW:
        _slow.popitem(last=False)


class _Crew:
    """The threads of a process that wait for receivers. They outlive a run, and with them the connections they keep
    open. The pool of the standard library does the same, but locks several times for each call."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._threads = 0

    def call(self, function: Callable[[], None], *, among: int) -> None:
        """Has a thread call the function, as one of so many that are under way."""
        if self._threads < min(among, THREADS):
            threading.Thread(target=self._work, name="deliver", daemon=True).start()
            self._threads += 1
        self._calls.put(function)

    def _work(self) -> None:
        while True:
            self._calls.get()()


_crews: dict[int, _Crew] = {}


def _crew() -> _Crew:
    """That of this process: a worker that is forked off has none of its parent's threads."""
    if os.getpid() not in _crews:
        _crews.clear()
        _crews[os.getpid()] = _Crew()
    return _crews[os.getpid()]
