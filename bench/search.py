"""The search box, beside a SELECT by primary key through the same connection."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from django.db import connection

from bench.province import AT, CUSTOMERS, database
from thapsang.domain.customers import queries
from thapsang.journeys.load_demo import load

TYPED = {
    "name, common": ["nguyen van a", "nguyen", "nguyễn thị", "tran thi hoa", "cong ty tnhh"],
    "name, any order": ["van an", "lan", "thi binh nguyen", "hoang gia nghe"],
    "address": [
        "45 le hong phong",
        "le hong phong phuong truong vinh",
        "xom 5",
        "ban 5",
        "nha 12 xom 5 quynh luu",
    ],
    "number": ["PA13VH0000123", "PA13VH00001", "PA13VH0000123001", "0912000102", "040084000999"],
    "nobody": ["khong co ai het", "zzz"],
}
_REPEATS = 9


def run() -> Iterable[dict[str, object]]:
    """The slowest text of each sort, median of repeats, in milliseconds; the claim is under 50 at 1.2 million."""
    with database("bench_search"):
        load(customers=CUSTOMERS, at=AT)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        floor = _median(_by_key)
        for sort, texts in TYPED.items():
            slowest = max(_median(lambda text=text: queries.search(text=text)) for text in texts)
            yield {
                "name": f"search {sort}, {CUSTOMERS} customers", "value": round(slowest, 2), "unit": "ms",
                "floor": round(floor, 3), "ratio": round(slowest / floor, 1),
            }  # fmt: skip


def _by_key() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT code, name FROM customers_customer WHERE id = %s", [CUSTOMERS // 2])
        cursor.fetchall()


def _median(act: Callable[[], object]) -> float:
    times = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        act()
        times.append(1000 * (time.perf_counter() - started))
    return sorted(times)[len(times) // 2]
