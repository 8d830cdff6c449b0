"""Bill numbers, months and the billing policy."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from thapsang.domain.billing.queries import load_policy
from thapsang.domain.billing.types import (
    POINT_LIMIT,
    BillingError,
    BillingPolicyError,
    PeriodError,
    UnknownBillError,
    bill_code,
    bill_id,
    bill_id_of,
    month_after,
    month_before,
    month_of,
    parts,
    yymm,
)

MONTHS = st.dates(dt.date(2001, 1, 1), dt.date(2099, 12, 31)).map(lambda day: day.replace(day=1))
POINTS = st.integers(1, POINT_LIMIT - 1)
SEQUENCES = st.integers(0, 9)


@given(MONTHS, POINTS, SEQUENCES)
def test_a_number_says_what_it_was_made_of(month: dt.date, point: int, sequence: int) -> None:
    number = bill_id(month, point, sequence)
    assert parts(number) == (month, point, sequence)
    assert bill_id_of(bill_code(number)) == number
    assert bill_id_of(f"  {bill_code(number).lower()} ") == number
    assert bill_id_of(str(number)) == number
    assert 0 < number < 2**63


@given(MONTHS, POINTS, POINTS)
def test_numbers_of_a_month_stand_between_those_of_its_neighbours(
    month: dt.date, one: int, other: int
) -> None:
    if month.year < 2099:
        assert bill_id(month, one, 9) < bill_id(month_after(month), other)


def test_a_code_reads_well() -> None:
    assert bill_code(bill_id(dt.date(2026, 10, 1), 123)) == "HD2610-000000123"
    assert bill_code(bill_id(dt.date(2026, 10, 1), 123, 2)) == "HD2610-000000123-2"


@pytest.mark.parametrize(
    "code", ["", "HD2613-000000001", "HD2600-000000001", "HD2610-1", "12", "-5", "٣", "HD2610-000000123-0"]
)
def test_what_is_no_number_is_refused(code: str) -> None:
    with pytest.raises(UnknownBillError):
        bill_id_of(code)


@pytest.mark.parametrize(("point", "sequence"), [(0, 0), (POINT_LIMIT, 0), (1, 10), (1, -1)])
def test_what_does_not_fit_in_a_number_is_refused(point: int, sequence: int) -> None:
    with pytest.raises(BillingError, match="supply point"):
        bill_id(dt.date(2026, 10, 1), point, sequence)


def test_months() -> None:
    assert month_of(" 2026-10 ") == dt.date(2026, 10, 1)
    assert (month_before(dt.date(2026, 1, 1)), month_after(dt.date(2026, 12, 1))) == (
        dt.date(2025, 12, 1), dt.date(2027, 1, 1)
    )  # fmt: skip
    assert yymm(dt.date(2026, 10, 1)) == 2610
    for text in ("2026-13", "2026-00", "10/2026", "", "2026-1", "1999-10"):
        with pytest.raises(PeriodError, match="YYYY-MM"):
            month_of(text)


FOLDER = Path(settings.POLICIES) / "nghe-an" / "billing"


def test_the_policy_of_nghe_an() -> None:
    policy = load_policy(FOLDER)
    assert (policy.receivable, policy.revenue, policy.vat) == ("131", "511", "33311")
    assert policy.due_on(dt.date(2026, 11, 3)) == dt.date(2026, 11, 8)
    assert policy.remedy("missing-reading").title["vi"] == "Thiếu chỉ số"
    assert policy.remedy("never-heard-of").code == "other"
    with pytest.raises(BillingPolicyError, match="no entry holds on 2000-01-01"):
        policy.due_on(dt.date(2000, 1, 1))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("terms.yaml", "due: []", "due: no entry"),
        ("terms.yaml", "due: [{from: 2020-01-01, days: soon}]", r"due\[0\]"),
        ("terms.yaml", "- x", "no mapping"),
        ("terms.yaml", "a: [", "cannot be read"),
        ("accounts.yaml", "receivable: 131", "receivable"),
        ("accounts.yaml", 'receivable: "131"\nrevenue: "51x"', "revenue"),
        ("exceptions.yaml", "exceptions: {}", "`other`"),
        ("exceptions.yaml", "exceptions: {x: {title: {vi: a}}}", "x: title and remedy"),
    ],
)
def test_a_wrong_policy_names_file_and_key(tmp_path: Path, file: str, content: str, message: str) -> None:
    for name in ("terms.yaml", "accounts.yaml", "exceptions.yaml"):
        (tmp_path / name).write_text(content if name == file else (FOLDER / name).read_text("utf-8"), "utf-8")
    with pytest.raises(BillingPolicyError, match=message):
        load_policy(tmp_path)
