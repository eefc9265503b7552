"""A caller of the API."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from accounts.models import ApiToken, User
from accounts.scopes import Scope, token_digest


class Caller:
    """Calls the API with a token of `user` that holds `scopes` (all of them when none are named)."""

    def __init__(self, user: User, *scopes: str) -> None:
        self.text = f"test-token-{user.username}-{ApiToken.objects.count()}"
        self.token = ApiToken.objects.create(
            user=user, digest=token_digest(self.text), last_four="test", scopes=list(scopes or Scope.values)
        )
        self.client = Client(raise_request_exception=True)

    def get(self, path: str, **query: Any):
        return self.client.get(f"/api/v1{path}", query, headers={"Authorization": f"Bearer {self.text}"})

    def send(self, method: str, path: str, body: Any, content_type: str = "application/json", **headers: str):
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        headers = {"Authorization": f"Bearer {self.text}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self.client.generic(method, f"/api/v1{path}", body, content_type, headers=headers)

    def post(self, path: str, body: Any, content_type: str = "application/json", **headers: str):
        return self.send("POST", path, body, content_type, **headers)

    def events(self, *events: dict[str, Any], create_missing: bool = True):
        return self.post("/events/", {"create_missing": create_missing, "events": list(events)})


def sent(id: str = "1", **fields: Any) -> dict[str, Any]:
    return {
        "id": id,
        "member": "u1",
        "group": "g1",
        "kind": "message",
        "at": "2026-03-02T09:00:00+08:00",
        **fields,
    }


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["title"]
    assert body["detail"]
    return body
