"""The tax authority's service over HTTP: messages (TDiep) out, answers in.

How the authority is reached (through a transmission provider, by which protocol) is published nowhere in the open.
This is the plainest one that can carry it: POST a message, GET its answer, GET a day's list; the sandbox twin
speaks it. A provider's own protocol takes another adapter, and changes nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import httpx

from thapsang.domain.invoices.types import (
    Answer,
    Answered,
    AuthorityRefusedError,
    AuthorityUnreachableError,
    UnknownMessageError,
)
from thapsang.engines.einvoice import EInvoiceError
from thapsang.engines.einvoice.tree import Node, read


@dataclass(frozen=True)
class TaxService:
    """The service at `url`. No invoice's content ever stands in an error."""

    url: str
    token: str
    seconds: float = 20.0

    def deliver(self, *, code: str, envelope: bytes) -> None:
        """Hand a message over; its code makes a second delivery the same message."""
        headers = {"Content-Type": "application/xml", "Idempotency-Key": code}
        answer = self._ask("POST", "/messages", headers=headers, content=envelope)
        if answer.status_code not in (httpx.codes.ACCEPTED, httpx.codes.OK):
            raise AuthorityRefusedError(_told(answer))

    def answer(self, *, code: str) -> Answered | None:
        """Return the answer to a message, None while there is none."""
        answer = self._ask("GET", f"/messages/{code}/answer")
        if answer.status_code == httpx.codes.NO_CONTENT:
            return None
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise UnknownMessageError("The tax authority's service does not know the message.")
        if answer.status_code != httpx.codes.OK:
            raise AuthorityRefusedError(_told(answer))
        return Answered(_decisions(answer.content, code), hashlib.sha256(answer.content).digest())

    def day(self, *, day: date) -> Mapping[str, str]:
        """Return what the authority received on a day."""
        answer = self._ask("GET", f"/days/{day.isoformat()}")
        try:
            return {str(name): str(status) for name, status in answer.raise_for_status().json().items()}
        except (httpx.HTTPStatusError, ValueError, AttributeError) as error:
            raise AuthorityRefusedError(_told(answer)) from error

    def _ask(self, method: str, path: str, **words: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **words.pop("headers", {})}  # type: ignore[dict-item]
        try:
            answer = httpx.request(
                method,
                self.url + path,
                headers=headers,
                timeout=self.seconds,
                **words,  # type: ignore[arg-type]
            )
        except httpx.HTTPError as error:
            raise AuthorityUnreachableError(
                f"The tax authority's service does not answer ({type(error).__name__})."
            ) from error
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
            raise AuthorityUnreachableError(
                f"The tax authority's service answers {answer.status_code}: it is overloaded or down."
            )
        return answer


def _told(answer: httpx.Response) -> str:
    return f"The tax authority's service refused with status {answer.status_code}: {answer.text[:200]}"


def _decisions(content: bytes, code: str) -> tuple[Answer, ...]:
    """Read an answer: TDiep whose DLieu holds a KQua an invoice. Raises AuthorityRefusedError naming the element."""
    try:
        root = read(content)
    except EInvoiceError as error:
        raise AuthorityRefusedError(f"The answer to {code} cannot be read: {error}") from error
    if root.value("TTChung/MTDTChieu") != code:
        raise AuthorityRefusedError(f"The answer to {code} names another message in MTDTChieu.")
    data = root.at("DLieu")
    return tuple(_decision(found) for found in (data.elements("KQua") if data else []))


def _decision(found: Node) -> Answer:
    number, code = found.value("SHDon"), found.value("MCCQT")
    reason = " ".join(filter(None, (found.value("LDo/MLoi"), found.value("LDo/MTa"))))
    if not number.isdigit() or bool(code) == bool(reason) or len(code) > 34:
        raise AuthorityRefusedError("KQua needs SHDon, and either MCCQT (34 letters at most) or LDo.")
    return Answer(found.value("KHMSHDon"), found.value("KHHDon"), int(number), code, reason)
