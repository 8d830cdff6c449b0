"""Bills as PDF: a book written into the form, against empty pages set by Typst; and one bill on demand.

Processor time, in short rounds of both, so that neighbours on the machine meet both alike; the last row is two
processes by the wall clock, as `thapsang invoices archive` runs them.

    python -m bench bill_pdf
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path

BOOK = 300
ROUNDS = 5
_EMPTY = """#set page(paper: "a4")
#set text(font: "Be Vietnam Pro")
#for i in range({count}) {{ page[#(i + {seed})] }}
"""


def bills(count: int, seed: int) -> list[object]:
    """Households with four tiers, thirteen months beside those of a year before, and a code to pay by."""
    from thapsang.engines import qr
    from thapsang.interfaces.shared.bill_pdf import PrintedBill
    from thapsang.interfaces.shared.bill_words import ShownLine, Stretch
    from thapsang.interfaces.shared.charts import MonthBar

    drawn, made = random.Random(seed), []
    for _ in range(count):
        n, kwh = drawn.randrange(10**6), drawn.randrange(50, 600)
        code = f"HD2610-{n:09d}"
        lines = [
            ShownLine(
                f"{kwh + tier} kWh tiếp theo",
                f"Bậc {tier}",
                kwh + tier,
                1984 + tier,
                99_200 + n,
                0.2,
                True,
                None,
            )
            for tier in range(1, 5)
        ]
        bars = [
            MonthBar(
                date(2025 + (9 + k) // 12, (9 + k) % 12 + 1, 1), drawn.randrange(400), drawn.randrange(400)
            )
            for k in range(13)
        ]
        pay = qr.Transfer("970415", "0000131000131", 200_000 + n, bill=code, purpose=f"TD PA13VH{n:07d}")
        facts = [
            ("Khách hàng", f"Nguyễn Văn {n}"), ("Mã khách hàng", f"PA13VH{n:07d}"),
            ("Địa chỉ dùng điện", f"Số {n % 900} đường Lê Lợi, Trường Vinh"), ("Kỳ", "01/10/2026 – 31/10/2026"),
            ("Mục đích", "sinh hoạt"), ("Ngày lập", "01/11/2026"),
        ]  # fmt: skip
        made.append(
            PrintedBill(
                code=code, month="tháng 10/2026", total=f"{n:,} đ", by_when="Trả trước hết ngày 30/11/2026",
                used=f"Tháng 10 nhà mình dùng {kwh} kWh.\nCùng tháng năm ngoái dùng {kwh - 9} kWh.", facts=facts,
                stretches=[Stretch(date(2026, 10, 1), date(2026, 11, 1), lines)], bars=bars, estimated=False,
                sums=[("Cộng tiền điện", f"{n:,} đ"), ("Thuế giá trị gia tăng 8%", f"{n // 12:,} đ")],
                qr=qr.encode(pay), bank="Ngân hàng Minh Họa", account="0000131000131", language="vi",
            )
        )  # fmt: skip
    return made


def printed(count: int, seed: int) -> float:
    """Print a book; return the processor seconds a page."""
    from thapsang.interfaces.shared.bill_pdf import print_bills

    book = bills(count, seed)
    begin = time.process_time()
    made = print_bills(book)  # type: ignore[arg-type]
    assert made.pages == [1] * count and made.pdf.startswith(b"%PDF")
    return (time.process_time() - begin) / count


def empty(count: int, seed: int) -> float:
    """Set pages with nothing but a number; return the processor seconds a page."""
    import typst

    from thapsang.interfaces.shared.bill_pdf.printing import FONTS

    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "empty.typ"
        file.write_text(_EMPTY.format(count=count, seed=seed), encoding="utf-8")
        compiler = typst.Compiler(str(file), font_paths=fonts)
        begin = time.process_time()
        compiler.compile(format="pdf", pdf_tags=False, pdf_standards="a-2b")
        return (time.process_time() - begin) / count


def _start() -> None:
    import django

    django.setup()
    printed(2, 0)


def run(book: int = BOOK) -> Iterable[dict[str, object]]:
    """Yield the results: a page of a book, a bill on demand, two processes."""
    from thapsang.interfaces.shared.bill_pdf import print_bill

    seeds = iter(range(10**6))
    printed(2, next(seeds))
    ours, floor = [], []
    for _ in range(ROUNDS):
        ours.append(printed(book, next(seeds)))
        floor.append(empty(book, next(seeds)))
    value, least = statistics.median(ours), statistics.median(floor)
    yield {
        "name": f"bill PDF: a book of {book}, one core, against empty pages set by Typst", "value": round(1 / value),
        "unit": "pages/s", "floor": round(1 / least), "ratio": round(least / value, 3), "page_us": round(value * 1e6),
    }  # fmt: skip
    single = []
    for one in bills(20, next(seeds)):
        begin = time.process_time()
        print_bill(one)  # type: ignore[arg-type]
        single.append(time.process_time() - begin)
    alone = statistics.median(single) * 1e3
    yield {
        "name": "bill PDF: one on demand (processor time; at most 30 ms)", "value": round(alone, 1),
        "unit": "ms", "floor": 30, "ratio": round(alone / 30, 3),
    }  # fmt: skip
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=_start) as pool:
        list(pool.map(printed, [2, 2], [next(seeds), next(seeds)]))
        begin = time.perf_counter()
        spent = list(pool.map(printed, [book] * 6, [next(seeds) for _ in range(6)]))
        wall = time.perf_counter() - begin
    rate = 6 * book / wall
    yield {
        "name": "bill PDF: two processes by the wall clock (goal 2,000)", "value": round(rate), "unit": "pages/s",
        "floor": round(2 / least), "ratio": round(rate * least / 2, 3), "page_us": round(sum(spent) / 6 * 1e6),
    }  # fmt: skip


if __name__ == "__main__":
    import django

    django.setup()
    for result in run(int(sys.argv[1]) if len(sys.argv) > 1 else BOOK):
        print(json.dumps(result, ensure_ascii=False))
