"""A book of bills and a bill alone look the same, say the same, and are PDF/A with their fonts and codes inside."""

from __future__ import annotations

import dataclasses
import io
import re
import shutil
import subprocess
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.utils.translation import override
from pypdf import PdfReader

from thapsang.engines.qr.matrix import draw
from thapsang.interfaces.shared.bill_pdf import PrintedBill, form, laying, print_bill, print_bills, printing
from thapsang.interfaces.shared.bill_pdf.letters import face, printable
from thapsang.interfaces.shared.bill_words import ShownLine, Stretch
from thapsang.interfaces.shared.charts import MonthBar

needs_poppler = pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="poppler-utils draws the pages")
AT = datetime(2026, 11, 3, 8, 30, tzinfo=UTC)
OCT, NOV = date(2026, 10, 1), date(2026, 11, 1)


@dataclasses.dataclass(frozen=True)
class Law:
    text: str
    doubt: str = ""


PRICES = Law("Quyết định 1279/QĐ-BCT, Phụ lục mục 4.1")
RELIEF = Law(
    "Nghị quyết 97/NQ-CP, điểm 1 khoản 2, và một câu dài để xuống hàng ở chân biểu đồ của hóa đơn này"
)


def line(name: str, said: str, amount: int, *, law: Law | None = PRICES, measured: bool = True) -> ShownLine:
    return ShownLine(said, name, 50, 1_984, amount, 0.2, measured, law)


TIERS = [line(f"Bậc {tier}", f"{tier}0 kWh tiếp theo", 99_200 * tier) for tier in range(1, 5)]
BANDS = [
    line(name, f"1.250 kWh vào {name.lower()}", 2_400_000)
    for name in ("Giờ bình thường", "Giờ cao điểm", "Giờ thấp điểm")
]
TAKEN_OFF = line("Giảm tiền điện", "Tiền điện được giảm", -30_000, law=RELIEF, measured=False)
CHANGE = date(2026, 10, 11)


def stretches(count: int, lines: list[ShownLine]) -> list[Stretch]:
    days = [date(2026, 10, 1 + n * 2) for n in range(count)]
    return [Stretch(day, date(2026, 10, day.day + 1), lines) for day in days]


