"""Keeping a correction's draft, approving it, closing it. Its bills are written in columns (`bulk`)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import psycopg
import pyarrow as pa
from django.db import connection

from thapsang.domain.billing.models import Correction, CorrectionBill
from thapsang.domain.billing.queries.corrections import correction_policy
from thapsang.domain.billing.types import (
    BillingError,
    CorrectionStateError,
    FourEyesError,
    UnknownCorrectionError,
)
from thapsang.kit.audit import operations as audit
from thapsang.kit.audit.operations import Person
from thapsang.kit.bulk.copy import copy_rows
from thapsang.kit.db.transactions import transaction_required

_NUMBERS = (
    "old_kwh", "old_net", "old_vat", "old_total", "new_kwh", "new_net", "new_vat", "new_total", "relief_total", "paid",
)  # fmt: skip
ROWS = pa.schema(
    {
        "of_bill_id": pa.int64(), "book_id": pa.int64(), "customer_id": pa.int64(), "code": pa.string(),
        "only": pa.string(), "detail": pa.string(), "lines": pa.string(),
        **{name: pa.int64() for name in _NUMBERS},
    }
)  # fmt: skip
_STAGED = """
CREATE TEMP TABLE correction_row (of_bill_id bigint, book_id bigint, customer_id bigint, code text, "only" text,
    detail text, lines text, {numbers}) ON COMMIT DROP
"""
_KEEP = """
INSERT INTO billing_correctionbill
    (correction_id, of_bill_id, book_id, customer_id, code, "only", detail, lines, {numbers})
