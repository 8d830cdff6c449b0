"""POST /oauth/token: client credentials for a token of one hour (RFC 6749, section 4.4)."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated
from urllib.parse import unquote_plus

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Form, Router, Schema
from pydantic import Field

from thapsang.interfaces.api.problems import ProblemError, described
from thapsang.kit.identity import clients

router = Router(tags=["oauth"])


class Grant(Schema):
    """What a client sends; id and secret may stand in the Basic header instead."""

    grant_type: str = Field(max_length=40, description="client_credentials")
    scope: str = Field("", max_length=200, description="Scopes asked for, spaces between; none means all.")
    client_id: str = Field("", max_length=40)
    client_secret: str = Field("", max_length=200)


class Token(Schema):
    """A bearer token."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the protocol's word
    expires_in: int = Field(description="Seconds.")
    scope: str


@router.post(
    "/token",
    auth=None,
    response={200: Token, **described("grant-not-supported", "wrong-client", "invalid-request")},
    summary="Get a token",
    operation_id="get_token",
    openapi_extra={"security": [{"basic": []}, {}]},
)
def token(request: HttpRequest, response: HttpResponse, grant: Annotated[Grant, Form()]) -> Token:
    """Give a token for an hour to a client that proves itself."""
    response.headers["Cache-Control"] = "no-store"
    if grant.grant_type != "client_credentials":
        raise ProblemError("grant-not-supported", "grant_type: send client_credentials.")
    client_id, secret = _credentials(request, grant)
    try:
        issued = clients.issue_token(
            client_id=client_id, secret=secret, scopes=grant.scope.split(), at=timezone.now()
        )
    except clients.ClientError as error:
        raise ProblemError("invalid-scope", str(error)) from error
    if issued is None:
        text = "Check client_id and client_secret; an operator can make a new secret."
        raise ProblemError("wrong-client", text, headers={"WWW-Authenticate": 'Basic realm="thapsang"'})
    value, scopes = issued
    life = int(clients.TOKEN_LIFE.total_seconds())
    return Token(access_token=value, expires_in=life, scope=" ".join(sorted(scopes)))


def _credentials(request: HttpRequest, grant: Grant) -> tuple[str, str]:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return grant.client_id.replace("\0", ""), grant.client_secret
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(name).replace("\0", ""), unquote_plus(secret)
