"""Amounts in words, against a second speaker written digit by digit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thapsang.engines.einvoice import in_words, same_words

DIGITS = ["không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín"]


def group(number: int, *, full: bool) -> list[str]:
    """Three digits by hand: a schoolbook's rules."""
    hundreds, tens, ones = number // 100, number // 10 % 10, number % 10
    said = [DIGITS[hundreds], "trăm"] if hundreds or full else []
    if tens == 0:
        return [*said, "lẻ", DIGITS[ones]] if said and ones else said + ([DIGITS[ones]] if ones else [])
    said += ["mười"] if tens == 1 else [DIGITS[tens], "mươi"]
    if ones == 1 and tens > 1:
        return [*said, "mốt"]
    if ones == 5:
        return [*said, "lăm"]
    return said + ([DIGITS[ones]] if ones else [])


def by_hand(number: int) -> str:
    words: list[str] = []
    billions, rest = divmod(number, 10**9)
    for value, tail in ((billions, ["tỷ"]), (rest, [])):
        for power, name in ((2, ["triệu"]), (1, ["nghìn"]), (0, [])):
            part = value // 1000**power % 1000
            if part:
                words += [*group(part, full=bool(words)), *name]
        if value and tail:
            words += tail
    said = " ".join(words) or "không"
    return f"{said[0].upper()}{said[1:]} đồng"


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (0, "Không đồng"),
        (5, "Năm đồng"),
        (15, "Mười lăm đồng"),
        (21, "Hai mươi mốt đồng"),
        (101, "Một trăm lẻ một đồng"),
        (1_005, "Một nghìn không trăm lẻ năm đồng"),
        (1_010, "Một nghìn không trăm mười đồng"),
        (474_876, "Bốn trăm bảy mươi bốn nghìn tám trăm bảy mươi sáu đồng"),
        (1_001_000, "Một triệu không trăm lẻ một nghìn đồng"),
        (
            2_045_678_901,
            "Hai tỷ không trăm bốn mươi lăm triệu sáu trăm bảy mươi tám nghìn chín trăm lẻ một đồng",
        ),
        (1_000_000_000_000, "Một nghìn tỷ đồng"),
        (-1_500, "Âm một nghìn năm trăm đồng"),
    ],
)
def test_known_amounts(amount: int, said: str) -> None:
    assert in_words(amount) == said


def test_every_amount_below_a_million_in_steps_and_all_groups() -> None:
    for number in [*range(1000), *range(1000, 1_000_000, 997), *range(10**9, 10**9 + 3000)]:
        assert in_words(number) == by_hand(number), number


@given(st.integers(0, 10**18 - 1))
def test_any_amount_is_said_as_by_hand(amount: int) -> None:
    assert in_words(amount) == by_hand(amount)


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_different_amounts_have_different_words(one: int, other: int) -> None:
    assert (in_words(one) == in_words(other)) == (one == other)


@pytest.mark.parametrize("amount", [10**18, -(10**18)])
def test_amounts_beyond_words_are_refused(amount: int) -> None:
    with pytest.raises(ValueError, match="too large"):
        in_words(amount)


@pytest.mark.parametrize(
    "other",
    ["một trăm linh tư nghìn đồng chẵn.", "MỘT TRĂM LẺ BỐN NGÀN ĐỒNG", "Một trăm lẻ bốn nghìn đồng chẵn./."],
)
def test_usual_spellings_say_the_same(other: str) -> None:
    assert same_words(in_words(104_000), other)
    assert not same_words(in_words(104_001), other)


@given(thousands=st.integers(1, 10**15 - 1), rest=st.integers(0, 999))
def test_what_is_kept_of_the_thousands_changes_no_word(thousands: int, rest: int) -> None:
    from thapsang.engines.einvoice import words

    amount = thousands * 1000 + rest
    plain = words._below_limit(amount)
    assert words.in_words(amount) == f"{plain[0].upper()}{plain[1:]} đồng"
