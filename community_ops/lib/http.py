"""Outgoing calls. Every request of the product to another host goes through `send`.

The address is checked when the socket is opened, after the name was resolved, and the socket goes to the very address
that was checked: a name that points to a private address, or changes between two look-ups, reaches nothing inside.
Redirects are not followed and proxies of the environment are not used, for the same reason.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import certifi
import urllib3.util.connection
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.poolmanager import PoolManager
from urllib3.util.ssl_ import create_urllib3_context

TIMEOUT = 10.0  # seconds for the whole call: connecting, sending, and the answer
MAX_ANSWER = 64 * 1024  # bytes of an answer that are read; the rest is left unread

KEPT_IDLE = 4.0  # seconds for which a connection is kept after a call
KEPT_HOSTS = 8  # hosts to which one thread keeps a connection
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


# Why a call had no answer, by code, in sentences for the operator.
SENTENCES = {
    "address_refused": _("%(detail)s is a private address. An administrator can allow it in OUTBOUND_ALLOWED_HOSTS."),
    "bad_url": _("The address cannot be used. Check it for typos."),
    "dns": _("The name %(detail)s could not be resolved."),
    "timeout": _("%(detail)s gave no answer in time."),
    "tls": _("The certificate of %(detail)s could not be verified."),
    "unreachable": _("The connection to %(detail)s failed or broke off."),
}


class OutboundError(Exception):
    """A call without an answer. `code` is a key of SENTENCES, `permanent` says that trying again cannot help, `reached`
    that the other side may have got the request."""

    def __init__(self, code: str, host: str, *, permanent: bool = False, reached: bool = False):
        super().__init__(SENTENCES[code] % {"detail": host})
        self.code = code
        self.host = host
        self.permanent = permanent
        self.reached = reached


@dataclass(frozen=True)
class Answer:
    """Header names are lower case; `body` holds the first MAX_ANSWER bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class _RefusedAddressError(Exception):
    """The name resolves to addresses that outgoing calls may not reach."""


