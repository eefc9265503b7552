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


# --- Names with several addresses, redirects, connections that are kept ---


def resolving(monkeypatch, **names: list[str]) -> list[str]:
    """Lets names resolve to these addresses; returns the list of those that are connected to."""
    connected: list[str] = []
    real = socket.create_connection

    def getaddrinfo(host, port, *args, **options):
        found = names.get(host.partition(".")[0], [host])
        return [
            (socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in found
        ]

    def create_connection(address, *args, **options):
        connected.append(address[0])
        return real(("127.0.0.1", address[1]), timeout=2)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr("urllib3.util.connection.create_connection", create_connection)
    return connected


@pytest.mark.parametrize("address", ["10.0.0.1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "fd00::1"])
def test_of_several_addresses_only_the_public_ones_are_tried(receiver, settings, monkeypatch, address):
    settings.OUTBOUND_ALLOWED_HOSTS = []
    connected = resolving(monkeypatch, mixed=[address, "93.184.215.14"], inside=[address])

    port = receiver.url.split(":")[2].split("/")[0]
    assert http.send("POST", f"http://mixed.example:{port}/", headers={"webhook-id": "x"}, body=b"{}").status == 204
    assert connected == ["93.184.215.14"]
    with pytest.raises(http.OutboundError) as refused:
        http.send("POST", f"http://inside.example:{port}/", headers={"webhook-id": "x"}, body=b"{}")
    assert refused.value.code == "address_refused"
    assert connected == ["93.184.215.14"]


def test_a_kept_connection_is_used_again_and_given_up_with_the_exception_that_allowed_it(receiver, settings):
    def ask() -> int:
        return http.send("POST", receiver.url, headers={"webhook-id": "x"}, body=b"{}", keep_alive=True).status

    assert [ask(), ask(), ask()] == [204] * 3
    assert len({request.peer for request in receiver.received}) == 1
    settings.OUTBOUND_ALLOWED_HOSTS = []
    with pytest.raises(http.OutboundError, match="private address"):
        ask()


def test_a_kept_connection_that_the_other_side_has_closed_is_opened_anew(receiver):
    headers = {"webhook-id": "x"}
    receiver.answer = lambda request: (204, {"Keep-Alive": "closes"})
    assert http.send("POST", receiver.url, headers=headers, body=b"{}", keep_alive=True).status == 204
    assert http.send("POST", receiver.url, headers=headers, body=b"{}", keep_alive=True).status == 204
    assert len({request.peer for request in receiver.received}) == 2


def test_without_being_told_so_no_connection_is_kept(receiver):
    for _time in range(2):
        http.send("POST", receiver.url, headers={"webhook-id": "x"}, body=b"{}")
    assert len({request.peer for request in receiver.received}) == 2


def test_it_is_known_whether_the_request_may_have_arrived(receiver):
    def break_off(request):
        raise ConnectionError

    receiver.answer = break_off
    with pytest.raises(http.OutboundError) as broken:
        http.send("POST", receiver.url, headers={"webhook-id": "x"}, body=b"{}")
    assert broken.value.reached
    with pytest.raises(http.OutboundError) as never:
        http.send("POST", "http://127.0.0.1:1/")
    assert not never.value.reached