SELECT %s, of_bill_id, book_id, customer_id, code, "only", detail::jsonb, lines::jsonb, {numbers}
FROM correction_row ORDER BY of_bill_id
"""


@transaction_required
def keep_draft(
    *,
    tariff: str,
    policy_version_id: int | None,
    reason: str,
    document: str,
    rows: pa.Table,
    same: int,
    digests: Mapping[str, str],
    actor: Person | str,
    at: datetime,
) -> int:
    """Keep what a preview found (`rows`: columns of ROWS, đồng and kWh) as a draft; return its number.

    Whether a second person must issue it follows from the policy. Raises BillingError for an empty reason or
    document, or when nothing can be corrected.
    """
    for name, text in (("reason", reason), ("document", document)):
        if not text.strip():
            raise BillingError(f"{name}: it is empty. Say why, and by which paper, the bills are corrected.")
    sums = _sums(rows)
    policy = correction_policy()
    made = Correction.objects.create(
        tariff=tariff, policy_version_id=policy_version_id, reason=reason.strip(), document=document.strip(),
        asked_by=None if isinstance(actor, str) else actor.pk, asked_name=_name(actor), asked_at=at,
        four_eyes=sums["customers"] > policy.customers or sums["moved"] > policy.total, same=same,
        sha256=hashlib.sha256(json.dumps(dict(sorted(digests.items()))).encode()).hexdigest(),
        digests=dict(digests), **sums,
    )  # fmt: skip
    _insert(made.pk, rows)
    audit.record(
        actor=actor, action="billing.correction-drafted", subject=f"correction:{made.pk}", before=None,
        after={**sums, "document": document.strip(), "sha256": made.sha256}, reason=reason, at=at,
    )  # fmt: skip
    return int(made.pk)


def _sums(rows: pa.Table) -> dict[str, int]:
    good = [row for row in rows.select([*_NUMBERS, "code", "customer_id"]).to_pylist() if not row["code"]]
    if not good:
        raise BillingError(
            "Nothing to correct: every month comes out as billed, or cannot be derived. Mend the readings or the "
            "terms first."
        )
    found = {
        name: sum(r[f"new_{name}"] - r[f"old_{name}"] for r in good)
        for name in ("kwh", "net", "vat", "total")
    }
    moved = sum(abs(row["new_total"] - row["old_total"]) for row in good)
    return {
        **found,
        "moved": moved,
        "bills": len(good),
        "customers": len({row["customer_id"] for row in good}),
    }


def _insert(correction_id: int, rows: pa.Table) -> None:
    numbers = ", ".join(_NUMBERS)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS correction_row")
        cursor.execute(_STAGED.format(numbers=", ".join(f"{name} bigint" for name in _NUMBERS)))
        copy_rows(
            cast("psycopg.Connection[Any]", connection.connection), "correction_row", rows.select(ROWS.names)
        )
        cursor.execute(_KEEP.format(numbers=numbers), [correction_id])


@transaction_required
def approve(*, correction_id: int, how: str, actor: Person | str, at: datetime) -> None:
    """Let a draft be issued, as adjusting (`adjust`) or as cancelling and replacing bills (`replace`).

    Raises UnknownCorrectionError, CorrectionStateError when it is no draft, FourEyesError when whoever asked for
    it must not issue it (the database holds that too), BillingError for another `how`.
    """
    if how not in {"adjust", "replace"}:
        raise BillingError(f"how: {how!r} is no way to correct: `adjust` or `replace`.")
    found = _locked(correction_id)
    if found.status != "draft":
        raise CorrectionStateError(
            f"Correction {correction_id} is {found.status}: only a draft can be approved."
        )
    if found.four_eyes and _same_person(found, actor):
        raise FourEyesError(
            f"Correction {correction_id} touches {found.customers} customers and moves {found.moved:,} đồng: "
            f"{found.asked_name} asked for it, so somebody else must issue it."
        )
    found.status, found.how, found.approved_at = "issuing", how, at
    found.approved_by = None if isinstance(actor, str) else actor.pk
    found.approved_name = _name(actor)
    found.save(update_fields=["status", "how", "approved_at", "approved_by", "approved_name"])
    audit.record(
        actor=actor, action="billing.correction-approved", subject=f"correction:{correction_id}",
        before={"status": "draft"}, after={"status": "issuing", "how": how, "sha256": found.sha256},
        reason=found.reason, at=at,
    )  # fmt: skip


def _same_person(found: Correction, actor: Person | str) -> bool:
    same_number = not isinstance(actor, str) and found.asked_by is not None and found.asked_by == actor.pk
    return same_number or found.asked_name == _name(actor)


@transaction_required
def close(*, correction_id: int, actor: Person | str, at: datetime) -> bool:
    """Mark a correction issued when nothing of it waits; return whether it is. Asked again, it changes nothing."""
    found = _locked(correction_id)
    if found.status == "issued":
        return True
    rows = CorrectionBill.objects.filter(correction_id=correction_id, code="")
    if found.status != "issuing" or rows.filter(issued_at__isnull=True).exists():
        return False
    _close(found, actor, at, {"bills": rows.count()})
    return True


@transaction_required
def withdraw(*, correction_id: int, reason: str, actor: Person | str, at: datetime) -> int:
    """Drop a draft, or what is left of a correction under way; return how many months are dropped.

    What was issued stays. Raises UnknownCorrectionError, CorrectionStateError, BillingError for no reason.
    """
    if not reason.strip():
        raise BillingError("reason: it is empty. Say why the correction is dropped.")
    found = _locked(correction_id)
    if found.status not in {"draft", "issuing"}:
        raise CorrectionStateError(
            f"Correction {correction_id} is {found.status}: nothing is left to withdraw."
        )
    left = CorrectionBill.objects.filter(correction_id=correction_id, code="", issued_at__isnull=True)
    count = left.update(code="withdrawn")
    if found.status == "issuing":
        _close(found, actor, at, {"withdrawn": count}, reason)
        return count
    found.status = "withdrawn"
    found.save(update_fields=["status"])
    audit.record(
        actor=actor, action="billing.correction-withdrawn", subject=f"correction:{correction_id}",
        before={"status": "draft"}, after={"status": "withdrawn"}, reason=reason, at=at,
    )  # fmt: skip
    return count


def _close(
    found: Correction, actor: Person | str, at: datetime, after: Mapping[str, int], reason: str = ""
) -> None:
    found.status, found.issued_at = "issued", at
    found.save(update_fields=["status", "issued_at"])
    audit.record(
        actor=actor, action="billing.correction-issued", subject=f"correction:{found.pk}",
        before={"status": "issuing"}, after={"status": "issued", **after}, reason=reason or found.reason, at=at,
    )  # fmt: skip


def _locked(correction_id: int) -> Correction:
    found = Correction.objects.select_for_update().filter(pk=correction_id).first()
    if found is None:
        raise UnknownCorrectionError(f"There is no correction {correction_id}.")
    return found


def _name(actor: Person | str) -> str:
    return actor if isinstance(actor, str) else actor.get_username()
