"""Outgoing calls reach the internet, and nothing inside."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from community_ops.lib import http
from tests.campaigns.recorder import recording

pytestmark = pytest.mark.once


@pytest.fixture
def receiver(settings):
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    with recording() as recorder:
        yield recorder


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::", "ff02::1", "not an address",
    ],
)  # fmt: skip
def test_private_addresses_are_known(address):
    assert not http.is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_let_through(address):
    assert http.is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/", "http://0x7f000001:9/", "http://2130706433:9/",
        "http://127.1:9/", "http://0:9/", "http://169.254.169.254/latest/meta-data/",
    ],
)  # fmt: skip
def test_a_private_address_is_refused_however_it_is_written(url, settings):
    settings.OUTBOUND_ALLOWED_HOSTS = []

    with pytest.raises(http.OutboundError) as refused:
        http.send("POST", url, body=b"x")

    assert (refused.value.code, refused.value.permanent) == ("address_refused", True)


def test_a_host_that_is_named_may_be_reached(receiver):
    assert http.send("POST", receiver.url, body=b"{}", headers={"webhook-id": "x"}).status == 204


def test_a_name_that_leads_inside_is_refused_though_another_host_is_named(settings):
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    with pytest.raises(http.OutboundError, match="private address"):
        http.send("POST", "http://localhost:9/")


def test_a_redirect_is_an_answer_and_not_followed(receiver):
    receiver.always(302, Location="http://127.0.0.1:1/")

    assert http.send("POST", receiver.url, headers={"webhook-id": "x"}).status == 302
    assert len(receiver.received) == 1


def test_a_long_answer_is_cut(settings):
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    with _raw_server(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 5_000_000) as url:
        assert len(http.send("GET", url).body) == http.MAX_ANSWER


def test_a_server_that_drips_is_left_after_the_time(settings):
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    slow = _raw_server(b"HTTP/1.0 200 OK\r\n" + b"X-Slow: 1\r\n" * 50, drip=0.1)
    with slow as url, pytest.raises(http.OutboundError) as error:
        http.send("GET", url, timeout=0.6)
    assert error.value.code == "timeout"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:1/", "unreachable"),
        ("http://no-such-host.invalid/", "dns"),
        ("http://[broken/", "bad_url"),
        ("ftp://127.0.0.1/", "bad_url"),
        ("http:///nothing", "bad_url"),
    ],
)
def test_each_failure_says_what_it_was(url, code, settings):
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    with pytest.raises(http.OutboundError) as error:
        http.send("POST", url)
    assert error.value.code == code


class _raw_server:
    """Answers one connection with these bytes, all at once or dripping."""

    def __init__(self, answer: bytes, drip: float = 0):
        self.answer, self.drip = answer, drip
        self.listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> str:
        threading.Thread(target=self._serve, daemon=True).start()
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/"

    def _serve(self) -> None:
        try:
            connection, _address = self.listener.accept()
            with connection:
                connection.recv(65536)
                if not self.drip:
                    connection.sendall(self.answer)
                    return
                for start in range(len(self.answer)):
                    connection.sendall(self.answer[start : start + 1])
                    time.sleep(self.drip)
        except OSError:
            return

    def __exit__(self, *args: object) -> None:
        self.listener.close()
