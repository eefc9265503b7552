"""What the API says about itself."""

from __future__ import annotations

import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.api.base import assert_problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def schema(client):
    answer = client.get("/api/v1/schema/")
    assert answer.status_code == 200
    return yaml.safe_load(answer.content)


def test_the_schema_is_valid_openapi_3_1(schema):
    assert schema["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(schema).validate()


def test_every_operation_needs_a_token_and_answers_with_problems(schema):
    for operations in schema["paths"].values():
        for operation in operations.values():
            assert operation["security"] == [{"token": []}]
            assert "application/problem+json" in operation["responses"]["default"]["content"]


def test_events_may_be_sent_as_json_and_as_lines(schema):
    events = schema["paths"]["/api/v1/events/"]["post"]
    assert set(events["requestBody"]["content"]) == {"application/json", "application/x-ndjson"}


def test_the_page_for_people_is_open_and_has_no_inline_code(client):
    answer = client.get("/api/v1/docs/")
    assert answer.status_code == 200
    html = answer.content.decode()
    assert "<style" not in html
    assert "<script>" not in html


def test_an_unknown_address_of_the_api_is_a_problem(client):
    assert_problem(client.get("/api/v1/nothing/"), 404, "not_found")
    assert_problem(client.post("/api/v1/events", b"{}", "application/json"), 404, "not_found")
