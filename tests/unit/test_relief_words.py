"""What a customer reads on the bill of a relief: what was taken off, and by which resolution."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from thapsang.domain.billing.types import LineView
from thapsang.interfaces.shared import bill_words


@dataclass(frozen=True)
class Law:
    text: str
    doubt: str = ""


def line(amount: int) -> LineView:
    return LineView("relief", 0, "", 134, 0, amount, date(2026, 10, 1), date(2026, 11, 1), 1)


def test_the_resolution_is_named_not_the_price_with_the_same_number() -> None:
    laws = {1: Law("Quyết định 1279, bậc 1"), -1: Law("Nghị quyết 83, Điều 1", "chưa chắc")}
    ((shown,),) = [one.lines for one in bill_words.stretches([line(-36_000)], -36_000, laws)]
    assert (shown.said, shown.name) == ("Tiền điện được giảm", "Giảm tiền điện")
    assert shown.because == "Giảm theo Nghị quyết 83, Điều 1."
    assert shown.law and shown.law.doubt == "chưa chắc"
    assert not shown.measured and shown.amount == -36_000


def test_what_is_taken_back_says_so() -> None:
    ((shown,),) = [one.lines for one in bill_words.stretches([line(36_000)], 36_000, {})]
    assert (shown.said, shown.because) == ("Thu hồi tiền điện đã giảm", "")
