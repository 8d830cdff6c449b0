"""A sender of short messages over HTTP: one POST with a bearer token, JSON in, JSON out."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from thapsang.domain.notifications.types import SmsNotSentError, SmsUnreachableError


@dataclass(frozen=True)
class SmsGateway:
    """The provider at `url`. Neither number nor text ever stands in an error."""

    url: str
    token: str
    seconds: float = 3.0
    """To connect, to send and to wait, each: together less than the time after which a message is tried again."""

    def send(self, *, phone: str, text: str) -> str:
        """Send `text` to `phone` (E.164); return the provider's reference. Raises SmsNotSentError.

        No answer, 429 and 5xx raise SmsUnreachableError: another try may help.
        """
        try:
            answer = httpx.post(
                self.url,
                json={"to": phone, "text": text},
                headers={"Authorization": f"Bearer {self.token}"},
                timeout=self.seconds,
            )
        except httpx.HTTPError as error:
            raise SmsUnreachableError(
                f"The SMS provider does not answer ({type(error).__name__})."
            ) from error
        if answer.status_code != httpx.codes.CREATED:
            busy = answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error
            kind = SmsUnreachableError if busy else SmsNotSentError
            raise kind(f"The SMS provider refused the message with status {answer.status_code}.")
        return str(answer.json()["id"])
