"""Set bills with Typst: one for a reader, or a book of a thousand in one compile (docs/adr/0027)."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast

import typst
from django.conf import settings
from django.contrib.staticfiles import finders
from django.utils.translation import get_language, gettext

from thapsang.engines.qr.matrix import Codes, draw
from thapsang.interfaces.shared.bill_pdf.laying import PrintedBill, pages, shared
from thapsang.interfaces.shared.distributor import distributor

FONTS = Path(__file__).parent / "fonts"
ARCHIVED: Final = "a-2b"
"""What is kept or printed is PDF/A-2b: fonts and colours are in the file."""
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
    drawn = (made.side, list(made.pixels())) if made else None
    return _set(shared(bill, _look(bill.language)), pages(bill, drawn), codes="", tags=True)


def print_bills(bills: Sequence[PrintedBill]) -> Printed:
    """Return bills of one month and language as one PDF/A, each beginning a page.

    The codes' pixels pass through a file that only this user may read, and that is gone afterwards.
    """
    if not bills:
        raise ValueError("There is no bill to print.")
    pixels, places = _codes([bill.qr for bill in bills])
    laid = [pages(bill, place) for bill, place in zip(bills, places, strict=True)]
    descriptor, name = tempfile.mkstemp(prefix="thapsang-codes-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pixels)
        every = [page for one in laid for page in one]
        pdf = _set(shared(bills[0], _look(bills[0].language)), every, codes=name, tags=False)
    finally:
        Path(name).unlink(missing_ok=True)
    return Printed(pdf, [len(one) for one in laid])


def _set(same: dict[str, Any], every: list[dict[str, Any]], *, codes: str, tags: bool) -> bytes:
    template = Path(settings.POLICIES) / settings.DISTRIBUTOR / "templates" / "bill.typ"
    told = json.dumps({"shared": same, "pages": every}, ensure_ascii=False)
    with _one_at_a_time:
        pdf = _compiler(template.absolute()).compile(
            format="pdf", sys_inputs={"bills": told, "codes": codes}, pdf_tags=tags, pdf_standards=ARCHIVED
        )
    return cast(bytes, pdf)


def _codes(texts: Sequence[str]) -> tuple[bytes, list[tuple[int, int] | None]]:
    """Draw codes, those of one length together; return all pixels, and side and place of each."""
    groups: dict[int, list[int]] = {}
    for number, text in enumerate(texts):
        if text:
            groups.setdefault(len(text.encode()), []).append(number)
    places: list[tuple[int, int] | None] = [None] * len(texts)
    parts, at = [], 0
    for numbers in groups.values():
        made: Codes = draw([texts[number] for number in numbers])
        for number in numbers:
            places[number] = (made.side, at)
            at += made.side**2
        parts.append(made.pixels())
    return b"".join(parts), places


def _look(language: str) -> dict[str, str]:
    return dict(_distributor(language or get_language() or "vi"))


@lru_cache(maxsize=4)
def _distributor(language: str) -> tuple[tuple[str, str], ...]:
    who = distributor()
    return (
        ("night", who.night),
        ("amber", who.amber),
        ("distributor", who.name),
        ("logo", Path(str(finders.find("shared/icons/lamp.svg"))).read_text(encoding="utf-8")),
        ("hotline", gettext("Chăm sóc khách hàng %(phone)s") % {"phone": who.hotline_shown}),
    )