def is_public(address: str) -> bool:
    """Whether an IP address is on the open internet, also when it is wrapped in an IPv6 transition address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.teredo or parsed.sixtofour:
            return False
        if parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        elif parsed in _NAT64:
            parsed = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
    return parsed.is_global and not parsed.is_multicast


class _Deadline:
    """Ends a call after its time, however slowly the other side drips, by shutting the sockets that it uses.

    `connected`: the request may have left; `reused`: on a connection that an earlier call had opened.
    """

    def __init__(self, seconds: float):
        self.at = time.monotonic() + seconds
        self.passed = self.connected = self.reused = False
        self._sockets: list[socket.socket] = []

    def watch(self, opened: socket.socket) -> None:
        # A copy: TLS takes the socket itself over, and with it the right to shut it.
        self._sockets.append(socket.socket(opened.family, opened.type, opened.proto, os.dup(opened.fileno())))

    def close(self) -> None:
        for opened in self._sockets:
            opened.close()

    def end(self) -> None:
        self.passed = True
        for opened in self._sockets:
            with suppress(OSError):  # it was closed already
                opened.shutdown(socket.SHUT_RDWR)


class _Watch:
    """One thread that ends the calls whose time is over. It lives while there are calls."""

    TICK = 0.1

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._running: set[_Deadline] = set()
        self._thread: threading.Thread | None = None

    def add(self, deadline: _Deadline) -> None:
        with self._lock:
            self._running.add(deadline)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="outbound-watch", daemon=True)
                self._thread.start()

    def remove(self, deadline: _Deadline) -> None:
        with self._lock:
            self._running.discard(deadline)
            deadline.close()

    def _run(self) -> None:
        while True:
            time.sleep(self.TICK)
            with self._lock:
                if not self._running:
                    self._thread = None
                    return
                now = time.monotonic()
                for deadline in [deadline for deadline in self._running if deadline.at <= now]:
                    self._running.discard(deadline)
                    deadline.end()


_watch = _Watch()
# A worker process that is forked off has none of its parent's threads.
os.register_at_fork(after_in_child=_watch.reset)
_deadline: ContextVar[_Deadline] = ContextVar("outbound_deadline")


@contextmanager
def _within(seconds: float) -> Iterator[_Deadline]:
    deadline = _Deadline(seconds)
    token = _deadline.set(deadline)
    _watch.add(deadline)
    try:
        yield deadline
    finally:
        _watch.remove(deadline)
        _deadline.reset(token)


def _named() -> frozenset[str]:
    return frozenset(name.strip().lower() for name in settings.OUTBOUND_ALLOWED_HOSTS)


def _allowed(host: str, port: int | None) -> bool:
    named = _named()
    return host.lower() in named or f"{host.lower()}:{port}" in named


class _Guarded:
    """Opens the socket of a urllib3 connection to an address that was checked."""

    idle_since = 0.0

    def connect(self: Any) -> None:
        super().connect()  # type: ignore[misc]
        _deadline.get().connected = True

    def request(self: Any, *args: Any, **options: Any) -> None:
        if self.sock is not None:
            deadline = _deadline.get()
            if not deadline.connected:
                deadline.reused = deadline.connected = True
                deadline.watch(self.sock)
        super().request(*args, **options)  # type: ignore[misc]

    def _new_conn(self: Any) -> socket.socket:
        try:
            found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, socket.gaierror(str(error))) from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not _allowed(self._dns_host.strip("[]"), self.port):
            addresses = [address for address in addresses if is_public(address)]
            if not addresses:
                raise _RefusedAddressError
        deadline = _deadline.get()
        failure: OSError = OSError("no address")
        for address in addresses:
            try:
                opened = urllib3.util.connection.create_connection(
                    (address, self.port), max(0.1, deadline.at - time.monotonic()), None, self.socket_options
                )
            except TimeoutError as error:
                raise ConnectTimeoutError(self, "connecting took too long") from error
            except OSError as error:
                failure = error
            else:
                deadline.watch(opened)
                return opened
        raise NewConnectionError(self, str(failure)) from failure


class _GuardedHTTPConnection(_Guarded, HTTPConnection):
    pass


class _GuardedHTTPSConnection(_Guarded, HTTPSConnection):
    pass


class _Fresh:
    """Leaves connections that lay idle: most servers close them after five seconds or more."""

    def _get_conn(self: Any, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        if connection.sock is not None and time.monotonic() - connection.idle_since > KEPT_IDLE:
            connection.close()
        return connection

    def _put_conn(self: Any, connection: Any) -> None:
        if connection is not None:
            connection.idle_since = time.monotonic()
        super()._put_conn(connection)  # type: ignore[misc]


class _HTTPPool(_Fresh, HTTPConnectionPool):
    ConnectionCls = _GuardedHTTPConnection


class _HTTPSPool(_Fresh, HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPSConnection


@cache
def _certificates() -> ssl.SSLContext:
    """Reading the list of authorities takes longer than a call, so all connections share it."""
    context = create_urllib3_context()
    context.load_verify_locations(certifi.where())
    return context


class _Kept(threading.local):
    """The connections that a thread keeps open, and the exceptions to the check of addresses they were opened under."""

    def __init__(self) -> None:
        self.named: frozenset[str] = frozenset()
        self.manager = _manager()

    def connections(self) -> PoolManager:
        if (named := _named()) != self.named:
            self.manager.clear()
            self.named = named
        return self.manager


def _manager() -> PoolManager:
    manager = PoolManager(num_pools=KEPT_HOSTS, maxsize=1, ssl_context=_certificates())
    manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
    return manager


_kept = _Kept()


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout: float = TIMEOUT,
    keep_alive: bool = False,
) -> Answer:
    """Makes one request and returns its answer, whatever the status; a redirect is an answer like any other.

    With `keep_alive` the thread keeps the connection for its next call to the same host; when the other side has
    closed it meanwhile, the request is made once more, so it must be one that may arrive twice. Raises OutboundError
    when there is no answer.
    """
    try:
        host = urlsplit(url).hostname or ""
    except ValueError as error:
        raise OutboundError("bad_url", url[:100], permanent=True) from error
    sent = {"User-Agent": "community-ops", "Accept-Encoding": "identity", **(headers or {})}
    if not keep_alive:
        sent["Connection"] = "close"
    connections = _kept.connections()
    with _within(timeout) as deadline:
        try:
            try:
                return _answer(connections, method, url, sent, body, timeout, deadline)
            except (ProtocolError, OSError):
                if not deadline.reused or deadline.passed:
                    raise
                connections.clear()
                deadline.reused = False
                return _answer(connections, method, url, sent, body, timeout, deadline)
        except _RefusedAddressError as error:
            raise OutboundError("address_refused", host, permanent=True) from error
        except (HTTPError, OSError, ValueError) as error:
            raise _outbound_error(error, host, deadline) from error


def _answer(
    connections: PoolManager,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    timeout: float,
    deadline: _Deadline,
) -> Answer:
    response = connections.urlopen(
        method, url, headers=headers, body=body, timeout=timeout, redirect=False, retries=False, preload_content=False
    )
    content, whole = b"", False
    try:
        while len(content) < MAX_ANSWER:
            part = response.read(MAX_ANSWER - len(content), decode_content=False)
            if not part:
                whole = True
                break
            content += part
    finally:
        if whole:
            response.release_conn()
        else:
            response.close()
    if deadline.passed:
        raise TimeoutError
    return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, content)


def _outbound_error(error: Exception, host: str, deadline: _Deadline) -> OutboundError:
    if isinstance(error, ssl.SSLError | SSLError):
        code = "tls"
    elif isinstance(error, NameResolutionError):
        code = "dns"
    elif deadline.passed or isinstance(error, ReadTimeoutError | TimeoutError) or type(error) is ConnectTimeoutError:
        # The exact type: urllib3 also calls a refused connection a kind of timeout.
        code = "timeout"
    elif isinstance(error, ValueError):
        # Of urllib3's own, those about the address are; so is what Python says of a header that holds a line break.
        return OutboundError("bad_url", host, permanent=True)
    else:
        code = "unreachable"
    return OutboundError(code, host, reached=deadline.connected)
