"""Whether the installation works: for load balancers, for people on call and for Prometheus.

Worker and beat each refresh a key in the broker every second, which expires after three: a process that is killed or
stopped is missed within that time.
"""

from __future__ import annotations

import ipaddress
import logging
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import redis
from celery.signals import beat_init, worker_process_init, worker_ready, worker_shutting_down
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from community_ops.embedded.lifeline import follow_parent

ROLES = ("worker", "beat")
BEAT_SECONDS = 1.0
EXPIRY_MS = 3000
CHECK_SECONDS = 2  # how long a single answer may take


def alive_key(role: str) -> str:
    """The key that exists while a process of this role lives."""
    return f"community_ops:alive:{role}"


def broker(url: str | None = None) -> redis.Redis:
    """A client that gives up fast."""
    return redis.Redis.from_url(
        url or settings.REDIS_URL, socket_timeout=CHECK_SECONDS, socket_connect_timeout=CHECK_SECONDS
    )


# --- Probes ---


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """200 as soon as the process serves."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when everything that work needs is alive, else 503 with the names of what is not."""
    failing = find_failing()
    if failing:
        return JsonResponse({"status": "unavailable", "failing": failing}, status=503)
    return JsonResponse({"status": "ok"})


def find_failing() -> list[str]:
    """Which of database, broker, worker and beat do not answer.

    Nobody can tell whether worker and beat live while the broker is down, and they cannot work then, so they are named
    with it.
    """
    failing = [] if _database_answers() else ["database"]
    try:
        failing += lifeless()
    except redis.RedisError:
        failing += ["broker", *ROLES]
    return failing


def lifeless(url: str | None = None) -> list[str]:
    """The roles that gave no sign of life of late. Raises `redis.RedisError` when the broker does not answer."""
    with broker(url) as client:
        return [role for role in ROLES if not client.exists(alive_key(role))]


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError:
        return False
    return True


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus metrics, for a caller on this machine or one that sends `Authorization: Bearer METRICS_TOKEN`."""
    if not (_is_local(request) or _has_token(request)):
        return HttpResponse("Metrics are for this machine, or for holders of METRICS_TOKEN.\n", "text/plain", 403)
    response: HttpResponse = ExportToDjangoView(request)
    return response


def _is_local(request: HttpRequest) -> bool:
    """Asked from this machine, and not by a proxy on it that passes a stranger's question on."""
    if "HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _has_token(request: HttpRequest) -> bool:
    token: str = settings.METRICS_TOKEN
    return bool(token) and secrets.compare_digest(request.headers.get("Authorization", ""), f"Bearer {token}")


# --- Signs of life ---


class Heart:
    """A thread that says "this role lives" until it is stopped."""

    def __init__(self, role: str) -> None:
        self.role = role
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heart-{role}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def _beat(self) -> None:
        client = broker()
        while not self._stopped.is_set():
            with suppress(redis.RedisError):  # while the broker is away, the next beat tries again
                client.set(alive_key(self.role), 1, px=EXPIRY_MS)
            self._stopped.wait(BEAT_SECONDS)


def forget(role: str, url: str) -> None:
    """Say at once that nobody of this role lives, as the one who saw it die knows."""
    with suppress(redis.RedisError), broker(url) as client:  # without the broker the key expires by itself
        client.delete(alive_key(role))


def _starts_beating(role: str) -> Callable[..., None]:
    def receiver(**kwargs: Any) -> None:
        heart = Heart(role)
        heart.start()
        if role == "worker":
            # Held by the closure, because signals keep only weak references.
            worker_shutting_down.connect(lambda **kwargs: heart.stop(), weak=False)

    return receiver


def _follow_worker(**kwargs: Any) -> None:
    follow_parent()


def _is_news(record: logging.LogRecord) -> bool:
    return not getattr(getattr(record, "request", None), "path", "").endswith("/readyz")


def prepare() -> None:
    """Called once when Django is ready; the signals only come in a worker or in beat."""
    # Whoever asks /readyz every second gets the answer; a log line for each would bury everything else.
    logging.getLogger("django.request").addFilter(_is_news)
    worker_ready.connect(_starts_beating("worker"), weak=False, dispatch_uid="heart-worker")
    beat_init.connect(_starts_beating("beat"), weak=False, dispatch_uid="heart-beat")
    worker_process_init.connect(_follow_worker, weak=False, dispatch_uid="lifeline")
