"""The console's search box, some 220 things that people type, beside a SELECT by primary key.

Searches the province of the database at hand if it holds one of this size, else one of its own. The claim is
under 50 ms at 1.2 million customers: `THAPSANG_BENCH_CUSTOMERS=1200000`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from django.db import connection

from bench.province import AT, CUSTOMERS, database
from thapsang.interfaces.console.views.customers import find
from thapsang.interfaces.shared.searched import warm_search
from thapsang.journeys.load_demo import load, present
from thapsang.kit.bulk.copy import bulk_connection
from thapsang.kit.db.embedded import running
from thapsang.kit.db.place import embedded_place, is_embedded

NAMES = """
nguyen van an|Nguyễn Văn An|nguyễn văn ân|tran thi hoa|Trần Thị Hoa|le van|Lê Văn Hùng|phan dinh phung
hoang thi lan|Hoàng Thị Lan|pham duc|vo thi hong nhung|hồ xuân hương|ho xuan|cao thi thanh thuy|dang huu
Bùi Văn Thành|ngo thi|nguyen dinh chien|nguyen canh toan|dinh van|thai thi|vu thi hue|lương văn|lo van
vi thi|lu van|moong van|lau ba|xong ba|truong thi|chu van an|dau thi|phung xuan|ta van|duong thi|dao van
trinh thi|mai van|ha thi|kha van|nguyen|nguyễn|tran|le|ng|nguyen v|nguyen thi m|nguyễn thị thu h|tran van t
le thi h|a|an|lan|hoa|hà|minh|anh|thanh|tuan|hung|oanh|nguyệt|uoc|đường|van an|van anh|thi hoa|thị hồng
thi thu ha|van hung|duc minh|xuan hoa|huu nghia|thi kim|ngoc lan|thi my linh|quang trung|van t|thi h
an nguyen|hoa tran|lan le|hung van|an van|minh duc le|thi nguyen|van nguyen|nguyen hoa|thi binh nguyen
nguyen anh van|thi le|van tran|hong thi nguyen|hoang gia nghe|cong ty|cong ty tnhh|Công ty TNHH Thương mại
công ty cổ phần|khach san|truong tieu hoc|trường mầm non|tram y te|ubnd|uy ban nhan dan|nha van hoa
chieu sang|cua hang tap hoa|quan ca phe|xuong moc|htx nong nghiep|hop tac xa nong nghiep|nha may may
nha may xi mang|benh vien da khoa|sen|huong sen|song lam|lam giang|phu thinh|tap hoa|mam non|tieu hoc quynh
cong ty 5|xi mang|van thi|thi van|nguyen tran|thi duc|van kim|huu thi nguyen|khong co ai het|zzz|nguyen zzz
van zz|thi xyz|nguyen van khongco
"""
ADDRESSES = """
45 le hong phong|le hong phong|le hong phong phuong truong vinh|le hong phong truong vinh|12 nguyen du
nguyen du|phan boi chau|so 7 phan boi chau|quang trung|le loi|100 le loi|ngo 5 le loi|ngõ 12 đường Lê Duẩn
khối 5|khoi 5|khoi 12|xom 5|xóm 5|xom 12|ban 5|bản 7|ban 21|xom 1|xóm 20 quynh luu|xom 5 quynh luu
nha 12 xom 5|nha 12 xom 5 quynh luu|nhà 200, xóm 3|nha 7 ban 5|ban 5 con cuong|khoi 5 truong vinh|ngo 3
ngo 39|xom|quynh luu|truong vinh|phuong vinh phu|nguyen thi minh khai|nguyễn sinh sắc
45 nguyen sinh sac khoi 3|hermann gmeiner|an duong vuong|tran hung dao khoi 9|mai hac de vinh hung|so 9
so 45|279 xom 21|kim dong|binh minh|hong phong le|khoi 3 le loi|cao thang khoi 7|xom 9 do luong
xom 9 dien chau|vo thi sau|ly thuong kiet 12|duong|khoi nguyen|ngo nguyen|ngo 1 khoi 1|ngo 1 duong nguyen
nha 1 xom 1|1 1|5 5|nguyen thi|le
"""
NUMBERS = """
PA13VH0000123|pa13vh0000123|PA13VH00001|PA13VH|PA13DC000|PA13VH0000123001|PA13KS0000001|0912000101
0912 000 102|+84912000103|0912.000.104|0912000999|040084000999|040199123456|2900123456|2900325526|1800000002
18|PA13ZZ0000001|PA13VH9999999
"""
_REPEATS = 5


def typed(text: str) -> list[str]:
    return [one for line in text.strip().splitlines() for one in line.split("|") if one]


def run() -> Iterable[dict[str, object]]:
    """Milliseconds after reading ahead: each text asked once, then the median of its repeats; p50, p95, the slowest."""
    with province():
        print(
            f"# read ahead, as the worker does when it starts: {_once(warm_search) / 1000:.1f} s", flush=True
        )
        floor = _median(_by_key)
        for sort, texts in (("names", NAMES), ("addresses", ADDRESSES), ("numbers", NUMBERS)):
            first = {one: _once(lambda one=one: find(one)) for one in typed(texts)}
            again = {one: _median(lambda one=one: find(one)) for one in typed(texts)}
            for when, times in (("first", first), ("again", again)):
                slowest = max(times, key=lambda one: times[one])
                print(f"# {sort}, {when}: slowest is «{slowest}»", flush=True)
                for name, share in (("p50", 0.5), ("p95", 0.95), ("max", 1.0)):
                    yield _line(f"search {sort}, {when}, {name}", sorted(times.values()), share, floor)


def _line(name: str, times: list[float], share: float, floor: float) -> dict[str, object]:
    value = times[min(len(times) - 1, int(len(times) * share))]
    return {
        "name": f"{name}, {CUSTOMERS} customers", "value": round(value, 2), "unit": "ms",
        "floor": round(floor, 3), "ratio": round(value / floor, 1),
    }  # fmt: skip


@contextmanager
def province() -> Iterator[None]:
    """Have a province of this size, vacuumed as a server that has run for a while."""
    if is_embedded():
        with running(embedded_place()):
            yield from _here_or_own()
    else:
        yield from _here_or_own()


def _here_or_own() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('events_event') IS NOT NULL")
        made = cursor.fetchone()[0]
    if made:
        with bulk_connection() as link:
            there = present(link)
        if there and there.customers == CUSTOMERS:
            yield
            return
    with database("bench_search"):
        load(customers=CUSTOMERS, at=AT)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        yield


def _by_key() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT code, name FROM customers_customer WHERE id = %s", [CUSTOMERS // 2])
        cursor.fetchall()


def _once(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - started)


def _median(act: Callable[[], object]) -> float:
    return sorted(_once(act) for _ in range(_REPEATS))[_REPEATS // 2]
