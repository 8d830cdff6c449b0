"""Bearer tokens, scopes and the rate limit: one check before each call."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from thapsang.interfaces.api.problems import ProblemError
from thapsang.kit.identity import clients
from thapsang.kit.identity.clients import Caller


class Needs(HttpBearer):
    """A live token with a scope. The route finds the caller in `request.auth`."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Caller:
        """Return the caller. Raises ProblemError: not-authenticated, scope-missing, too-many-requests."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        caller = self.authenticate(request, token.strip()) if scheme.lower() == "bearer" else None
        if caller is None:
            raise ProblemError(
                "not-authenticated",
                "Get a token at /api/v1/oauth/token, send it as 'Authorization: Bearer …'; it lives an hour.",
                headers={"WWW-Authenticate": 'Bearer realm="thapsang"'},
            )
        if self.scope not in caller.scopes:
            raise ProblemError("scope-missing", f"This call needs the scope {self.scope}.")
        if wait := clients.may_call(caller=caller, at=timezone.now()):
            raise ProblemError(
                "too-many-requests",
                f"{caller.requests_per_minute} calls a minute are agreed; go on in {wait} seconds.",
                headers={"Retry-After": str(wait)},
            )
        return caller

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        """Return the token's holder, or None."""
        return clients.token_holder(token=token, at=timezone.now()) if token else None
