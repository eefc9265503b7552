from __future__ import annotations

import pytest
from django.test import Client

from community_ops.embedded.valkey import free_port
from community_ops.health import EXPIRY_MS, ROLES, alive_key, broker, forget


@pytest.fixture
def everyone_alive() -> None:
    with broker() as client_:
        for role in ROLES:
            client_.set(alive_key(role), 1, px=EXPIRY_MS * 10)


def test_a_process_that_serves_is_healthy(client: Client):
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
@pytest.mark.usefixtures("everyone_alive")
def test_it_is_ready_when_everything_is_alive(client: Client):
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.usefixtures("everyone_alive")
@pytest.mark.parametrize("role", ROLES)
def test_a_role_without_a_sign_of_life_is_named(client: Client, role: str, settings):
    forget(role, settings.REDIS_URL)
    response = client.get("/readyz")
    assert (response.status_code, response.json()["failing"]) == (503, [role])


@pytest.mark.django_db
def test_a_broker_that_does_not_answer_is_named(client: Client, settings):
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "broker" in response.json()["failing"]


@pytest.mark.django_db
@pytest.mark.usefixtures("everyone_alive")
def test_a_database_that_does_not_answer_is_named(client: Client, monkeypatch: pytest.MonkeyPatch):
    from django.db import connection

    def refuse(*args: object, **kwargs: object) -> None:
        from django.db import OperationalError

        raise OperationalError

    monkeypatch.setattr(connection, "cursor", refuse)
    response = client.get("/readyz")
    assert (response.status_code, response.json()["failing"]) == (503, ["database"])


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_only_answer_to_reading(client: Client, path: str):
    assert client.post(path).status_code == 405


def test_metrics_are_for_this_machine(client: Client):
    assert b"python_info" in client.get("/metrics").content
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 403


def test_metrics_are_not_for_strangers_behind_a_proxy_on_this_machine(client: Client):
    assert client.get("/metrics", headers={"x-forwarded-for": "203.0.113.9"}).status_code == 403


@pytest.mark.parametrize(("sent", "status"), [("Bearer right", 200), ("Bearer wrong", 403), ("", 403)])
def test_metrics_are_for_who_has_the_token(client: Client, settings, sent: str, status: int):
    settings.METRICS_TOKEN = "right"
    response = client.get("/metrics", REMOTE_ADDR="203.0.113.9", headers={"authorization": sent})
    assert response.status_code == status
