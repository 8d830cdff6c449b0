"""Who agreed to what: consents in force, the phones they allow to write to, and the texts agreed to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.db import connection

from thapsang.domain.customers.types import Mailbox
from thapsang.kit.privacy import cipher

_PHONES = """
SELECT DISTINCT ON (p.customer_id) p.customer_id, p.value_cipher
FROM customers_contactpoint p
WHERE p.customer_id = ANY(%(ids)s) AND p.kind = 'phone' AND p.verified_at IS NOT NULL AND EXISTS (
    SELECT FROM customers_consent c
    WHERE c.customer_id = p.customer_id AND c.purpose = %(purpose)s AND c.withdrawn_at IS NULL)
ORDER BY p.customer_id, p.is_primary DESC, p.id
"""


def consented_phones(*, customer_ids: Iterable[int], purpose: str) -> dict[int, str]:
    """Return the verified phone (E.164, the primary one first) of each of these customers who agreed.

    Customers without a consent in force for the purpose, or without a verified phone, are left out. One
    statement, whatever their number.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PHONES, {"ids": list(customer_ids), "purpose": purpose})
        return {customer: cipher.decrypt(value, purpose="phone") for customer, value in cursor.fetchall()}


_EMAILS = """
SELECT DISTINCT ON (p.customer_id) p.customer_id, p.value_cipher, p.language
FROM customers_contactpoint p
WHERE p.customer_id > %(after)s AND (%(ids)s::bigint[] IS NULL OR p.customer_id = ANY(%(ids)s))
AND p.kind = 'email' AND p.verified_at IS NOT NULL AND EXISTS (
    SELECT FROM customers_consent c
    WHERE c.customer_id = p.customer_id AND c.purpose = %(purpose)s AND c.withdrawn_at IS NULL)
ORDER BY p.customer_id, p.is_primary DESC, p.id LIMIT %(limit)s
"""


def consented_emails(
    *, purpose: str, customer_ids: Iterable[int] | None = None, after: int = 0, limit: int = 5_000
) -> dict[int, Mailbox]:
    """Return the verified e-mail address (the primary one first) of customers who agreed, in order of number.

    Of these customers or, `limit` at a time, of all after number `after`.
    """
    ids = None if customer_ids is None else list(customer_ids)
    with connection.cursor() as cursor:
        cursor.execute(_EMAILS, {"ids": ids, "purpose": purpose, "after": after, "limit": limit})
        rows = cursor.fetchall()
    return {
        customer: Mailbox(cipher.decrypt(value, purpose="email"), language)
        for customer, value, language in rows
    }


class ConsentTextError(LookupError):
    """The policy file of consent texts lacks something; the message names file, key and remedy."""


@dataclass(frozen=True)
class ConsentText:
    """What a customer is asked to agree to, in one language."""

    purpose: str
    version: str
    language: str
    title: str
    paragraphs: tuple[str, ...]
    agree: str
    basis: str
    """The law the consent rests on."""

    @property
    def sha256(self) -> str:
        """Hash of what was shown: proof that the text was not changed under its version later."""
        shown = "\n".join(
            [self.purpose, self.version, self.language, self.title, *self.paragraphs, self.agree]
        )
        return hashlib.sha256(shown.encode()).hexdigest()


def consent_texts(*, language: str) -> list[ConsentText]:
    """Return the texts of all purposes in `language`, or else Vietnamese. Raises ConsentTextError."""
    path = Path(settings.POLICIES) / settings.DISTRIBUTOR / "templates" / "consents.yaml"
    try:
        content = _read(path)
        return [
            _text(purpose, entry, language, content.get(f"basis_{language}", content["basis"]))
            for purpose, entry in content["purposes"].items()
        ]
    except OSError as error:
        raise ConsentTextError(f"{path.name} is missing: add it to the policies.") from error
    except KeyError as error:
        raise ConsentTextError(f"{path.name}: the key {error} is missing; add it.") from error


@lru_cache(maxsize=4)
def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def _text(purpose: str, entry: dict[str, Any], language: str, basis: str) -> ConsentText:
    spoken = language if language in entry else "vi"
    words = entry[spoken]
    return ConsentText(
        purpose=purpose, version=str(entry["version"]), language=spoken, title=words["title"],
        paragraphs=tuple(words["text"]), agree=words["agree"], basis=basis,
    )  # fmt: skip
