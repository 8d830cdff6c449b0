"""The API, put together: routers, errors, description."""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from thapsang.interfaces.api import collecting, metering, oauth, problems

log = logging.getLogger(__name__)

api = NinjaAPI(
    title="Thắp Sáng API",
    version="1.0.0",
    description=(
        "For banks and wallets (what is owed, confirm a payment, the day's statement) and AMI head-ends "
        "(readings). Tokens by OAuth2 client credentials. Errors are problem+json: act on `code`."
    ),
    docs_url=None,
    openapi_url=None,
    urls_namespace="v1",
)
api.add_router("/oauth", oauth.router)
api.add_router("", collecting.router)
api.add_router("", metering.router)
problems.attach(api)


def description() -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of the API, as docs/api/openapi.yaml keeps it."""
    schema: dict[str, Any] = api.get_openapi_schema(path_prefix="/api/v1/")
    schema["components"].setdefault("securitySchemes", {})["basic"] = {"type": "http", "scheme": "basic"}
    for path in schema["paths"].values():
        for operation in path.values():
            _as_problems(operation)
    return schema


def _as_problems(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if int(status) >= 400:
            response["description"] = "problem+json"
            (content,) = response["content"].values()
            response["content"] = {problems.MEDIA: content}


@api.exception_handler(Exception)
def fault(request: HttpRequest, error: Exception) -> HttpResponse:
    """Say that the fault is ours, and nothing about it; the log has the rest."""
    log.exception("The API failed.", exc_info=error)
    return problems.respond(
        "internal", "Send the same request again; with the same Idempotency-Key it is safe."
    )
