"""Take apart the form that Typst sets of the template: its pieces as drawings that pages call (form XObjects).

Read is the plain PDF that this version of Typst writes; anything else raises FormError, and a test sets the form anew.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from thapsang.interfaces.shared.bill_pdf.fields import Draw, field
from thapsang.interfaces.shared.bill_pdf.letters import WEIGHTS, face

SET_AT: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""When a form says it was set: a book puts its own time in that place."""
_OBJECT = re.compile(rb"\A(\d+) 0 obj\s(.*)\sendobj\s*\Z", re.DOTALL)
_PLACE = re.compile(rb"\n(\d{10}) \d{5} n")
_TRAILER = re.compile(rb"trailer\s.*/Root (\d+) 0 R/Info (\d+) 0 R/ID\[\(([^)]+)\)\(([^)]+)\)\]", re.DOTALL)
_PAPER = re.compile(rb"/MediaBox\[([^\]]*)\]")
_PAINTS = re.compile(rb"\b(?:Tj|TJ|f|S|B|Do)\b")


class FormError(RuntimeError):
    """What Typst set cannot be taken apart: another version of it, or of the template."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The form of bill.typ {what}: set it with the version of Typst that is pinned, or mend form.py."
        )


@dataclass(frozen=True)
class Piece:
    """A piece of the template: what draws its fixed part (empty when it has none), and its fields."""

    call: str
    fields: list[Draw]


@dataclass(frozen=True)
class Form:
    """A form taken apart: its PDF objects by number, and its pieces by name."""

    objects: Mapping[int, bytes]
    root: int
    info: int
    tree: int
    """The list of pages."""
    about: int
    """What the document says of itself."""
    paper: bytes
    high: float
    """Of the paper, in points."""
    names: tuple[bytes, bytes]
    """What the form calls itself; a book has names of its own."""
    fonts: str
    calls: str
    pieces: Mapping[str, Piece]


def form(pdf: bytes, told: Sequence[Mapping[str, Any]]) -> Form:
    """Take apart what Typst set, a page a piece; `told` is what the template tells of pieces and fields.

    Raises FormError when the PDF is not built as expected.
    """
    objects = _objects(pdf)
    root, info, *names = _found(_TRAILER, pdf[pdf.rfind(b"trailer") :], "has another trailer").groups()
    tree = _number(rb"/Pages (\d+) 0 R", objects[int(root)])
    kids = [
        int(kid)
        for kid in re.findall(rb"(\d+) 0 R", objects[tree].partition(b"/Kids[")[2].partition(b"]")[0])
    ]
    pieces = _told(told)
    if len(kids) != len(pieces):
        raise FormError(f"has {len(kids)} pages for {len(pieces)} pieces")
    paper = _found(_PAPER, objects[kids[0]], "has no paper")[1]
    drawn = [_drawing(objects, kid, paper) for kid in kids]
    calls = "".join(f"/P{place} {number} 0 R" for place, number in enumerate(drawn) if number)
    made = {
        name: Piece(f"/P{place} Do" if drawn[place] else "", fields)
        for place, (name, fields) in enumerate(pieces.items())
    }
    about = _number(rb"/Metadata (\d+) 0 R", objects[int(root)])
    return Form(
        objects, int(root), int(info), tree, about, paper, float(paper.split()[-1]), (names[0], names[1]),
        _fonts(objects), calls, made,
    )  # fmt: skip


def _found(pattern: re.Pattern[bytes], content: bytes, otherwise: str) -> re.Match[bytes]:
    found = pattern.search(content)
    if found is None:
        raise FormError(otherwise)
    return found


def _number(pattern: bytes, content: bytes) -> int:
    return int(_found(re.compile(pattern), content, f"lacks {pattern.decode()}")[1])


def _objects(pdf: bytes) -> dict[int, bytes]:
    at = int(pdf[pdf.rfind(b"startxref") + 9 :].split()[0])
    if not pdf[at:].startswith(b"xref"):
        raise FormError("has no plain table of objects")
    places = sorted(int(row) for row in _PLACE.findall(pdf[at:]))
    found = {}
    for begin, end in zip(places, [*places[1:], at], strict=True):
        whole = _found(_OBJECT, pdf[begin:end], "has an object that cannot be read")
        found[int(whole[1])] = whole[2]
    if list(found) != list(range(1, len(found) + 1)):
        raise FormError("leaves out numbers of objects")
    return found


def _told(told: Sequence[Mapping[str, Any]]) -> dict[str, list[Draw]]:
    pieces = dict[str, list[Draw]]()
    for one in told:
        if one["kind"] == "piece":
            pieces[one["name"]] = []
        else:
            next(reversed(pieces.values())).append(field(one))
    return pieces


def _drawing(objects: dict[int, bytes], page: int, paper: bytes) -> int:
    """Make a page a drawing that others call; return its number, 0 when nothing is drawn on it."""
    number = _number(rb"/Contents (\d+) 0 R", objects[page])
    uses = _number(rb"/Resources (\d+) 0 R", objects[page])
    packed = objects[number].partition(b"stream\n")[2].removesuffix(b"\nendstream")
    objects[page] = b"null"
    if not _PAINTS.search(zlib.decompress(packed)):
        objects[number] = b"null"
        return 0
    objects[number] = (
        b"<</Type/XObject/Subtype/Form/BBox[%s]/Resources %d 0 R/Filter/FlateDecode/Length %d>>stream\n%s\nendstream"
        % (paper, uses, len(packed), packed)
    )
    return number


def _fonts(objects: dict[int, bytes]) -> str:
    """Add the fonts of the fields; return how pages name them."""
    said = ""
    for weight in WEIGHTS:
        first = len(objects) + 1
        objects |= dict(enumerate(face(weight).objects(first), first))
        said += f"/F{weight} {first} 0 R"
    return said
