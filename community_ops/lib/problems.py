"""Errors of the API as RFC 9457 problem documents with a stable `code`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, JsonResponse
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, status
from rest_framework.response import Response

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with the input. `pointer` is an RFC 6901 JSON pointer into the body."""

    pointer: str
    code: str
    message: str

    def as_dict(self) -> dict[str, str]:
        return {"pointer": self.pointer, "code": self.code, "message": str(self.message)}


class Problem(exceptions.APIException):
    """An error that a caller of the API can tell apart by its `code`."""

    def __init__(self, code: str, detail: Any, *, http_status: int = 400, errors: list[FieldError] | None = None):
        super().__init__(detail, code)
        self.status_code = http_status
        self.problem_code = code
        self.errors = errors or []


def problem_body(http_status: int, code: str, detail: Any, errors: list[FieldError] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": str(_TITLES.get(http_status, _("Error"))),
        "status": http_status,
        "code": code,
        "detail": str(detail),
    }
    if errors:
        body["errors"] = [error.as_dict() for error in errors]
    return body


def problem_json(http_status: int, code: str, detail: Any, errors: list[FieldError] | None = None) -> JsonResponse:
    """A problem document from outside a REST framework view."""
    return JsonResponse(problem_body(http_status, code, detail, errors), status=http_status, content_type=CONTENT_TYPE)


_TITLES = {
    400: _("The request cannot be used as it is"),
    401: _("Sign in with a token"),
    403: _("Not allowed"),
    404: _("Not found"),
    405: _("This method is not offered here"),
    406: _("This format is not offered"),
    409: _("In conflict with an earlier request"),
    413: _("Too much at once"),
    415: _("This kind of content is not understood"),
    429: _("Too many requests"),
}


def _escaped(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def flatten(detail: Any, pointer: str = "") -> list[FieldError]:
    """The errors of a serializer as a flat list with JSON pointers."""
    if isinstance(detail, dict):
        found = []
        for name, value in detail.items():
            found += flatten(value, pointer if name == "non_field_errors" else f"{pointer}/{_escaped(name)}")
        return found
    if isinstance(detail, (list, tuple)):
        if all(isinstance(item, exceptions.ErrorDetail) for item in detail):
            return [FieldError(pointer, item.code, str(item)) for item in detail]
        return [error for index, item in enumerate(detail) for error in flatten(item, f"{pointer}/{index}")]
    return [FieldError(pointer, getattr(detail, "code", "invalid"), str(detail))]


def from_django(error: DjangoValidationError) -> list[FieldError]:
    """The errors of a model's or service's ValidationError, each pointing at its field."""
    if not hasattr(error, "error_dict"):
        return [FieldError("", item.code or "invalid", " ".join(item.messages)) for item in error.error_list]
    return [
        FieldError("" if name == "__all__" else f"/{_escaped(name)}", item.code or "invalid", " ".join(item.messages))
        for name, items in error.error_dict.items()
        for item in items
    ]


_PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. `code` is stable; `errors` says what is wrong with the input, by JSON pointer.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "message"],
                "properties": {name: {"type": "string"} for name in ("pointer", "code", "message")},
            },
        },
    },
}


def describe_problems(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """drf-spectacular's hook: every operation answers whatever goes wrong with a problem document, and every POST takes
    an Idempotency-Key."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM_SCHEMA
    answer = {
        "description": "Whatever goes wrong",
        "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    key = {
        "in": "header",
        "name": "Idempotency-Key",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        "description": "Sent again with the same key, a request is answered again and carried out once.",
    }
    for operations in result.get("paths", {}).values():
        for method, operation in operations.items():
            operation["responses"]["default"] = answer
            if method == "post":
                operation.setdefault("parameters", []).append(key)
    return result


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's hook: every error it knows becomes a problem document, others stay a 500."""
    errors: list[FieldError] = []
    detail: Any
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, DjangoValidationError):
        errors = from_django(error)
        error = exceptions.ValidationError()
    if not isinstance(error, exceptions.APIException):
        return None
    headers: dict[str, str] = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if isinstance(error, Problem):
        code, detail, errors = error.problem_code, error.detail, error.errors
    elif isinstance(error, exceptions.ValidationError):
        code, detail = "invalid", _("Some fields need to be corrected.")
        errors = errors or flatten(error.detail)
    else:
        codes = error.get_codes()
        code, detail = codes if isinstance(codes, str) else "invalid", error.detail
    body = problem_body(error.status_code, code, detail, errors)
    response = Response(body, status=error.status_code, headers=headers, content_type=CONTENT_TYPE)
    if error.status_code in (status.HTTP_401_UNAUTHORIZED, status.HTTP_403_FORBIDDEN):
        response.exception = True
    return response
