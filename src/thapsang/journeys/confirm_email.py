"""A signed-in customer gives an e-mail address: a one-time code goes to it, and comes back (docs/adr/0028).

Nothing of the register changes before the code is back. The address then takes the place of the one before, which
is told; the language is the one the customer reads the portal in. No address stands in a log, the audit log or a
page's address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from thapsang.domain.customers import operations as register
from thapsang.domain.customers import queries as customers
from thapsang.domain.customers.types import CustomerView
from thapsang.domain.notifications import operations as notifications
from thapsang.domain.notifications.queries import BOTH, letter
from thapsang.domain.notifications.types import EMAIL_CODE_LIFE
from thapsang.kit.audit import operations as audit
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.throttling import Limit, attempt

CONSENT = "bills-by-email"
LIMITS: Mapping[str, tuple[Limit, ...]] = {
    "asker": (
        Limit("email-code:asker", 5, timedelta(hours=1)), Limit("email-code:asker-day", 10, timedelta(days=1)),
    ),
    "address": (
        Limit("email-code:address", 3, timedelta(minutes=10)), Limit("email-code:address-day", 10, timedelta(days=1)),
    ),
    "sender": (Limit("email-code:sender", 20, timedelta(hours=1)),),
}  # fmt: skip
"""How many codes somebody signed in, an address, and a network address may have: a guesser gets at most 50 tries a
day at one address, and nobody's mailbox is filled."""
_NOTICE_LIFE = timedelta(days=1)
_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


class TooManyEmailCodesError(RuntimeError):
    """Too many codes were asked for; `wait` says how long to wait."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"Too many codes: wait {wait}.")
        self.wait = wait


@dataclass(frozen=True)
class OwnAddress:
    """An e-mail address of some of the customers somebody signed in stands for."""

    point_id: int
    address: str
    masked: str
    verified_at: datetime | None
    language: str
    names: tuple[str, ...]


def addresses(*, mine: Iterable[CustomerView]) -> list[OwnAddress]:
    """Return the e-mail addresses of these customers, each once, with the names of whom it belongs to."""
    found: dict[str, OwnAddress] = {}
    for one in mine:
        for point in customers.contact_points(customer_id=one.id):
            if point.kind == "email":
                known = found.get(point.value)
                names = (*known.names, one.name) if known else (one.name,)
                verified = point.verified_at if known is None or known.verified_at else None
                found[point.value] = OwnAddress(
                    point.id, point.value, point.masked, verified, point.language, names
                )
    return list(found.values())


def ask_code(*, address: str, asker: str, sender: str, language: str, at: datetime) -> int:
    """Send a code to a normalised address; return the number under which `confirm` checks it.

    `asker` is who is signed in, `sender` their network address. Raises TooManyEmailCodesError.
    """
    for kind, who in (("asker", asker), ("sender", sender), ("address", address)):
        for limit in LIMITS[kind]:
            verdict = attempt(limit=limit, who=who, at=at)
            if not verdict.allowed:
                raise TooManyEmailCodesError(verdict.wait)
    with transaction():
        code_id, code = notifications.new_email_code(address=address, asker=asker, language=language, at=at)
        values = {"code": code, "minutes": str(int(EMAIL_CODE_LIFE.total_seconds()) // 60)}
        notifications.send_email(
            address=address, template="email-code", at=at, expires_at=at + EMAIL_CODE_LIFE,
            letter=letter(template="email-code", languages=(language,), values={language: values, "vi": values}),
        )  # fmt: skip
    return code_id


def confirm(*, code_id: int, asker: str, code: str, mine: Iterable[CustomerView], at: datetime) -> bool:
    """Make the address the e-mail of these customers when the code fits; False otherwise (a try is counted)."""
    people = sorted(mine, key=lambda one: one.id)
    with transaction():
        proven = notifications.check_email_code(code_id=code_id, asker=asker, code=code, at=at)
        if proven is None:
            return False
        address, language = proven
        replaced = set[str]()
        for one in people:
            replaced.update(
                register.confirm_email(customer_id=one.id, address=address, language=language, at=at)
            )
        _tell(replaced, at)
        _note(people, "customers.email-confirmed", {"language": language, "replaced": len(replaced)}, at)
    return True


def remove(*, point_id: int, mine: Iterable[CustomerView], at: datetime) -> bool:
    """Remove an address of one's own wherever one holds it, and the consent to bills by e-mail with the last one.

    False when the contact point is none of these customers' e-mail addresses. The address is told.
    """
    people = sorted(mine, key=lambda one: one.id)
    own = next((one for one in addresses(mine=people) if one.point_id == point_id), None)
    if own is None:
        return False
    with transaction():
        told, held = set[str](), list[CustomerView]()
        for one in people:
            was, proven = register.remove_email(customer_id=one.id, address=own.address)
            held += [one] if was else []
            told.update(proven)
            if was and not _has_email(one.id):
                register.withdraw_consent(customer_id=one.id, purpose=CONSENT, at=at)
        _tell(told, at)
        _note(held, "customers.email-removed", {"verified": bool(told)}, at)
    return True


def choose_language(*, point_id: int, language: str, mine: Iterable[CustomerView], at: datetime) -> bool:
    """Choose the language of letters to an address of one's own; False when it is none, or no language of ours."""
    people = sorted(mine, key=lambda one: one.id)
    own = next((one for one in addresses(mine=people) if one.point_id == point_id), None)
    if own is None or language not in BOTH:
        return False
    with transaction():
        held = [
            one
            for one in people
            if register.choose_language(customer_id=one.id, address=own.address, language=language)
        ]
        _note(held, "customers.email-language", {"language": language}, at)
    return True


def _has_email(customer_id: int) -> bool:
    return any(
        point.kind == "email" and point.verified_at
        for point in customers.contact_points(customer_id=customer_id)
    )


def _tell(replaced: Iterable[str], at: datetime) -> None:
    """Leave a notice to the addresses that were in use: who did not remove them learns of it."""
    values = {"when": f"{at.astimezone(_VIETNAM):%H:%M %d/%m/%Y}"}
    said = letter(template="email-removed", languages=BOTH, values=dict.fromkeys(BOTH, values))
    for address in sorted(replaced):
        notifications.send_email(
            address=address, template="email-removed", letter=said, at=at, expires_at=at + _NOTICE_LIFE, now=False
        )  # fmt: skip


def _note(people: Iterable[CustomerView], action: str, after: Mapping[str, object], at: datetime) -> None:
    for one in people:
        audit.record(
            actor=f"customer:{one.code}", action=action, subject=f"customer:{one.code}", before=None, after=after,
            reason="portal", at=at,
        )  # fmt: skip
