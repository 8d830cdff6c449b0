"""What must hold at every step: bills, ledger, invoices and relief tell the same đồng, and each can be proved."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import connection

from tests.scenarios.travel.working import Figures
from tests.scenarios.travel.world import World
from thapsang.domain.billing import queries as billing
from thapsang.domain.invoices import operations as signing
from thapsang.domain.invoices import queries as invoices
from thapsang.domain.ledger import queries as ledger
from thapsang.engines.einvoice import validate, verify
from thapsang.journeys import run_billing, show_invoice
from thapsang.kit.audit import queries as audit

_SHARES = ("reactive", "relief")
"""Kinds of lines that are no kWh times a price."""


def rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return list(cursor.fetchall())


@dataclass
class Proof:
    """Differences found so far, each with the step it was found at; a story goes on, so that all are seen."""

    found: list[str] = field(default_factory=list)
    verified: set[int] = field(default_factory=set)
    explained: int = 0

    def same(self, where: str, what: str, story: Any, product: Any) -> None:
        """Note a difference between the story's figure and the product's."""
        if story != product:
            self.found.append(f"{where}: {what}: the story says {story}, the product {product}")

    def bill(self, where: str, number: int, wanted: Figures) -> None:
        """Compare a bill with what was worked out by hand, line by line."""
        detail = billing.bill(bill_id=number)
        if detail is None:
            self.found.append(f"{where}: there is no bill {number}")
            return
        given = [
            (0, 0, line.amount) if line.kind in _SHARES else (line.kwh, line.price, line.amount)
            for line in detail.lines if line.kwh or line.amount
        ]  # fmt: skip
        self.same(where, "lines", [(line.kwh, line.price, line.amount) for line in wanted.lines], given)
        bill = detail.bill
        self.same(
            where, "net, VAT rate, VAT, total", (wanted.net, wanted.vat_rate, wanted.vat, wanted.total),
            (bill.net, bill.vat_rate, bill.vat, bill.total),
        )  # fmt: skip

    def explains(self, where: str, numbers: list[int]) -> None:
        """Derive bills again: nothing may differ."""
        for number in numbers:
            self.same(
                where, f"bill {number} derived again", (), run_billing.explain(bill_id=number).differences
            )
            self.explained += 1

    def month(self, where: str, period: date) -> None:
        """`bills check` of a month finds nothing."""
        self.same(where, "bills check", (), run_billing.check(period=period).violations)

    def money(self, where: str, world: World) -> None:
        """Ledger, bills, payments and the story agree for every customer; the ledger balances."""
        for who, person in world.people.items():
            balance = ledger.balance(account_id=person.account)
            self.same(where, f"{who} owes", world.owed[who], balance)
            ((billed, paid),) = rows(
                "SELECT (SELECT coalesce(sum(total), 0) FROM billing_bill WHERE customer_id = %s)::bigint, "
                "(SELECT coalesce(sum(amount), 0) FROM payments_payment "
                "WHERE customer_id = %s AND channel <> 'note')::bigint - (SELECT coalesce(sum(amount), 0) FROM "
                "payments_refundrequest WHERE customer_id = %s AND status IN ('sent', 'paid'))::bigint",
                person.id, person.id, person.id,
            )  # fmt: skip
            self.same(where, f"bills less payments of {who}", billed - paid, balance)
        self.same(where, "trial balance", 0, sum(line.balance for line in ledger.trial_balance()))
        self.same(where, "unbalanced journals", [], ledger.unbalanced_journals())
        ((granted, net, on_bills),) = rows(
            "SELECT (SELECT coalesce(sum(amount + vat), 0) FROM reliefs_grant)::bigint, (SELECT coalesce(sum(amount), "
            "0) FROM reliefs_grant)::bigint, (SELECT coalesce(-sum(amount), 0) FROM billing_billline "
            "WHERE kind = 'relief')::bigint"
        )
        self.same(where, "relief granted by the story", world.relieved, granted)
        self.same(where, "relief on bills, before VAT", net, on_bills)

    def invoices(self, where: str, period: date) -> None:
        """Each bill of a month that has an amount has one invoice, of its total, signed and whole."""
        low = (period.year % 100 * 100 + period.month) * 10**10
        found = rows(
            "SELECT b.id, b.total, i.id, i.total FROM billing_bill b LEFT JOIN invoices_invoice i ON i.bill_id = b.id "
            "WHERE b.id BETWEEN %s AND %s AND b.net <> 0 AND NOT EXISTS (SELECT FROM billing_billlink l "
            "WHERE l.bill_id = b.id AND l.kind = 'cancels')",
            low, low + 10**10 - 1,
        )  # fmt: skip
        for bill, total, _, written in found:
            self.same(where, f"invoice of bill {bill}", total, written)
        fresh = [one for _, _, one, _ in found if one is not None and one not in self.verified]
        for invoice in fresh:
            self._verify(where, invoice, by_schema=invoice == fresh[-1])

    def _verify(self, where: str, number: int, *, by_schema: bool) -> None:
        """Verify an invoice's signature; its schema takes longer and is asked of one in each batch."""
        view = invoices.invoice(invoice_id=number)
        assert view is not None
        content = show_invoice.invoice_file(view=view)
        if by_schema:
            self.same(where, f"invoice {view.name} by its schema", [], validate(content))
        verdict = verify(content, trusted=[signing.signer().certificate])[0]
        self.same(
            where, f"invoice {view.name}: genuine, trusted", (True, True), (verdict.genuine, verdict.trusted)
        )
        self.verified.add(number)

    def numbers(self, where: str) -> None:
        """The numbers of each series run from 1 without a gap."""
        series: dict[int, list[int]] = {}
        for one, number in rows("SELECT series_id, number FROM invoices_invoice ORDER BY series_id, number"):
            series.setdefault(one, []).append(number)
        for one, found in series.items():
            self.same(where, f"numbers of series {one}", list(range(1, len(found) + 1)), found)

    def audit(self, where: str) -> None:
        """The audit log is whole."""
        self.same(where, "audit log", [], list(audit.verify().problems))

    def told(self) -> str:
        """Return all differences, the first of each step first."""
        return "\n".join([f"{len(self.found)} differences", *self.found[:60]])
