"""A sender of short messages over HTTP: one POST with a bearer token, JSON in, JSON out."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from thapsang.domain.notifications.types import SmsNotSentError


@dataclass(frozen=True)
class SmsGateway:
    """The provider at `url`. Neither number nor text ever stands in an error."""

    url: str
    token: str
    seconds: float = 5.0

    def send(self, *, phone: str, text: str) -> str:
        """Send `text` to `phone` (E.164); return the provider's reference. Raises SmsNotSentError."""
        try:
            answer = httpx.post(
                self.url,
                json={"to": phone, "text": text},
                headers={"Authorization": f"Bearer {self.token}"},
                timeout=self.seconds,
            )
        except httpx.HTTPError as error:
            raise SmsNotSentError(f"The SMS provider does not answer ({type(error).__name__}).") from error
        if answer.status_code != httpx.codes.CREATED:
            raise SmsNotSentError(f"The SMS provider refused the message with status {answer.status_code}.")
        return str(answer.json()["id"])
