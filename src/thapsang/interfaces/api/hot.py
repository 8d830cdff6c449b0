"""The busiest call, a payment's confirmation, with the ground cleared before it.

The route, its types, its description and all it refuses are django-ninja's (`collecting.confirm`). Here a request
that is plainly right (a live token with the scope, a key, a JSON body that fits) is read once and recorded by the
same function; whatever is not plainly right is handed on whole, and answered there (docs/adr/0009-api.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from pydantic import ValidationError

from thapsang.interfaces.api.collecting import KEY, PaymentIn, recorded
from thapsang.interfaces.api.problems import ProblemError
from thapsang.interfaces.api.v1 import api
from thapsang.kit.identity import clients
from thapsang.kit.identity.clients import Caller

View = Callable[..., HttpResponseBase]
SCOPE = "payments:write"
_KEY = re.compile(KEY.replace("$", r"\Z"))
_read = PaymentIn.__pydantic_validator__.validate_json


def confirming(view: View) -> View:
    """Answer plain confirmations here, and everything else by `view`, which is django-ninja's."""

    def call(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        plain = _plain(request)
        if plain is None:
            return view(request, *args, **kwargs)
        try:
            replayed, answer = recorded(*plain)
        except ProblemError as problem:
            return api.on_exception(request, problem)
        except Exception as fault:  # as django-ninja does: the API's own handler says so and logs it
            return api.on_exception(request, fault)
        response = HttpResponse(
            answer.__pydantic_serializer__.to_json(answer),
            status=201,
            content_type="application/json; charset=utf-8",
        )
        if replayed:
            response.headers["Idempotent-Replayed"] = "true"
        return response

    return call


def _plain(request: HttpRequest) -> tuple[Caller, PaymentIn, str] | None:
    """Return caller, body and key of a request with nothing wrong, or None; counts it only if so."""
    sent, at = request.META, timezone.now()
    key, scheme = sent.get("HTTP_IDEMPOTENCY_KEY", ""), sent.get("HTTP_AUTHORIZATION", "")
    if request.method != "POST" or not scheme.startswith("Bearer ") or not _KEY.match(key):
        return None
    caller = clients.token_holder(token=scheme[7:].strip(), at=at)
    if caller is None or SCOPE not in caller.scopes:
        return None
    try:
        body: PaymentIn = _read(request.body)
    except (ValidationError, OSError):
        return None
    return (caller, body, key) if clients.may_call(caller=caller, at=at) == 0 else None