def bars(count: int = 13, *, before: bool = True) -> list[MonthBar]:
    months = [date(2025 + (9 + k) // 12, (9 + k) % 12 + 1, 1) for k in range(13)][-count:]
    return [
        MonthBar(month, 1_234 * k % 900 + k, (777 * k % 500 or None) if before else None, k % 4 == 1)
        for k, month in enumerate(months)
    ]


def bill(**changes: Any) -> PrintedBill:
    made = PrintedBill(
        code="HD2610-000000123", month="tháng 10/2026", total="305.230\u00a0đ", by_when="Trả trước hết ngày 30/11/2026",
        used="Tháng 10 nhà mình dùng 134 kWh, ít hơn tháng trước 12 kWh.\nCùng tháng năm ngoái dùng 120 kWh.",
        facts=[
            ("Khách hàng", "Nguyễn Thị Ngọc Ánh"), ("Mã khách hàng", "PA13VH0000123"),
            ("Địa chỉ dùng điện", "Số 5 (hẻm \\2) đường Lê Lợi, Trường Vinh"), ("Kỳ", "01/10/2026 – 31/10/2026"),
            ("Mục đích", "Sinh hoạt"), ("Ngày lập", "01/11/2026"),
        ],
        stretches=[Stretch(OCT, NOV, TIERS)], sums=[
            ("Cộng tiền điện", "282.620\u00a0đ"), ("Thuế giá trị gia tăng 8\u00a0%", "22.610\u00a0đ"),
        ],
        bars=bars(), estimated=False, qr="00020101021238570010A000000727", bank="Ngân hàng Minh Họa",
        account="0000131000131", language="vi",
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


ODD = "Y Ƀơk Niê, 漢\u2009字, Straße ự"
FACTS = bill().facts
KINDS = {
    "tiers": bill(),
    "bands": bill(stretches=[Stretch(OCT, NOV, BANDS)], estimated=True, sums=[*bill().sums, ("Đã trả", "0 đ")]),
    "a change of price": bill(stretches=[Stretch(OCT, CHANGE, TIERS), Stretch(CHANGE, NOV, TIERS)]),
    "a relief": bill(stretches=[Stretch(OCT, NOV, [*TIERS, TAKEN_OFF])]),
    "a correction": bill(used="Hóa đơn điều chỉnh của HD2609-000000123.", total="−30.000\u00a0đ", qr="", by_when=""),
    "long names": bill(
        facts=[
            ("Khách hàng", "Công ty trách nhiệm hữu hạn một thành viên Thương mại và Dịch vụ tổng hợp Phương Đông"),
            ("Địa chỉ dùng điện", "KhốiMườiBảyKhôngDấuCáchNàoCảĐểXuốngHàngTạiĐây, Trường Vinh"), *FACTS[3:],
        ],
        used=" ".join(["Một câu rất dài."] * 20),
    ),
    "several pages": bill(stretches=stretches(13, TIERS)),
    "paid": bill(qr="", by_when="Đã trả"),
    "letters the font lacks": bill(facts=[("Khách hàng", ODD), *FACTS[1:]]),
    "a first month": bill(bars=bars(1, before=False), used=""),
    "nothing known": bill(bars=[MonthBar(OCT, None, None)], stretches=[Stretch(OCT, NOV, [])], sums=[]),
}  # fmt: skip


def words_of(pdf: bytes) -> list[Counter[str]]:
    """Return how often each word stands on each page, as a reader copies them."""
    return [Counter(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf)).pages]


@pytest.mark.parametrize("kind", KINDS)
def test_a_book_says_what_a_bill_alone_says(kind: str) -> None:
    alone, book = words_of(print_bill(KINDS[kind])), words_of(print_bills([KINDS[kind]]).pdf)
    assert alone == book and all(alone)


@needs_poppler
@pytest.mark.parametrize("kind", KINDS)
def test_every_word_begins_and_ends_where_it_does_in_a_bill_alone(kind: str, tmp_path: Path) -> None:
    alone, book = placed(print_bill(KINDS[kind]), tmp_path), placed(print_bills([KINDS[kind]]).pdf, tmp_path)
    assert [word for word, *_ in alone] == [word for word, *_ in book]
    for one, other in zip(alone, book, strict=True):
        assert one[1:] == pytest.approx(other[1:], abs=0.3), one[0]


def placed(pdf: bytes, folder: Path) -> list[tuple[str, float, float]]:
    """Return words with their left and right edges in points, in order of word."""
    (folder / "a.pdf").write_bytes(pdf)
    command = ["pdftotext", "-bbox", str(folder / "a.pdf"), "-"]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    words = re.findall(r'<word xMin="([\d.]+)" yMin="[\d.]+" xMax="([\d.]+)" yMax="[\d.]+">([^<]*)<', found)
    return sorted((word, float(left), float(right)) for left, right, word in words)


def grey(pdf: bytes, folder: Path, name: str) -> list[Any]:
    """Return each page as it is seen, 100 dots an inch."""
    (folder / f"{name}.pdf").write_bytes(pdf)
    command = ["pdftoppm", "-gray", "-r", "100", str(folder / f"{name}.pdf"), str(folder / name)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert not done.stderr
    pages = []
    for file in sorted(folder.glob(f"{name}-*.pgm")):
        head, size, _, content = file.read_bytes().split(b"\n", 3)
        wide, high = map(int, size.split())
        assert head == b"P5"
        pages.append(np.frombuffer(content, np.uint8).reshape(high, wide).astype(np.int16))
    return pages


@needs_poppler
@pytest.mark.parametrize("kind", KINDS)
def test_a_book_looks_as_a_bill_alone_looks(kind: str, tmp_path: Path) -> None:
    alone = grey(print_bill(KINDS[kind]), tmp_path, "alone")
    book = grey(print_bills([KINDS[kind]]).pdf, tmp_path, "book")
    assert len(alone) == len(book)
    for one, other in zip(alone, book, strict=True):
        apart = np.abs(one - other)
        assert apart.mean() < 0.25, "a word, a line or the code stands elsewhere"
        squares = apart[: apart.shape[0] // 10 * 10, : apart.shape[1] // 10 * 10].reshape(
            apart.shape[0] // 10, 10, -1, 10
        )
        assert squares.mean(axis=(1, 3)).max() < 60


def test_a_book_begins_every_bill_on_a_page_and_counts_them() -> None:
    every = list(KINDS.values())
    made = print_bills([dataclasses.replace(one, code=f"HD2610-{n:09d}") for n, one in enumerate(every)])
    shown = [page.extract_text() for page in PdfReader(io.BytesIO(made.pdf)).pages]
    assert sum(made.pages) == len(shown) and max(made.pages) > 1
    at = 0
    for number, count in enumerate(made.pages):
        for page in range(count):
            assert f"HD2610-{number:09d} · {page + 1}/{count}" in shown[at + page]
        at += count


def test_each_bill_has_its_own_code() -> None:
    texts = [f"0002010102123857{n:04d}" for n in range(5)] + ["0002010102123857" * 3]
    made = print_bills([*[bill(qr=text) for text in texts], bill(qr="")])
    pages: Any = PdfReader(io.BytesIO(made.pdf)).pages
    for text, page in zip(texts, pages, strict=False):
        image = page["/Resources"]["/XObject"]["/Q"].get_object()
        (expected,) = draw([text]).bitmaps()
        assert image.get_data() == expected and image["/Width"] == image["/Height"] == draw([text]).side
    assert "/Q" not in pages[6]["/Resources"]["/XObject"]


def test_a_book_in_english() -> None:
    with override("en"):
        (page,) = words_of(print_bills([bill(language="en")]).pdf)
    assert page["Total"] == 1 and not page["Tổng"]


def test_a_book_is_pdf_a_with_names_and_time_of_its_own() -> None:
    one, again, other = (print_bills([bill(code=code)], at=AT).pdf for code in ("A", "A", "B"))
    assert one == again
    readers: Any = [PdfReader(io.BytesIO(pdf), strict=True) for pdf in (one, other)]
    assert readers[0].trailer["/ID"][0] != readers[1].trailer["/ID"][0]
    about = readers[0].trailer["/Root"]["/Metadata"].get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in about and "<pdfaid:conformance>B</pdfaid:conformance>" in about
    assert (
        "<xmpTPg:NPages>1<" in about
        and about.count("2026-11-03T08:30:00+00:00") == 4
        and "2000-01-01" not in about
    )
    name = str(readers[0].trailer["/ID"][1])
    assert f"<xmpMM:InstanceID>{name}<" in about
    assert readers[0].metadata.creation_date == AT
    assert readers[0].trailer["/Root"]["/OutputIntents"]
    for font in readers[0].pages[0]["/Resources"]["/Font"].values():
        inner = font.get_object()["/DescendantFonts"][0].get_object()
        assert inner["/FontDescriptor"]["/FontFile2"].get_data() in {face(400).file, face(600).file}


def test_every_object_is_where_the_table_says() -> None:
    pdf = print_bills([bill()] * 3).pdf
    at = int(pdf[pdf.rfind(b"startxref") + 9 :].split()[0])
    places = [int(place) for place in re.findall(rb"\n(\d{10}) 00000 n", pdf[at:])]
    for number, place in enumerate(places, 1):
        assert pdf[place:].startswith(b"%d 0 obj\n" % number)


def test_what_the_font_lacks_is_written_as_near_as_can_be() -> None:
    assert printable("Nguyễn Thị Ngọc Ánh") == "Nguyễn Thị Ngọc Ánh"
    assert printable("Nguye\u0302\u0303n") == "Nguyễn"
    assert printable(ODD) == "Y ?ơk Niê, ? ?, Stra?e ự"
    assert printable("Čo\tﬁn ö\u0301") == "Co fin ö" or printable("Čo\tﬁn") == "Co fin"


@pytest.mark.parametrize("weight", [400, 600])
def test_figures_are_equally_wide_and_pairs_are_kerned(weight: int) -> None:
    shown = face(weight).shown
    assert len({shown(str(figure) * 5)[1] for figure in range(10)}) == 1
    assert shown("AV")[1] < shown("A")[1] + shown("V")[1]
    assert shown("AV")[0].startswith("[(") and shown("12 34") == (
        "(\x001\x002\x00 \x003\x004)Tj",
        shown("12 34")[1],
    )
    assert shown("a b")[1] == shown("a")[1] + shown(" ")[1] + shown("b")[1]
    assert shown("")[0] == "()Tj"


def without_chart(pdf: bytes, told: list[dict[str, str]]) -> tuple[bytes, Any]:
    return pdf, [one for one in told if (one["kind"], one["name"]) != ("piece", "chart")]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda pdf, told: (pdf.replace(b"trailer", b"Trailer"), told), "trailer"),
        (lambda pdf, told: (pdf.replace(b"\nxref", b"\nXref"), told), "table of objects"),
        (lambda pdf, told: (pdf.replace(b"/MediaBox", b"/Media1ox"), told), "paper"),
        (lambda pdf, told: (pdf.replace(b"/Contents", b"/Content5"), told), "/Contents"),
        (without_chart, "11 pages for 10 pieces"),
    ],
)
def test_a_form_that_is_built_otherwise_is_refused(monkeypatch: Any, spoil: Any, said: str) -> None:
    monkeypatch.setattr(printing, "form", lambda pdf, told: form.form(*spoil(pdf, told)))
    printing._form.cache_clear()
    with pytest.raises(form.FormError, match=said):
        print_bills([bill()])
    printing._form.cache_clear()


def test_lines_are_broken_at_spaces_and_long_words_cut() -> None:
    assert laying._wrapped("một hai ba bốn", 7) == ["một hai", "ba bốn"]
    assert laying._wrapped("abcdefghij kl", 4) == ["abcd", "efgh", "ij", "kl"]
    assert laying._wrapped("", 4) == [""] and laying._wrapped("abcd", 4) == ["abcd"]


def test_garbage_is_collected_again_after_a_book() -> None:
    import gc

    assert gc.isenabled()
    with pytest.raises(ValueError, match="no bill"):
        print_bills([])
    print_bills([bill()])
    assert gc.isenabled()
