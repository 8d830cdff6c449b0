"""Rules of an invoice that a schema cannot say: sums, VAT, words, check digits, the year of a series."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from thapsang.engines.einvoice.checking import expected_vat, is_tax_code
from thapsang.engines.einvoice.model import invoice_key
from thapsang.engines.einvoice.tree import Node
from thapsang.engines.einvoice.words import in_words, same_words

_ZERO = Decimal(0)
_TOLERANCE = Decimal(1)
"""One đồng: other software rounds lines and totals apart."""


@dataclass(frozen=True)
class Finding:
    """A rule that an element breaks."""

    node: Node
    code: str
    problem: str
    remedy: str
    severity: str = "error"


def broken_rules(hdon: Node) -> Iterator[Finding]:
    """Yield the rules an HDon breaks; it has passed the schema."""
    body = hdon.at("DLHDon")
    assert body is not None
    for rule in _RULES:
        yield from rule(body)


def _tax_codes(body: Node) -> Iterator[Finding]:
    for path in ("TTChung/MSTTCGP", "NDHDon/NBan/MST", "NDHDon/NMua/MST"):
        node = body.at(path)
        if node is not None and not is_tax_code(node.value()):
            yield Finding(node, "tax-code", "has a wrong check digit.", "Look the tax code up again.")


def _series(body: Node) -> Iterator[Finding]:
    node, day = body.at("TTChung/KHHDon"), body.value("TTChung/NLap")
    if node is not None and node.value()[1:3] != day[2:4]:
        remedy = f"Use a series of 20{day[2:4]}, or mend NLap."
        yield Finding(node, "series-year", f"is a series of another year than NLap {day}.", remedy)


def _currency(body: Node) -> Iterator[Finding]:
    head = body.at("TTChung")
    assert head is not None
    vnd, rate = head.value("DVTTe") == "VND", head.at("TGia")
    if vnd and rate is not None and _number(rate) != 1:
        yield Finding(rate, "rate", "stands for an invoice in VND.", "Leave TGia out.")
    if not vnd and rate is None:
        yield Finding(head, "rate", "has a foreign currency without TGia.", "Add the exchange rate.")


def _customer(body: Node) -> Iterator[Finding]:
    buyer = body.at("NDHDon/NMua")
    assert buyer is not None
    if not buyer.value("Ten") and not buyer.value("HVTNMHang"):
        yield Finding(buyer, "buyer", "names nobody.", "Give Ten or HVTNMHang.")
    if not buyer.value("MKHang"):
        remedy = "An electricity invoice carries the customer code in MKHang."
        yield Finding(buyer, "customer-code", "has no MKHang.", remedy, "warning")


def _lines(body: Node) -> Iterator[Finding]:
    for line in _items(body):
        kind, amount = line.value("TChat"), line.at("ThTien")
        if kind == "4" and amount is not None:
            yield Finding(
                amount, "note-amount", "stands on a note (TChat 4).", "Leave it out, or make the line goods."
            )
        if kind != "4" and amount is None:
            yield Finding(line, "amount", "has no ThTien.", "Add the amount; only a note has none.")


def _rate_sums(body: Node) -> Iterator[Finding]:
    """The lines of each rate come to its LTSuat. Only where every line names its rate; others keep it in TTKhac."""
    rates = [rate for group in _totals(body).elements("THTTLTSuat") for rate in group.elements("LTSuat")]
    lines = [line for line in _items(body) if line.value("TChat") in {"1", "3"}]
    for rate in rates:
        text, net = rate.value("TSuat"), rate.at("ThTien")
        vat = rate.at("TThue")
        assert net is not None and vat is not None
        if all(line.value("TSuat") for line in lines):
            found = sum((_signed(line) for line in lines if line.value("TSuat") == text), _ZERO)
            if abs(found - _number(net)) > _TOLERANCE:
                yield _wrong_sum(net, f"the lines at {text or 'no rate'}", found)
        wanted = expected_vat(int(_number(net).to_integral_value()), text)
        if wanted is not None and abs(wanted - _number(vat)) > _TOLERANCE:
            yield _wrong_sum(vat, f"{text} of {net.value()}", Decimal(wanted))
    given = {rate.value("TSuat") for rate in rates}
    for line in lines:
        if rates and line.value("TSuat") and line.value("TSuat") not in given:
            yield Finding(
                line, "rate-missing", f"has {line.value('TSuat')}, which no LTSuat sums.", "Add that LTSuat."
            )


def _total_sums(body: Node) -> Iterator[Finding]:
    totals = _totals(body)
    rates = [rate for group in totals.elements("THTTLTSuat") for rate in group.elements("LTSuat")]
    for name, part in (("TgTCThue", "ThTien"), ("TgTThue", "TThue")):
        node = totals.at(name)
        found = sum((_number(value) for rate in rates for value in rate.elements(part)), _ZERO)
        if rates and node is not None and abs(found - _number(node)) > _TOLERANCE:
            yield _wrong_sum(node, f"the LTSuat/{part}", found)
    total = totals.at("TgTTTBSo")
    assert total is not None
    if totals.at("TgTCThue") and totals.at("TgTThue"):
        fees = sum((_number(fee) for group in totals.elements("DSLPhi") for fee in _fees(group)), _ZERO)
        found = _of(totals, "TgTCThue") + _of(totals, "TgTThue") + fees
        extra = _of(totals, "TGTKCThue") + _of(totals, "TTCKTMai") + _of(totals, "TGTKhac")
        if abs(found - _number(total)) > _TOLERANCE + abs(extra):
            yield _wrong_sum(total, "TgTCThue, TgTThue and fees", found)


def _words(body: Node) -> Iterator[Finding]:
    totals = _totals(body)
    said, total = totals.at("TgTTTBChu"), _of(totals, "TgTTTBSo")
    assert said is not None
    if body.value("TTChung/DVTTe") != "VND" or total != total.to_integral_value() or abs(total) >= 10**18:
        return
    words = in_words(int(total))
    if not same_words(words, said.value()):
        yield Finding(said, "words", f"does not say TgTTTBSo {total}.", f"Write: {words}.")


def _relation(body: Node) -> Iterator[Finding]:
    relation = body.at("TTChung/TTHDLQuan")
    if relation is None:
        return
    head = body.at("TTChung")
    assert head is not None
    own = invoice_key("", head.value("KHMSHDon"), head.value("KHHDon"), head.value("SHDon"))
    other = invoice_key(
        "", relation.value("KHMSHDCLQuan"), relation.value("KHHDCLQuan"), relation.value("SHDCLQuan")
    )
    if own == other:
        yield Finding(relation, "relation", "names this invoice itself.", "Name the invoice it corrects.")
    day = relation.at("NLHDCLQuan")
    if day is not None and day.value() > head.value("NLap"):
        yield Finding(day, "relation", "is after NLap.", "An invoice corrects an earlier one.")


_RULES: tuple[Callable[[Node], Iterator[Finding]], ...] = (
    _tax_codes, _series, _currency, _customer, _lines, _rate_sums, _total_sums, _words, _relation,
)  # fmt: skip


def _wrong_sum(node: Node, what: str, found: Decimal) -> Finding:
    return Finding(
        node, "sum", f"says {node.value()}, {what} come to {found}.", f"Write {found}, or mend the parts."
    )


def _totals(body: Node) -> Node:
    node = body.at("NDHDon/TToan")
    assert node is not None
    return node


def _items(body: Node) -> list[Node]:
    holder = body.at("NDHDon/DSHHDVu")
    return holder.elements("HHDVu") if holder else []


def _signed(line: Node) -> Decimal:
    amount = _of(line, "ThTien")
    return -amount if line.value("TChat") == "3" else amount


def _fees(group: Node) -> list[Node]:
    return [fee for item in group.elements("LPhi") for fee in item.elements("TPhi")]


def _of(node: Node, name: str) -> Decimal:
    found = node.at(name)
    return _number(found) if found is not None else _ZERO


def _number(node: Node) -> Decimal:
    return Decimal(node.value().strip() or "0")
