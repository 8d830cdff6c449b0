"""Print bills: one for a reader with Typst, or a book of a thousand into the form that Typst set (docs/adr/0027)."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast

import typst
from django.conf import settings
from django.utils import timezone
from django.utils.translation import get_language, gettext

from thapsang.engines.qr.matrix import draw
from thapsang.interfaces.shared.bill_pdf.filling import fill
from thapsang.interfaces.shared.bill_pdf.form import SET_AT, Form, form
from thapsang.interfaces.shared.bill_pdf.laying import Code, Page, PrintedBill, pages, shared
from thapsang.interfaces.shared.bill_pdf.letters import FONTS
from thapsang.interfaces.shared.distributor import distributor

ARCHIVED: Final = "a-2b"
"""What is kept or printed is PDF/A-2b: fonts and colours are in the file."""
_LOGO: Final = Path(__file__).parents[1] / "static" / "shared" / "icons" / "lamp.svg"
"""By its place: a helper of an archive has no pages, and so no finder of their files."""
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Printed:
    """A PDF of several bills, and how many pages each of them has."""

    pdf: bytes
    pages: list[int]


@lru_cache(maxsize=4)
def _compiler(template: Path) -> typst.Compiler:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)])
    return typst.Compiler(str(template), root="/", font_paths=fonts)


def print_bill(bill: PrintedBill) -> bytes:
    """Return one bill as PDF, tagged for readers who listen to it."""
    made = draw([bill.qr]) if bill.qr else None
    code = {"side": made.side, "pixels": list(made.pixels())} if made else None
    told = {"shared": shared(bill, _look(bill.language)), "pages": pages(bill, code)}
    with _one_at_a_time:
        pdf = _ready().compile(
            format="pdf", sys_inputs=_inputs(told), pdf_tags=True, pdf_standards=ARCHIVED,
            timestamp=int(timezone.now().timestamp()),
        )  # fmt: skip
    return cast(bytes, pdf)


def print_bills(bills: Sequence[PrintedBill], *, at: datetime | None = None) -> Printed:
    """Return bills of one month and language as one PDF/A that says it was made `at` (now), each beginning a page."""
    if not bills:
        raise ValueError("There is no bill to print.")
    told = json.dumps(shared(bills[0], _look(bills[0].language)), ensure_ascii=False)
    with in_one_go():
        codes = _codes([bill.qr for bill in bills])
        laid = [pages(bill, code) for bill, code in zip(bills, codes, strict=True)]
        every: list[Page] = [page for one in laid for page in one]
        pdf = fill(_form(_template(), told), every, at=at or timezone.now())
    return Printed(pdf, [len(one) for one in laid])


@contextmanager
def in_one_go() -> Iterator[None]:
    """Collect no garbage meanwhile: a book's thousands of words and places have no rings, and a third of the time goes
    into looking for some.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@lru_cache(maxsize=8)
def _form(template: Path, told: str) -> Form:
    """Return the month's form, set once in a process."""
    with _one_at_a_time:
        compiler, inputs = _compiler(template), _inputs({"shared": json.loads(told)})
        pdf = compiler.compile(
            format="pdf", sys_inputs=inputs, pdf_tags=False, pdf_standards=ARCHIVED, timestamp=SET_AT
        )
        fields = json.loads(compiler.query("<field>", field="value"))
    return form(cast(bytes, pdf), fields)


def _template() -> Path:
    return (Path(settings.POLICIES) / settings.DISTRIBUTOR / "templates" / "bill.typ").absolute()


def _ready() -> typst.Compiler:
    return _compiler(_template())


def _inputs(told: dict[str, Any]) -> dict[str, str]:
    return {"bill": json.dumps(told, ensure_ascii=False)}


def _codes(texts: Sequence[str]) -> list[Code | None]:
    """Draw codes, those of one length together; None for no text."""
    groups: dict[int, list[int]] = {}
    for number, text in enumerate(texts):
        if text:
            groups.setdefault(len(text.encode()), []).append(number)
    made: list[Code | None] = [None] * len(texts)
    for numbers in groups.values():
        drawn = draw([texts[number] for number in numbers])
        for number, code in zip(numbers, drawn.bitmaps(), strict=True):
            made[number] = {"side": drawn.side, "pixels": code}
    return made


def _look(language: str) -> dict[str, str]:
    return dict(_distributor(language or get_language() or "vi"))


@lru_cache(maxsize=4)
def _distributor(language: str) -> tuple[tuple[str, str], ...]:
    who = distributor()
    return (
        ("night", who.night),
        ("amber", who.amber),
        ("distributor", who.name),
        ("logo", _LOGO.read_text(encoding="utf-8")),
        ("hotline", gettext("Chăm sóc khách hàng %(phone)s") % {"phone": who.hotline_shown}),
    )
