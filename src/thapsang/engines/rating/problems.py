"""Points that cannot be rated: why, which field, and what to do. Bad data of one point never raises."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from thapsang.engines.periods import day_of
from thapsang.engines.rating.columns import PROBLEMS, Terms, Usage
from thapsang.engines.rating.tables import Array

if TYPE_CHECKING:
    from thapsang.engines.rating.cells import Block

MAX_ENERGY = 10**10
"""kWh or kvarh of one register in one period: below it no sum leaves 64 bits; no point uses so much."""
MAX_QUARTERS = 4 * 10**6


class Fault(IntEnum):
    """What is wrong with a point; the lowest number wins when several things are."""

    VALUE_MISSING = 1
    PERIOD_EMPTY = 2
    NEGATIVE_ENERGY = 3
    ENERGY_TOO_LARGE = 4
    BANDS_DIFFER = 5
    SEGMENTS_APART = 6
    UNKNOWN_CATEGORY = 7
    UNKNOWN_VOLTAGE = 8
    HOUSEHOLDS = 9
    TERMS_GAP = 10
    TERMS_OVERLAP = 11
    NO_PRICE = 12
    NO_VAT = 13

    @property
    def code(self) -> str:
        """The code in the problems table: `no-price`, `terms-gap` …"""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True)
class _Text:
    field: str
    problem: str
    remedy: str
    problem_vi: str
    remedy_vi: str


_TEXTS = {
    Fault.VALUE_MISSING: _Text(
        "usage or terms",
        "a value is missing.",
        "Fill in every column of the point's usage and terms.",
        "Thiếu một giá trị.",
        "Điền đủ các cột sản lượng và điều khoản của điểm đo.",
    ),
    Fault.PERIOD_EMPTY: _Text(
        "end",
        "the end is on or before the start.",
        "Give an end after the start; the end is exclusive.",
        "Ngày cuối không sau ngày đầu.",
        "Sửa ngày: ngày cuối là ngày đầu tiên không còn thuộc kỳ.",
    ),
    Fault.NEGATIVE_ENERGY: _Text(
        "kwh",
        "the energy is negative.",
        "Check the readings, or whether the register rolled over.",
        "Sản lượng âm.",
        "Kiểm tra chỉ số hoặc công tơ quay vòng.",
    ),
    Fault.ENERGY_TOO_LARGE: _Text(
        "kwh",
        f"the energy is above {MAX_ENERGY} kWh.",
        "Check the readings and the multiplier.",
        f"Sản lượng trên {MAX_ENERGY} kWh.",
        "Kiểm tra chỉ số và hệ số nhân.",
    ),
    Fault.BANDS_DIFFER: _Text(
        "kwh",
        "the three bands do not add up to the energy.",
        "Give kwh = normal + peak + offpeak.",
        "Tổng ba giá khác tổng sản lượng.",
        "Kiểm tra chỉ số ba bộ đăng ký.",
    ),
    Fault.SEGMENTS_APART: _Text(
        "start",
        "the stretches between readings do not follow each other.",
        "Start each on the day the one before ends.",
        "Các đoạn giữa hai lần đọc không nối nhau.",
        "Mỗi đoạn phải bắt đầu đúng ngày đoạn trước kết thúc.",
    ),
    Fault.UNKNOWN_CATEGORY: _Text(
        "category",
        "the tariff category is unknown.",
        "Use a category of the policy's categories file.",
        "Không có nhóm giá này.",
        "Chọn nhóm giá có trong biểu giá.",
    ),
    Fault.UNKNOWN_VOLTAGE: _Text(
        "voltage",
        "the voltage level is unknown.",
        "Use a voltage of the policy's categories file.",
        "Không có cấp điện áp này.",
        "Chọn cấp điện áp có trong biểu giá.",
    ),
    Fault.HOUSEHOLDS: _Text(
        "household_quarters",
        "the number of households is not positive, or beyond a million.",
        "Give households in quarters: 4 for one household.",
        "Số hộ không hợp lệ.",
        "Nhập số hộ dùng chung, tối thiểu 1/4 hộ.",
    ),
    Fault.TERMS_GAP: _Text(
        "terms",
        "the terms do not cover the whole period.",
        "Give terms for every day of the period.",
        "Điều khoản hợp đồng không phủ hết kỳ.",
        "Bổ sung điều khoản cho mọi ngày của kỳ.",
    ),
    Fault.TERMS_OVERLAP: _Text(
        "terms",
        "two terms hold on the same day.",
        "End one term on the day the next starts.",
        "Hai điều khoản cùng hiệu lực một ngày.",
        "Kết thúc điều khoản trước đúng ngày điều khoản sau bắt đầu.",
    ),
    Fault.NO_PRICE: _Text(
        "start",
        "no price is known for this category and voltage on some day of the period.",
        "Rate only days a decision prices, or add the decision to the policy.",
        "Không có giá cho nhóm và cấp điện áp này trong kỳ.",
        "Bổ sung quyết định giá vào biểu giá.",
    ),
    Fault.NO_VAT: _Text(
        "end",
        "the VAT rate on the period's last day is unknown.",
        "Add the VAT period to the policy's VAT file.",
        "Chưa biết thuế suất GTGT của ngày cuối kỳ.",
        "Bổ sung thuế suất vào tệp thuế GTGT.",
    ),
}


def check_rows(block: Block) -> None:
    """Accuse the points whose rows are wrong in themselves."""
    usage, terms = block.usage, block.terms
    _accuse(block, block.usage_bill, usage.faulty, Fault.VALUE_MISSING)
    _accuse(block, block.terms_bill, terms.faulty, Fault.VALUE_MISSING)
    _accuse(block, block.usage_bill, usage.end <= usage.start, Fault.PERIOD_EMPTY)
    _check_energy(block)
    _accuse(block, block.terms_bill, terms.category < 0, Fault.UNKNOWN_CATEGORY)
    _accuse(block, block.terms_bill, terms.voltage < 0, Fault.UNKNOWN_VOLTAGE)
    _accuse(
        block, block.terms_bill, (terms.quarters <= 0) | (terms.quarters > MAX_QUARTERS), Fault.HOUSEHOLDS
    )


def _check_energy(block: Block) -> None:
    usage = block.usage
    registers = [usage.kwh, usage.kvarh]
    if usage.banded.any():
        registers += [usage.normal, usage.peak, usage.offpeak]
        differs = usage.banded & (usage.normal + usage.peak + usage.offpeak != usage.kwh)
    else:
        differs = usage.banded
    for register in registers:
        if len(register) and (register.min() < 0 or register.max() > MAX_ENERGY):
            _accuse(block, block.usage_bill, register < 0, Fault.NEGATIVE_ENERGY)
            _accuse(block, block.usage_bill, register > MAX_ENERGY, Fault.ENERGY_TOO_LARGE)
    _accuse(block, block.usage_bill, differs, Fault.BANDS_DIFFER)


def _accuse(block: Block, owner: Array, wrong: Array, fault: Fault) -> None:
    if wrong.any():
        block.accuse(owner[wrong], fault)


def problems_batch(block: Block, words: Callable[[int, int], tuple[str, str]]) -> pa.RecordBatch:
    """Return the problems of a block; `words` turns places of category and voltage into text."""
    places = np.flatnonzero(block.fault)
    codes = [Fault(int(block.fault[place])) for place in places]
    details = [
        json.dumps(_detail(block, int(p), c, words), ensure_ascii=False)
        for p, c in zip(places, codes, strict=True)
    ]
    return pa.RecordBatch.from_arrays(
        [
            pa.array(block.points[places]),
            pa.array([c.code for c in codes], pa.string()),
            pa.array(details, pa.string()),
        ],
        schema=PROBLEMS,
    )


def _detail(
    block: Block, place: int, fault: Fault, words: Callable[[int, int], tuple[str, str]]
) -> dict[str, Any]:
    text = _TEXTS[fault]
    return {
        "field": text.field,
        "problem": text.problem,
        "remedy": text.remedy,
        "problem_vi": text.problem_vi,
        "remedy_vi": text.remedy_vi,
        "usage": _usage_rows(block.usage.take(block.usage_bill == place)),
        "terms": _terms_rows(block.terms.take(block.terms_bill == place), words),
    }


def _usage_rows(usage: Usage) -> list[dict[str, Any]]:
    return [
        {"start": _day(usage.start[i]), "end": _day(usage.end[i]), "kwh": int(usage.kwh[i])}
        for i in range(len(usage))
    ]


def _terms_rows(terms: Terms, words: Callable[[int, int], tuple[str, str]]) -> list[dict[str, Any]]:
    rows = []
    for i in range(len(terms)):
        category, voltage = words(int(terms.category[i]), int(terms.voltage[i]))
        rows.append(
            {
                "start": _day(terms.start[i]),
                "end": _day(terms.end[i]),
                "category": category,
                "voltage": voltage,
                "household_quarters": int(terms.quarters[i]),
            }
        )
    return rows


def _day(number: Any) -> str:
    """Return a day as text; one outside the calendar as its number."""
    try:
        return day_of(number).isoformat()
    except OverflowError:
        return f"day {int(number)}"
