"""Outgoing calls. Every request of the product to another host goes through `send`.

The address is checked when the socket is opened, after the name was resolved, and the socket goes to the very address
that was checked: a name that points to a private address, or changes between two look-ups, reaches nothing inside.
Redirects are not followed and proxies of the environment are not used, for the same reason.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3.util.connection
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError
from urllib3.poolmanager import PoolManager

TIMEOUT = 10.0  # seconds for the whole call: connecting, sending, and the answer
MAX_ANSWER = 64 * 1024  # bytes of an answer that are read; the rest is left unread

_BAD_URL = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidHeader,
)
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
    """A call without an answer. `code` is a key of SENTENCES, `permanent` says that trying again cannot help."""

    def __init__(self, code: str, host: str, *, permanent: bool = False):
        super().__init__(SENTENCES[code] % {"detail": host})
        self.code = code
        self.host = host
        self.permanent = permanent


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
    """Ends a call after its time, however slowly the other side drips: a timer shuts the sockets it has opened."""

    def __init__(self, seconds: float):
        self.at = time.monotonic() + seconds
        self.passed = False
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, opened: socket.socket) -> None:
        # A copy: TLS takes the socket itself over, and with it the right to shut it.
        self._sockets.append(opened.dup())

    def stop(self) -> None:
        self._timer.cancel()
        self._timer.join()
        for opened in self._sockets:
            opened.close()

    def _end(self) -> None:
        self.passed = True
        for opened in self._sockets:
            try:
                opened.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it was closed already


_deadline: ContextVar[_Deadline] = ContextVar("outbound_deadline")


@contextmanager
def _within(seconds: float) -> Iterator[_Deadline]:
    deadline = _Deadline(seconds)
    token = _deadline.set(deadline)
    try:
        yield deadline
    finally:
        deadline.stop()
        _deadline.reset(token)


def _allowed(host: str, port: int | None) -> bool:
    named = {name.strip().lower() for name in settings.OUTBOUND_ALLOWED_HOSTS}
    return host.lower() in named or f"{host.lower()}:{port}" in named


class _Guarded:
    """Opens the socket of a urllib3 connection to an address that was checked."""

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


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPSConnection


class _GuardedAdapter(HTTPAdapter):
    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout: float = TIMEOUT,
) -> Answer:
    """Makes one request and returns its answer, whatever the status; a redirect is an answer like any other.

    Raises OutboundError when there is no answer.
    """
    try:
        host = urlsplit(url).hostname or ""
    except ValueError as error:
        raise OutboundError("bad_url", url[:100], permanent=True) from error
    with _within(timeout) as deadline, requests.Session() as session:
        session.trust_env = False
        session.mount("http://", _GuardedAdapter())
        session.mount("https://", _GuardedAdapter())
        sent = {"User-Agent": "community-ops", "Accept-Encoding": "identity", **(headers or {})}
        try:
            with session.request(
                method, url, headers=sent, data=body, timeout=timeout, allow_redirects=False, stream=True
            ) as response:
                content = response.raw.read(MAX_ANSWER, decode_content=False)
                if deadline.passed:
                    raise TimeoutError
                return Answer(
                    response.status_code, {name.lower(): value for name, value in response.headers.items()}, content
                )
        except _RefusedAddressError as error:
            raise OutboundError("address_refused", host, permanent=True) from error
        except _BAD_URL as error:
            raise OutboundError("bad_url", host, permanent=True) from error
        except (requests.exceptions.RequestException, HTTPError, OSError) as error:
            if deadline.passed or isinstance(error, (requests.exceptions.Timeout, TimeoutError)):
                code = "timeout"
            elif isinstance(error, requests.exceptions.SSLError):
                code = "tls"
            elif "NameResolutionError" in repr(error):
                code = "dns"
            else:
                code = "unreachable"
            raise OutboundError(code, host) from error
