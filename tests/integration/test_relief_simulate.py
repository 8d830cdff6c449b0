"""Simulating relief over billed months: sums, variants, who just missed; nothing is written."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection

from tests.factories import billing as world
from tests.factories import reliefs as factory
from thapsang.domain.billing.types import PeriodError
from thapsang.domain.reliefs.types import ReliefError, UnknownProgrammeError
from thapsang.engines.money import divide_half_up, share
from thapsang.engines.rating import PolicyError
from thapsang.journeys import relieve_months, run_billing

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER = world.OCTOBER


def bills() -> list[tuple[int, str, int, int, int]]:
    """Return point, category, kWh, net and VAT rate of every bill."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT supply_point_id, category, kwh, net, vat_rate FROM billing_bill ORDER BY id")
        return cursor.fetchall()


def simulate(*texts: str, name: str = "a") -> dict[str, Any]:
    given = {f"{place}.yaml": text for place, text in enumerate(texts)}
    (found,) = relieve_months.simulate(
        variants=[relieve_months.variant_of(name=name, texts=given)], months=[OCTOBER]
    )
    return found


@pytest.fixture
def province() -> None:
    world.big_world(books=6, points=900)
    run_billing.start(period=OCTOBER, workers=1)
    factory.listed("directive-16", areas=["99999"])


@pytest.mark.usefixtures("province")
def test_the_sums_are_those_of_the_bills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thapsang.journeys.relieve_months.simulating.BLOCK_POINTS", 250)
    found = simulate(factory.storm())
    expected = {
        point: divide_half_up(net * (15 if kwh <= 200 else 10), 100)
        for point, category, kwh, net, _ in bills() if category == "residential" and net
    }  # fmt: skip
    vat = sum(
        share(net, rate) - share(net - expected[point], rate) for point, _, _, net, rate in bills() if point in expected
    )  # fmt: skip
    assert found["total"] == {
        "points": len(expected),
        "amount": sum(expected.values()),
        "vat": vat,
        "cash": 0,
    }
    assert found["customers"] == len(expected) and found["bills"] == len(bills())
    assert [row["category"] for row in found["by_category"]] == ["residential"]
    assert [(row["month"], row["amount"]) for row in found["by_month"]] == [
        ("2026-10", sum(expected.values()))
    ]
    assert [row["team"] for row in found["by_team"]] == ["Đội lớn"]
    small = [p for p, _, kwh, *_ in bills() if p in expected and kwh <= 200]
    assert [(row["rule"], row["points"]) for row in found["by_rule"]] == [
        ("large", len(expected) - len(small)), ("small", len(small)),
    ]  # fmt: skip
    top = sorted(expected.values(), reverse=True)[:10]
    assert [row["amount"] for row in found["largest"]] == top
    assert found["largest"][0]["point_code"].startswith("PA13BG")
    assert sum(bar["points"] for bar in found["distribution"]["bars"]) == len(expected)
    assert len(found["distribution"]["deciles"]) == 9


@pytest.mark.usefixtures("province")
def test_who_just_missed_and_variants_side_by_side() -> None:
    texts = {"15 %/10 %": factory.storm(), "20 % đến 300 kWh": factory.storm(low=20, up_to=300)}
    first, second = relieve_months.simulate(
        variants=[relieve_months.variant_of(name=n, texts={"storm.yaml": t}) for n, t in texts.items()],
        months=[OCTOBER],
    )
    assert [first["name"], second["name"]] == list(texts)
    assert second["total"]["amount"] > first["total"]["amount"]
    near = [row for row in bills() if row[1] == "residential" and 200 < row[2] <= 210]
    (missed,) = first["missed"]
    assert (missed["rule"], missed["points"]) == ("small", len(near))
    assert missed["nearest"][0]["kwh"] == min(row[2] for row in near) and missed["nearest"][0]["limit"] == 200
    assert all(row["point_code"] for row in missed["nearest"])


@pytest.mark.usefixtures("province")
def test_nothing_is_written_and_nobody_listed_is_nobody_reached() -> None:
    found = simulate(factory.cash())
    assert found["total"] == {"points": 0, "amount": 0, "vat": 0, "cash": 0} and found["largest"] == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM reliefs_grant")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM reliefs_bookversion")
        assert cursor.fetchone() == (0,)


@pytest.mark.usefixtures("province")
def test_cash_and_a_percentage_stack() -> None:
    points = [row[0] for row in bills() if row[1] == "residential"][:3]
    factory.listed("poor-households", points=points)
    found = simulate(factory.storm(), factory.cash())
    cash = next(row for row in found["by_rule"] if row["programme"] == "gift")
    assert (cash["points"], cash["cash"], cash["amount"]) == (3, 3 * 30 * 1984, 0)


@pytest.mark.usefixtures("province")
def test_a_price_list_is_rated_again_from_the_lines() -> None:
    """Business points that are hotels get the production price: 10 % of bills, from their own lines and terms."""
    hotels = [row for row in bills() if row[1] == "business" and row[3]]
    for point, *_ in hotels:
        factory._model("PremisesUse").objects.create(
            supply_point_id=point, use="hotel", start=dt.date(2026, 1, 1), source="giấy phép", recorded_by="lan",
            recorded_at=factory.AT,
        )  # fmt: skip
    text = factory.storm().split("rules:")[0] + (
        'rules:\n  - code: hotels\n    name: {vi: "Khách sạn", en: "Hotels"}\n    article: {vi: "Điều 1", en: "1"}\n'
        "    who: {categories: [business], uses: [hotel]}\n    what: {kind: price-list, category: production}\n"
        '    source: "test"\n'
    )
    found = simulate(text)
    from thapsang.domain.tariffs import queries as tariffs

    edition = tariffs.current_book().edition_on(OCTOBER)
    business, production = (edition.tariffs[c, "lt6"].prices[0] for c in ("business", "production"))
    assert edition.tariffs["business", "lt6"].rule == "bands"
    expected = sum(kwh * (business - production) for _, _, kwh, _, _ in hotels)
    assert found["total"]["points"] == len(hotels) and found["total"]["amount"] == expected
    assert found["unpriced"] == 0


def test_what_is_asked_wrongly_is_told() -> None:
    with pytest.raises(ReliefError, match="No programme is named"):
        relieve_months.variant_of(name="a", texts={}, codes=[])
    with pytest.raises(UnknownProgrammeError, match="relief list"):
        relieve_months.variant_of(name="a", codes=["covid-9"])
    with pytest.raises(PolicyError, match=r"storm\.yaml: rules.*percent: 200"):
        relieve_months.variant_of(name="a", texts={"storm.yaml": factory.storm(low=200)})
    variant = relieve_months.variant_of(name="a", texts={"storm.yaml": factory.storm()})
    with pytest.raises(ReliefError, match="needs months"):
        relieve_months.simulate(variants=[variant], months=[])
    with pytest.raises(PeriodError, match="2026-10 was never billed"):
        relieve_months.simulate(variants=[variant], months=[OCTOBER])
