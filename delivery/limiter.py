"""How often a way out may be called, counted by all workers together.

The calls of one robot within its window are a sorted set in Valkey, by the server's clock: one script looks and takes
in one step. While a call runs its place is held; the window counts from its end, so that a slow call cannot slip into
the next one. Valkey may lose everything: a set that is missing is first filled again with what the database knows of
the last minute, which is never less than what was called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import redis
from django.conf import settings

# How long a place is held for a call that never reports its end: longer than any call.
HELD = 30.0
# A set that nobody asked for is forgotten; what it would know by then is older than any window.
FORGOTTEN = 3600
ANSWERS_WITHIN = 2.0

# Returns the milliseconds to wait, 0 when the places are taken, -1 when the set is missing.
# A place that is there already was filled in from the database for this very call, so it counts once. Whoever is
# refused gets a later window when this one's queue is long, so that not everybody comes back at once.
_TAKE = """
local function now() local t = redis.call('TIME') return t[1] + t[2] / 1000000 end
local places, queue = KEYS[1], KEYS[2]
local most, window, held, forgotten = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if redis.call('EXISTS', places) == 0 then return -1 end
local at = now()
redis.call('ZREMRANGEBYSCORE', places, '-inf', at - window)
for i = 5, #ARGV do redis.call('ZREM', places, ARGV[i]) end
local wanted = #ARGV - 4
local over = redis.call('ZCARD', places) - 1 + wanted - most
redis.call('EXPIRE', places, forgotten)
if over <= 0 then
  for i = 5, #ARGV do redis.call('ZADD', places, string.format('%.6f', at + held), ARGV[i]) end
  return 0
end
local free = redis.call('ZRANGE', places, over - 1, over - 1, 'WITHSCORES')
local ended = math.min(tonumber(free[2] or at), at)
local wait = math.max(ended + window - at, 0.05)
local place = redis.call('INCRBY', queue, wanted)
if place == wanted then redis.call('PEXPIRE', queue, math.ceil(wait * 1000)) end
return math.ceil((wait + math.floor((place - 1) / most) * window) * 1000)
"""
_END = """
local t = redis.call('TIME')
for i = 1, #ARGV do redis.call('ZADD', KEYS[1], 'XX', string.format('%.6f', t[1] + t[2] / 1000000), ARGV[i]) end
"""
_FILL = """
if redis.call('EXISTS', KEYS[1]) == 1 then return end
local t = redis.call('TIME')
redis.call('ZADD', KEYS[1], '+inf', 'known')
for i = 2, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], string.format('%.6f', t[1] + t[2] / 1000000 - ARGV[i]), ARGV[i + 1])
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""
_SHUT = """
local t = redis.call('TIME')
for i = 1, #ARGV do redis.call('ZADD', KEYS[1], string.format('%.6f', t[1] + t[2] / 1000000), ARGV[i]) end
"""


@dataclass(frozen=True)
class Rate:
    """At most `most` calls within any `seconds`."""

    most: int
    seconds: float


@dataclass(frozen=True)
class Call:
    """A call that the database knows of: how long ago it ended, negative while it may still run."""

    place: str
    ended_ago: float


class Limiter:
    """Raises redis.RedisError when Valkey does not answer: then nobody may call."""

    def __init__(self, rate: Rate, held: float = HELD):
        self.rate = rate
        self.held = held
        self._client: redis.Redis | None = None
        self._url = ""

    def take(self, key: str, places: Sequence[str], known: Callable[[], Sequence[Call]]) -> float:
        """Takes the places of some calls, all or none; returns the seconds to wait, 0 when they are taken.

        `known` tells the calls of late; it is asked when Valkey has forgotten them. It has to tell every call that was
        begun, also those whose places are asked for here.
        """
        arguments = [self.rate.most, self.rate.seconds, self.held, FORGOTTEN, *places]
        while (found := int(self._run(_TAKE, [self._name(key), f"{self._name(key)}:queue"], arguments))) < 0:
            self._fill(key, known())
        return found / 1000

    def end(self, key: str, places: Sequence[str]) -> None:
        """The calls are over: from now on their places are free again after the window."""
        self._run(_END, [self._name(key)], list(places))

    def shut(self, key: str) -> None:
        """The receiver has had enough: nobody calls for a whole window."""
        name = self._name(key)
        self._fill(key, [])
        full = [f"shut:{number}" for number in range(self.rate.most)]
        self._run(_SHUT, [name], full)

    def _fill(self, key: str, calls: Sequence[Call]) -> None:
        values = [value for call in calls for value in (call.ended_ago, call.place)]
        self._run(_FILL, [self._name(key)], [FORGOTTEN, *values])

    def _name(self, key: str) -> str:
        return f"community_ops:calls:{key}"

    def _run(self, script: str, keys: list[str], arguments: Sequence[object]) -> int:
        if self._client is None or self._url != settings.REDIS_URL:
            self._url = settings.REDIS_URL
            self._client = redis.Redis.from_url(
                self._url, socket_timeout=ANSWERS_WITHIN, socket_connect_timeout=ANSWERS_WITHIN
            )
        found = self._client.eval(script, len(keys), *keys, *[str(argument) for argument in arguments])
        return int(found or 0)
