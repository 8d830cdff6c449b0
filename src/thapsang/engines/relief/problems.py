"""Points that meet a rule whose price list has no price for them: which rule, and what to do."""

from __future__ import annotations

import json

import pyarrow as pa

from thapsang.engines.rating import PROBLEMS
from thapsang.engines.relief.book import Programme, Rule

NO_PRICE = "relief-no-price"


def unpriced_batch(found: list[tuple[int, Programme, Rule]]) -> pa.RecordBatch | None:
    """Return the problems of points that could not be rated under a rule's price list; None without any."""
    if not found:
        return None
    rows = [
        {"point": point, "code": NO_PRICE, "detail": json.dumps(_detail(programme, rule), ensure_ascii=False)}
        for point, programme, rule in found
    ]
    return pa.RecordBatch.from_pylist(rows, PROBLEMS)


def _detail(programme: Programme, rule: Rule) -> dict[str, str]:
    moved = rule.what.category
    return {
        "field": "category",
        "programme": programme.code,
        "rule": rule.code,
        "problem": f"the rule moves this point to the price list {moved}, which has no price for it.",
        "remedy": f"Add the price of {moved} to the tariffs, or correct the point's voltage.",
        "problem_vi": f"Quy định chuyển điểm đo sang giá {moved}, nhưng biểu giá không có giá đó.",
        "remedy_vi": f"Bổ sung giá {moved} vào biểu giá, hoặc sửa cấp điện áp của điểm đo.",
    }
