"""The API answers as its schema says, whatever it is asked: a small number of examples of every operation."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from tests.api.base import Caller, sent
from tests.base import Cast

# What the API answers does not depend on the database, and asking takes long.
pytestmark = pytest.mark.production

OPERATIONS = [
    ("/api/v1/events/", "post"),
    ("/api/v1/groups/", "get"),
    ("/api/v1/groups/", "post"),
    ("/api/v1/groups/{id}/", "get"),
    ("/api/v1/groups/{id}/", "patch"),
    ("/api/v1/members/", "get"),
    ("/api/v1/members/{id}/", "get"),
]


@pytest.fixture
def api(client):
    return schemathesis.openapi.from_dict(yaml.safe_load(client.get("/api/v1/schema/").content))


def answer(case: Any, caller: Caller) -> Response:
    """Sends a case through Django's client, which keeps to the connection of the test."""
    case.headers["Authorization"] = f"Bearer {caller.text}"
    asked = case.as_transport_kwargs(base_url="http://testserver")
    known = {"method", "url", "headers", "params", "json", "data", "cookies"}
    prepared = requests.Request(**{name: value for name, value in asked.items() if name in known}).prepare()
    body = prepared.body or b""
    answered = caller.client.generic(
        str(prepared.method),
        str(prepared.path_url),
        body,
        prepared.headers.get("Content-Type", ""),
        headers={name: _text(value) for name, value in prepared.headers.items() if name != "Content-Type"},
    )
    return Response(
        status_code=answered.status_code,
        headers={name.lower(): [value] for name, value in answered.headers.items()},
        content=answered.content,
        request=prepared,
        elapsed=0,
        verify=False,
    )


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_described(api, path: str, method: str, cast: Cast):
    caller = Caller(cast.lin)
    caller.events(sent())

    @settings(max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=api[path][method].as_strategy())
    def check(case):
        response = answer(case, caller)
        case.validate_response(response, checks=[response_schema_conformance, content_type_conformance])

    check()
