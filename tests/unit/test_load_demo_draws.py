"""What the demonstration province draws: valid numbers, Vietnamese names, published energy, dials that turn."""

from __future__ import annotations

import unicodedata
from datetime import date
from itertools import pairwise

import numpy as np
import phonenumbers
import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from thapsang.domain.customers import types
from thapsang.journeys.load_demo import consumption, people
from thapsang.journeys.load_demo.load import boundaries
from thapsang.journeys.load_demo.plan import make_plan, read_settings

NETWORK, DEMO = read_settings(settings.POLICIES / settings.DISTRIBUTOR)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_numbers_pass_the_registers_own_checks(rng: np.random.Generator) -> None:
    women = rng.random(3000) < 0.5
    assert all(types.check_tax_code(code) == code for code in people.tax_codes(rng, 3000).to_pylist())
    numbers = people.id_numbers(rng, women).to_pylist()
    assert all(types.check_cccd(number).startswith("040") for number in numbers)
    assert all(
        (int(number[3]) % 2 == 1) == woman for number, woman in zip(numbers, women.tolist(), strict=True)
    )
    for phone in people.phones(rng, 3000).to_pylist():
        assert types.normalise_phone(phone) == phone
        assert phonenumbers.number_type(phonenumbers.parse(phone)) == phonenumbers.PhoneNumberType.MOBILE


def test_names_are_written_as_vietnamese_is(rng: np.random.Generator) -> None:
    names = people.person_names(rng, rng.random(2000) < 0.5).to_pylist()
    assert all(name == unicodedata.normalize("NFC", name) == " ".join(name.split()) for name in names)
    assert all(2 < len(types.fold(name).split()) < 7 and types.fold(name).isascii() for name in names)
    assert len(set(names)) > 1500


def test_addresses_follow_the_place(rng: np.random.Generator) -> None:
    wards, highland = np.array([True, False, False]), np.array([False, False, True])
    ward, village, up_high = people.addresses(rng, wards, highland).to_pylist()
    assert "đường" in ward and "xóm" in village and "bản" in up_high


def test_july_comes_out_as_published(rng: np.random.Generator) -> None:
    shares = np.array([row["share"] for row in DEMO["groups"]])
    group = rng.choice(len(shares), 400_000, p=shares / shares.sum())
    mean = consumption.means(rng, DEMO, group)
    july = consumption.monthly_use(rng, DEMO, group, mean, [date(2026, 7, 1)])
    gwh_of_the_company = july.sum() / len(group) * 1.1
    assert 400 < gwh_of_the_company < 465
    household = np.array([row["season"] == "household" for row in DEMO["groups"]])[group]
    assert 0.885 < household.mean() < 0.895
    used = np.sort(july[household, 0])
    assert np.median(used) < used.mean() * 0.93, "few large, many small"


def test_households_peak_in_the_hot_season() -> None:
    season = DEMO["seasons"]["household"]
    assert {month for month in range(12) if season[month] >= 1.2} == {4, 5, 6, 7}
    assert all(len(factors) == 12 for factors in DEMO["seasons"].values())


@given(
    st.integers(0, 10**6), st.lists(st.integers(0, 40_000), min_size=1, max_size=14), st.sampled_from([5, 6])
)
def test_dials_turn_forward_and_roll_over(seed: int, steps: list[int], digits: int) -> None:
    dials = consumption.Registers(np.array([0]), np.array([0]), np.array([1.0]), np.array([digits]))
    values = consumption.dial_values(np.random.default_rng(seed), dials, np.array([steps]))[0]
    assert values.min() >= 0 and values.max() < 10**digits
    assert [int(b - a) % 10**digits for a, b in pairwise(values)] == steps


def test_large_points_turn_their_dials_slowly() -> None:
    mean = np.array([50.0, 3_000.0, 50_000.0, 2_000_000.0])
    ratio = consumption.multipliers(mean, np.array([False, True, True, True]))
    assert ratio[0] == 1
    assert ((mean / ratio) < 1000).all()


@pytest.mark.parametrize(
    ("today", "first", "last"),
    [
        (date(2026, 11, 23), date(2025, 10, 1), date(2026, 11, 1)),
        (date(2026, 11, 1), date(2025, 10, 1), date(2026, 11, 1)),
        (date(2027, 1, 31), date(2025, 12, 1), date(2027, 1, 1)),
    ],
)
def test_readings_run_to_this_months_first_day(today: date, first: date, last: date) -> None:
    days = boundaries(today, DEMO)
    assert (days[0], days[-1], len(days)) == (first, last, 14)


def test_the_policy_names_every_commune_once() -> None:
    communes = [code for team in NETWORK["teams"] for code in team["communes"]]
    assert len(communes) == len(set(communes)) == 130
    assert len({team["code"] for team in NETWORK["teams"]}) == 18
    confirmed = {team["code"] for team in NETWORK["teams"] if not team.get("doubt")}
    assert confirmed == {"PA13VH", "PA13CL", "PA13NL", "PA13DY", "PA13NH"}


@pytest.mark.parametrize("customers", [100, 1_000, 77_777])
def test_plans_add_up_and_repeat(customers: int) -> None:
    folder = settings.POLICIES / settings.DISTRIBUTOR
    plan, again = (make_plan(folder=folder, customers=customers, seed=3) for _ in range(2))
    assert plan.points == sum(int(chunk.points.sum()) for chunk in plan.chunks) >= customers
    for one, other in zip(plan.chunks, again.chunks, strict=True):
        assert (one.book == other.book).all() and (one.commune == other.commune).all()
        assert (np.diff(one.book) >= 0).all()
