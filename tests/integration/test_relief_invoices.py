"""What a bill took off itself, told: on its invoice as a discount, on its page and by which resolution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.factories import billing as world
from tests.factories import reliefs as factory
from tests.integration.test_relief_apply import applied, reversed_, rows
from thapsang.config import ports
from thapsang.domain.billing import queries as billing
from thapsang.domain.billing.types import bill_code
from thapsang.domain.invoices import operations, queries
from thapsang.engines.einvoice import validate, verify
from thapsang.interfaces.portal.bill_page import _later, laws_of
from thapsang.interfaces.shared import bill_words, words
from thapsang.journeys import issue_invoices, run_billing, show_invoice
from thapsang.kit.db.questions import answer

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER = world.OCTOBER


@pytest.fixture(autouse=True)
def _relieved(settings: Any, tmp_path: Path) -> None:
    settings.FILES = tmp_path / "files"
    operations.use_key(ports.seller_key)
    world.big_world(books=1, points=40)
    factory.listed("directive-16", areas=["99999"])
    factory.in_force(factory.storm())
    run_billing.start(period=OCTOBER, workers=1, at=world.AT)


def relieved_bill() -> tuple[int, int, int]:
    return rows("SELECT b.id, b.total, g.amount FROM billing_bill b JOIN reliefs_grant g ON g.bill_id = b.id "
                "WHERE b.kwh > 250 ORDER BY b.id LIMIT 1")[0]  # type: ignore[return-value]  # fmt: skip


def test_the_invoice_has_the_relief_as_a_discount() -> None:
    assert issue_invoices.start(period=OCTOBER, workers=1, at=world.AT).new_invoices > 10
    number, total, taken = relieved_bill()
    view = queries.invoices_of_bills(bill_ids=[number])[number]
    content = show_invoice.invoice_file(view=view)
    assert view.total == total and content.count(b"<TChat>3</TChat>") == 1
    assert f"<ThTien>{taken}</ThTien>".encode() in content
    assert validate(content) == []
    assert verify(content, trusted=[operations.signer().certificate])[0].genuine


def test_the_page_says_what_was_taken_off_and_why() -> None:
    number, _, taken = relieved_bill()
    detail = billing.bill(bill_id=number)
    assert detail is not None
    [stretch] = bill_words.stretches(detail.lines, detail.bill.net, laws_of(detail))
    *tiers, relief = stretch.lines
    assert (relief.name, relief.said, relief.amount) == ("Giảm tiền điện", "Tiền điện được giảm", -taken)
    assert relief.because == "Giảm theo Nghị quyết storm, Điều 2." and relief.relief and not relief.measured
    assert tiers[-1].said.endswith("còn lại") and tiers[0].said.endswith("đầu tiên")
    assert round(sum(line.share for line in tiers), 6) == 1.0


def test_the_bill_a_batch_relieved_tells_of_it_with_the_resolution_and_of_its_reversal() -> None:
    """A second programme after the run: its adjusting bill, and the one that takes it back, stand on the page."""
    text = factory.storm(code="more", order=120, listed="round-5-localities: 2026-10-10")
    factory.in_force(text, file="more.yaml")
    factory.listed("round-5-localities", areas=["99999"])
    batch = applied("more")
    number, taken = rows(
        "SELECT bill_id, sum(amount + vat)::bigint FROM reliefs_grant WHERE phase = 1 GROUP BY 1 ORDER BY 1 LIMIT 1"
    )[0]
    [note] = _later(answer(billing.later_question(bill_id=number)))
    assert (note.code, note.said) == (bill_code(number + 1), f"Được giảm {words.dong(taken)}.")
    assert note.because.startswith("Nghị quyết more, Điều ")
    reversed_(batch)
    _, back = _later(answer(billing.later_question(bill_id=number)))
    assert (back.code, back.said) == (bill_code(number + 2), f"Thu lại {words.dong(taken)} đã giảm.")
    assert back.because == note.because
    assert _later(answer(billing.later_question(bill_id=number + 1))) == []
