"""What a bill says: comparisons, tiers in plain words, figures as readers of each language write them."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest
from django.utils import translation

from thapsang.domain.billing.types import LineView
from thapsang.interfaces.shared import bill_words, words
from thapsang.interfaces.shared.charts import MonthBar, month_chart, share_bar

OCTOBER = date(2026, 10, 1)


def line(
    kind: str, kwh: int, price: int, *, tier: int = 0, band: str = "", start: date = OCTOBER
) -> LineView:
    return LineView(kind, tier, band, kwh, price, kwh * price, start, date(2026, 11, 1), 1)


def test_figures_are_grouped_as_readers_write_them():
    assert words.dong(305230) == "305.230\u00a0đ" and words.kwh(1340) == "1.340\u00a0kWh"
    assert (
        words.number(-1500) == "−1.500"
        and words.percent(800) == "8\u00a0%"
        and words.percent(850) == "8,5\u00a0%"
    )
    assert words.month(OCTOBER) == "tháng 10/2026" and words.day(date(2026, 10, 5)) == "05/10/2026"
    assert words.last_day(date(2026, 11, 1)) == "31/10/2026" and words.households(6) == "1,5"
    with translation.override("en"):
        assert words.dong(305230) == "305,230\u00a0đ" and words.month(OCTOBER) == "October 2026"
        assert words.percent(850) == "8.5\u00a0%"


@pytest.mark.parametrize(
    ("kwh", "before", "said"),
    [
        (134, 146, "Tháng 10 nhà mình dùng 134\u00a0kWh, ít hơn tháng trước 12\u00a0kWh."),
        (150, 146, "Tháng 10 nhà mình dùng 150\u00a0kWh, nhiều hơn tháng trước 4\u00a0kWh."),
        (146, 146, "Tháng 10 nhà mình dùng 146\u00a0kWh, bằng tháng trước."),
        (134, None, "Tháng 10 nhà mình dùng 134\u00a0kWh."),
    ],
)
def test_the_sentence_compares_with_last_month(kwh, before, said):
    assert bill_words.used(OCTOBER, kwh, before, "residential") == said


def test_a_company_is_no_home():
    assert (
        bill_words.used(OCTOBER, 9, 10, "business")
        == "Tháng 10 dùng 9\u00a0kWh, ít hơn tháng trước 1\u00a0kWh."
    )


def test_a_year_ago():
    usage = {date(2025, 10, 1): 128}
    assert "năm nay nhiều hơn 6\u00a0kWh" in bill_words.a_year_ago(OCTOBER, 134, usage)
    assert bill_words.a_year_ago(date(2026, 9, 1), 134, usage) == ""


def test_tiers_are_told_as_first_next_remaining():
    lines = [line("tier", 50, 1984, tier=1), line("tier", 50, 2050, tier=2), line("tier", 34, 2380, tier=3)]
    net = sum(item.amount for item in lines)
    (stretch,) = bill_words.stretches(lines, net, {})
    assert [shown.said.replace("\u00a0", " ") for shown in stretch.lines] == [
        "50 kWh đầu tiên", "50 kWh tiếp theo", "34 kWh còn lại",
    ]  # fmt: skip
    assert [shown.name for shown in stretch.lines] == ["Bậc 1", "Bậc 2", "Bậc 3"]
    assert sum(shown.share for shown in stretch.lines) == pytest.approx(1)


def test_a_price_change_makes_two_stretches_and_bands_are_named():
    old = line("band", 10, 100, band="peak", start=date(2026, 10, 1))
    new = line("reactive", 0, 0, start=date(2026, 10, 11))
    first, second = bill_words.stretches([old, new], 1000, {})
    assert (first.start, second.start) == (date(2026, 10, 1), date(2026, 10, 11))
    assert "giờ cao điểm" in first.lines[0].said and not second.lines[0].measured


def test_a_single_tier_has_no_remainder():
    (stretch,) = bill_words.stretches([line("tier", 30, 1984, tier=1)], 30 * 1984, {})
    assert "cùng một giá" in stretch.lines[0].said


def test_each_day_rounds_half_up():
    assert "4,3\u00a0kWh, 9.846\u00a0đ" in bill_words.each_day(134, 305230, 31)


def test_thirteen_months_beside_the_year_before():
    usage = [SimpleNamespace(month=date(2025, m, 1), kwh=m, estimated=False) for m in range(10, 13)]
    usage += [SimpleNamespace(month=date(2026, m, 1), kwh=20 + m, estimated=m == 3) for m in range(1, 11)]
    bars = bill_words.year_of(OCTOBER, usage)
    assert len(bars) == 13 and bars[-1] == MonthBar(OCTOBER, 30, 10, False)
    assert [bar.month.month for bar in bars if bar.estimated] == [3]
    assert len(bill_words.year_of(OCTOBER, usage[-2:])) == 2  # no empty past


def test_the_chart_carries_no_style_and_keeps_inside_its_box():
    bars = [
        MonthBar(date(2025 + (9 + i) // 12, (9 + i) % 12 + 1, 1), k, k // 2)
        for i, k in enumerate([0, 5, 900])
    ]
    drawn = month_chart(bars, title='Điện "dùng"', before_label="năm trước")
    assert "style=" not in drawn and "<script" not in drawn and "&quot;dùng&quot;" in drawn
    assert drawn.count("<rect") == 3 and "<polyline" in drawn and "900" in drawn
    assert month_chart([MonthBar(OCTOBER, None, None)], title="", before_label="")
    assert 'width="100.0"' in share_bar(7) and 'width="0.0"' in share_bar(-1)
