"""Errors of the API: problem+json (RFC 9457) with codes that never change (docs/adr/0009-api.md)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError
from ninja.responses import Response
from pydantic import Field

MEDIA = "application/problem+json"

CODES: dict[str, tuple[int, str]] = {
    "not-authenticated": (401, "No token, or one that has ended"),
    "wrong-client": (401, "Client id or secret is wrong"),
    "scope-missing": (403, "The token lacks the scope"),
    "unknown-customer": (404, "No customer has this code"),
    "unknown-reference": (404, "No payment has this reference"),
    "not-found": (404, "There is nothing at this address"),
    "payment-already-recorded": (409, "The transaction is recorded already"),
    "invalid-request": (422, "The request does not fit its description"),
    "idempotency-key-reused": (422, "The key came before with another body"),
    "paid-in-future": (422, "The time of payment lies in the future"),
    "paid-too-long-ago": (422, "The time of payment lies too far back"),
    "grant-not-supported": (400, "Only client_credentials is given"),
    "invalid-scope": (400, "The client does not have this scope"),
    "malformed-body": (400, "The body is not what its type says"),
    "too-many-requests": (429, "The minute's calls are used up"),
    "refused": (400, "Refused"),
    "method-not-allowed": (405, "This address does not take this method"),
    "internal": (500, "The fault is ours"),
}
"""Stable code → status and title."""


_OAUTH = {
    "wrong-client": "invalid_client",
    "grant-not-supported": "unsupported_grant_type",
    "invalid-scope": "invalid_scope",
}
"""The words of RFC 6749 for the token route, sent beside ours as `error`."""


class Problem(Schema):
    """What went wrong, to which field, and what to do."""

    type: str = Field(description="urn:thapsang:problem:<code>")
    title: str
    status: int
    code: str = Field(description="Stable; act on this, not on the text.")
    detail: str = ""
    errors: list[dict[str, Any]] = Field(default_factory=list, description="Fields that are wrong.")


class ProblemError(Exception):
    """Raised anywhere below a route; answered as problem+json."""

    def __init__(self, code: str, detail: str = "", *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.code, self.detail, self.headers = code, detail, headers or {}


def respond(
    code: str,
    detail: str = "",
    *,
    errors: list[dict[str, Any]] | None = None,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """Return the response for a stable code."""
    status, title = CODES[code]
    body = {
        "type": f"urn:thapsang:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        "errors": errors or [],
    }
    if code in _OAUTH:
        body["error"] = _OAUTH[code]
    return Response(body, status=status, content_type=MEDIA, headers=headers)


def attach(api: NinjaAPI) -> None:
    """Answer every error of the API as problem+json."""

    @api.exception_handler(ProblemError)
    def problem(request: HttpRequest, error: ProblemError) -> HttpResponse:
        return respond(error.code, error.detail, headers=error.headers)

    @api.exception_handler(ValidationError)
    def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        # Only where and why: the value itself may be personal data.
        errors = [
            {"field": ".".join(str(part) for part in e["loc"][1:]) or str(e["loc"][0]), "reason": e["msg"]}
            for e in error.errors
        ]
        return respond("invalid-request", "See errors: each names its field.", errors=errors)

    @api.exception_handler(MultiPartParserError)
    @api.exception_handler(SuspiciousOperation)
    def malformed(request: HttpRequest, error: Exception) -> HttpResponse:
        return respond(
            "malformed-body", "The body cannot be read as its Content-Type says, or it is too large."
        )

    @api.exception_handler(HttpError)
    def other(request: HttpRequest, error: HttpError) -> HttpResponse:
        code = "malformed-body" if error.status_code == HTTPStatus.BAD_REQUEST else "refused"
        return respond(code, str(error))


def described(*codes: str) -> dict[int, Any]:
    """Return the error part of a route's `response=`, for OpenAPI."""
    return {CODES[code][0]: Problem for code in codes}
