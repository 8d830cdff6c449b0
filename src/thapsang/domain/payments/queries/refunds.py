"""Refunds as pages and commands see them; the rules of refunds; the bytes of a bank file, written again."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from django.conf import settings
from django.db.models import Count, F

from thapsang.domain.payments.models import RefundFile, RefundRequest
from thapsang.domain.payments.queries.dues import outstanding
from thapsang.domain.payments.queries.rules import PaymentRulesError, rules
from thapsang.engines.transfers import Order, Party, write
from thapsang.kit.privacy.cipher import decrypt

_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
HOLDER, ACCOUNT = "bank-holder", "bank-account"
"""Purposes of encryption of who is paid and where."""


class RefundFileChangedError(RuntimeError):
    """A file cannot be written again as it was: the collection account of the policies has changed since."""


class UnknownRefundError(LookupError):
    """No refund or file has this number."""


@dataclass(frozen=True)
class RefundRules:
    """policies/<distributor>/payments/refunds.yaml."""

    execute_in_days: int
    most_in_a_file: int
    banks: Mapping[str, str]
    """Name of each bank by its number."""


@dataclass(frozen=True)
class RefundView:
    """A refund; đồng. `holder` is who is paid; of the account only the last digits are shown."""

    id: int
    reference: str
    customer_id: int
    customer_code: str
    customer_name: str
    amount: int
    status: str
    problem: str
    bank: str
    bank_name: str
    holder: str
    account_tail: str
    reason: str
    by_customer: bool
    asked_name: str
    asked_at: datetime
    decided_name: str
    decided_at: datetime | None
    decision: str
    file_id: int | None
    sent_at: datetime | None
    paid_at: datetime | None
    bank_reference: str
    returned_at: datetime | None
    why_returned: str


@dataclass(frozen=True)
class RefundFileView:
    """A file handed to the bank, and how far its transfers are."""

    id: int
    message: str
    count: int
    total: int
    sha256: str
    execute_on: date
    made_name: str
    made_at: datetime
    waiting: int
    """Transfers the bank has not answered yet."""


def refund_rules() -> RefundRules:
    """Return the rules of this installation. Raises PaymentRulesError."""
    return _load(Path(settings.POLICIES) / settings.DISTRIBUTOR / "payments" / "refunds.yaml")


@functools.cache
def _load(path: Path) -> RefundRules:
    try:
        content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        banks = {str(number): str(name) for number, name in content["banks"]["list"].items()}
        if not content["banks"].get("reference"):
            raise ValueError("`banks.reference`")
        found = RefundRules(int(content["execute_in_days"]), int(content["most_in_a_file"]), banks)
    except OSError as error:
        raise PaymentRulesError(f"{path.name} of payments is missing: add it to the policies.") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PaymentRulesError(f"{path.name}: {error} is missing or has the wrong kind of value.") from error
    return found


def refundable(*, customer_id: int) -> int:
    """Return the đồng that can be paid back: credit that no open bill needs."""
    found = outstanding(customer_id=customer_id)
    return max(0, found.credit - found.open)


def refund(*, refund_id: int) -> RefundView:
    """Return one refund. Raises UnknownRefundError."""
    found = RefundRequest.objects.select_related("customer").filter(pk=refund_id).first()
    if found is None:
        raise UnknownRefundError(f"No refund has the number {refund_id}: see thapsang refunds list.")
    return _view(found)


def refunds(
    *,
    status: str = "",
    customer_id: int | None = None,
    file_id: int | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[RefundView]:
    """Return refunds: those waiting in the order they came, others the newest first."""
    rows = RefundRequest.objects.select_related("customer")
    wanted = {"status": status or None, "customer_id": customer_id, "file_id": file_id}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    rows = rows.order_by("id" if status in {"asked", "approved"} else "-id")
    return [_view(row) for row in rows[offset : offset + limit]]


def refund_counts() -> dict[str, int]:
    """Return how many refunds there are in each state."""
    return dict(RefundRequest.objects.values_list("status").annotate(n=Count("id")))


def _view(row: RefundRequest) -> RefundView:
    names = ("id", "customer_code", "customer_name", "bank_name", "holder")
    plain = {name: getattr(row, name) for name in RefundView.__dataclass_fields__ if name not in names}
    return RefundView(
        id=row.pk, customer_code=row.customer.code, customer_name=row.customer.name,
        bank_name=refund_rules().banks.get(row.bank, row.bank), holder=decrypt(row.holder_cipher, purpose=HOLDER),
        **plain,
    )  # fmt: skip


def refund_files(*, limit: int = 20) -> list[RefundFileView]:
    """Return the files handed to the bank, the newest first."""
    rows = RefundFile.objects.order_by("-id")[:limit]
    waiting = RefundRequest.objects.filter(status="sent", file__in=[row.pk for row in rows])
    left = dict(waiting.values_list("file").annotate(n=Count("id")))
    return [_file_view(row, left.get(row.pk, 0)) for row in rows]


def refund_file(*, file_id: int) -> RefundFileView:
    """Return one file. Raises UnknownRefundError."""
    row = RefundFile.objects.filter(pk=file_id).first()
    if row is None:
        raise UnknownRefundError(f"No file of refunds has the number {file_id}.")
    return _file_view(row, RefundRequest.objects.filter(file=row, status="sent").count())


def _file_view(row: RefundFile, waiting: int) -> RefundFileView:
    return RefundFileView(
        row.pk,
        row.message,
        row.count,
        row.total,
        row.sha256,
        row.execute_on,
        row.made_name,
        row.made_at,
        waiting,
    )


def file_content(*, file_id: int) -> bytes:
    """Return the bytes of a file as it was made, with names and accounts: whoever asks is on record.

    Raises UnknownRefundError, RefundFileChangedError.
    """
    row = RefundFile.objects.filter(pk=file_id).first()
    if row is None:
        raise UnknownRefundError(f"No file of refunds has the number {file_id}.")
    requests = RefundRequest.objects.filter(file=row).order_by("id").annotate(code=F("customer__code"))
    content = written(row, list(requests))
    if hashlib.sha256(content).hexdigest() != row.sha256:
        raise RefundFileChangedError(
            f"File {row.message} would not be the same again: payments/collection.yaml names another account now."
        )
    return content


def written(file: RefundFile, requests: Sequence[RefundRequest]) -> bytes:
    """Write a file's bytes from its requests (each with `code`, the customer's)."""
    payer = rules()
    orders = [
        Order(
            reference=row.reference, amount=row.amount, text=f"Hoan tien dien {row.code}",  # type: ignore[attr-defined]
            creditor=Party(
                name=decrypt(row.holder_cipher, purpose=HOLDER), bank=row.bank,
                account=decrypt(row.account_cipher, purpose=ACCOUNT),
            ),
        )
        for row in requests
    ]  # fmt: skip
    return write(
        message=file.message, made_at=file.made_at.astimezone(_VIETNAM), execute_on=file.execute_on, orders=orders,
        debtor=Party(name=payer.account_name, account=payer.account, bank=payer.bank_bin),
    )  # fmt: skip
