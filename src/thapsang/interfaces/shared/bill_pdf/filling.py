"""Write a book of bills into the form that Typst has set once: a page is a few hundred bytes of PDF.

The form's pieces become drawings that every page calls (form XObjects), and each field of a piece is written where
the template says it stands. Nothing here knows what a bill looks like.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from thapsang.interfaces.shared.bill_pdf.laying import Page
from thapsang.interfaces.shared.bill_pdf.letters import WEIGHTS, face

LEFT, TOP, ROW = 18 * 72 / 25.4, 16 * 72 / 25.4, 14
"""Of a page's text, and a row, in points: as in the template."""
_WIDTH = 174 * 72 / 25.4
_UP = 7
"""From a line's top to where its letters stand."""
_PACKING = 1
_OBJECT = re.compile(rb"\A(\d+) 0 obj\s(.*)\sendobj\s*\Z", re.DOTALL)
_PAINTS = re.compile(rb"\b(?:Tj|TJ|f|S|B|Do)\b")
SET_AT = datetime(2000, 1, 1, tzinfo=UTC)
"""When a form says it was set: a book puts its own time in that place."""

Draw = Callable[[Any, float, list[str]], None]
"""Writes a field: the piece's values, where its row begins (points from the paper's foot), what is written so far."""


class FormError(RuntimeError):
    """What Typst set cannot be taken apart: another version of it, or of the template."""


@dataclass(frozen=True)
class _Piece:
    call: str
    """What draws its fixed part; empty when it has none."""
    fields: list[Draw]


@dataclass(frozen=True)
class Form:
    """A form taken apart: its PDF objects by number, and its pieces."""

    objects: dict[int, bytes]
    root: int
    info: int
    tree: int
    paper: bytes
    names: tuple[bytes, bytes]
    pieces: Mapping[str, _Piece]
    resources: int
    """The number of what every page uses; those after it are free."""


def form(pdf: bytes, told: Sequence[Mapping[str, Any]]) -> Form:
    """Take apart what Typst set: a page a piece, and what the template told of pieces and fields.

    Raises FormError when the PDF is not built as expected.
    """
    objects = _objects(pdf)
    trailer = re.search(
        rb"/Root (\d+) 0 R/Info (\d+) 0 R/ID\[\(([^)]+)\)\(([^)]+)\)\]", pdf[pdf.rfind(b"trailer") :]
    )
    if trailer is None:
        raise FormError("The form's trailer is not as expected: has Typst changed how it writes PDF?")
    root, info = int(trailer[1]), int(trailer[2])
    tree = _number(rb"/Pages (\d+) 0 R", objects[root])
    kids = [int(kid) for kid in re.findall(rb"(\d+) 0 R", objects[tree].split(b"/Kids[")[1].split(b"]")[0])]
    names = [one["name"] for one in told if one["kind"] == "piece"]
    if len(kids) != len(names):
        raise FormError(
            f"The form has {len(kids)} pages for {len(names)} pieces: a piece needs more than one page."
        )
    paper = re.search(rb"/MediaBox\[[^\]]*\]", objects[kids[0]])
    assert paper is not None
    drawn = [_drawing(objects, kid, paper[0]) for kid in kids]
    fields, current = {name: list[Draw]() for name in names}, ""
    for one in told:
        if one["kind"] == "piece":
            current = one["name"]
        else:
            fields[current].append(_field(one))
    pieces = {name: _Piece(f"/P{k} Do" if drawn[k] else "", fields[name]) for k, name in enumerate(names)}
    first = max(objects) + 1
    fonts = ""
    for weight in WEIGHTS:
        fonts += f"/F{weight} {first} 0 R"
        for number, content in enumerate(face(weight).objects(first), first):
            objects[number] = content
        first = max(objects) + 1
    calls = "".join(f"/P{k} {number} 0 R" for k, number in enumerate(drawn) if number)
    objects[first] = f"<</Font<<{fonts}>>/XObject<<{calls}>>>>".encode()
    return Form(objects, root, info, tree, paper[0], (trailer[3], trailer[4]), pieces, first)


def _objects(pdf: bytes) -> dict[int, bytes]:
    at = int(pdf[pdf.rfind(b"startxref") + 9 :].split()[0])
    if not pdf[at:].startswith(b"xref"):
        raise FormError("The form has no plain table of objects: has Typst changed how it writes PDF?")
    places = sorted(int(row) for row in re.findall(rb"\n(\d{10}) \d{5} n", pdf[at:]))
    found = {}
    for begin, end in zip(places, [*places[1:], at], strict=True):
        whole = _OBJECT.match(pdf[begin:end])
        if whole is None:
            raise FormError("An object of the form cannot be read: has Typst changed how it writes PDF?")
        found[int(whole[1])] = whole[2]
    return found


def _number(pattern: bytes, content: bytes) -> int:
    found = re.search(pattern, content)
    if found is None:
        raise FormError(f"The form lacks {pattern!r}: has Typst changed how it writes PDF?")
    return int(found[1])


def _drawing(objects: dict[int, bytes], page: int, paper: bytes) -> int:
    """Make a page a drawing that others call; return its number, 0 when nothing is drawn on it."""
    number = _number(rb"/Contents (\d+) 0 R", objects[page])
    uses = _number(rb"/Resources (\d+) 0 R", objects[page])
    _, _, rest = objects[number].partition(b"stream\n")
    packed = rest.removesuffix(b"\nendstream")
    objects[page] = b"null"
    if not _PAINTS.search(zlib.decompress(packed)):
        objects[number] = b"null"
        return 0
    kind = b"<</Type/XObject/Subtype/Form%s/Resources %d 0 R" % (paper.replace(b"/MediaBox", b"/BBox"), uses)
    objects[number] = kind + b"/Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(packed), packed)
    return number


def _colour(told: str) -> str:
    parts = [int(told[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return " ".join(f"{part:.4g}" for part in parts) + " rg"


def _field(told: Mapping[str, Any]) -> Draw:
    make: dict[str, Callable[[Mapping[str, Any]], Draw]] = {
        "words": _right if told.get("right") else _left, "under": _under, "columns": _columns, "code": _code,
    }  # fmt: skip
    return make[told["kind"]](told)


def _look(told: Mapping[str, Any]) -> str:
    return f"BT {_colour(told['fill'])} /F{told['weight']} {told['size']:g} Tf"


def _left(told: Mapping[str, Any]) -> Draw:
    """Lines from the left; another field may follow on each line, in plain letters."""
    name, then, down = told["name"], told["then"], told["y"] + _UP
    bold, plain, size = face(told["weight"]).shown, face(400).shown, f"{told['size']:g}"
    head = f"{_look(told)} {ROW} TL 1 0 0 1 {LEFT + told['x']:.3f} "
    back, there = f" /F{told['weight']} {size} Tf ", f" 0 g /F400 {size} Tf "
    colour = _colour(told["fill"])

    def draw(values: Any, top: float, out: list[str]) -> None:
        lines = [bold(text)[0] for text in values[name].split("\n")]
        if then:
            after = [plain(text)[0] for text in values[then].split("\n")]
            lines = [f"{one}{there}{two}{back}{colour}" for one, two in zip(lines, after, strict=True)]
        out.append(f"{head}{top - down:.3f} Tm {' T* '.join(lines)} ET")

    return draw


def _right(told: Mapping[str, Any]) -> Draw:
    """Lines up to a place from the right edge."""
    name, down, each = told["name"], told["y"] + _UP, told["size"] / 1000
    shown, head, edge = face(told["weight"]).shown, _look(told), LEFT + _WIDTH + told["x"]

    def draw(values: Any, top: float, out: list[str]) -> None:
        out.append(head)
        y = top - down
        for text in values[name].split("\n"):
            if text:
                said, width = shown(text)
                out.append(f"1 0 0 1 {edge - width * each:.3f} {y:.3f} Tm {said}")
            y -= ROW
        out.append("ET")

    return draw


def _under(told: Mapping[str, Any]) -> Draw:
    """One word under the middle of each column."""
    name, down, each = told["name"], told["y"] + _UP, told["size"] / 1000
    shown, head = face(told["weight"]).shown, _look(told)

    def draw(values: Any, top: float, out: list[str]) -> None:
        out.append(head)
        y = f"{top - down:.3f}"
        for middle, text in zip(values["middles"], values[name], strict=True):
            said, width = shown(text)
            out.append(f"1 0 0 1 {LEFT + middle - width * each / 2:.3f} {y} Tm {said}")
        out.append("ET")

    return draw


def _columns(told: Mapping[str, Any]) -> Draw:
    name, colour = told["name"], _colour(told["fill"])

    def draw(values: Any, top: float, out: list[str]) -> None:
        found = values[name]
        if found:
            placed = [at for x, y, wide, high in found for at in (LEFT + x, top - y - high, wide, high)]
            out.append(f"{colour} " + "%.2f %.2f %.2f %.2f re " * len(found) % tuple(placed) + "f")

    return draw


def _code(told: Mapping[str, Any]) -> Draw:
    x, down, size = LEFT + told["x"], told["y"] + told["size"], told["size"]

    def draw(values: Any, top: float, out: list[str]) -> None:
        side = values["side"]
        out.append(
            f"q {size:.3f} 0 0 {size:.3f} {x:.3f} {top - down:.3f} cm BI /W {side} /H {side} /CS /G /BPC 1 /F /AHx "
            f"ID {values['code']}> EI Q"
        )

    return draw


def fill(form: Form, pages: Sequence[Page], *, at: datetime) -> bytes:
    """Return pages laid out by `laying.pages`, codes as hexadecimal bits, as PDF/A that says it was made `at`."""
    high = float(form.paper.removesuffix(b"]").split()[-1]) - TOP
    first = form.resources + 1
    objects = dict(form.objects)
    for number, page in enumerate(pages):
        content = zlib.compress(_content(form, page, high), _PACKING)
        own = first + 2 * number
        objects[own] = b"<</Type/Page/Parent %d 0 R%s/Resources %d 0 R/Contents %d 0 R>>" % (
            form.tree, form.paper, form.resources, own + 1,
        )  # fmt: skip
        objects[own + 1] = b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(content), content)
    kids = b" ".join(b"%d 0 R" % (first + 2 * number) for number in range(len(pages)))
    objects[form.tree] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(pages), kids)
    return _file(form, objects, len(pages), at)


def _content(form: Form, page: Page, high: float) -> bytes:
    out = list[str]()
    for name, row, values in page:
        piece, down = form.pieces[name], row * ROW
        if piece.call:
            out.append(f"q 1 0 0 1 0 {-down} cm {piece.call} Q" if down else piece.call)
        for draw in piece.fields:
            draw(values, high - down, out)
    return "\n".join(out).encode("ascii")


def _file(form: Form, objects: dict[int, bytes], pages: int, at: datetime) -> bytes:
    digest = hashlib.sha256(repr(at).encode())
    for content in objects.values():
        digest.update(content)
    both = digest.digest()
    names = [b64encode(part) for part in (both[:16], both[16:])]
    _rename(form, objects, names, pages, at)
    parts, places = [b"%PDF-1.7\n%\x80\x80\x80\x80\n"], [b"0000000000 65535 f\r\n"]
    place = len(parts[0])
    for number in range(1, len(objects) + 1):
        parts.append(b"%d 0 obj\n%s\nendobj\n" % (number, objects[number]))
        places.append(b"%010d 00000 n\r\n" % place)
        place += len(parts[-1])
    parts.append(b"xref\n0 %d\n%s" % (len(places), b"".join(places)))
    parts.append(
        b"trailer\n<</Size %d/Root %d 0 R/Info %d 0 R/ID[(%s)(%s)]>>\nstartxref\n%d\n%%%%EOF"
        % (len(places), form.root, form.info, names[0], names[1], place)
    )
    return b"".join(parts)


def _rename(form: Form, objects: dict[int, bytes], names: list[bytes], pages: int, at: datetime) -> None:
    """Give what the form says of itself the book's own names, time and number of pages."""
    number = _number(rb"/Metadata (\d+) 0 R", objects[form.root])
    now = at.astimezone(UTC)
    said = objects[number].split(b"stream\n", 1)[1].removesuffix(b"\nendstream")
    for old, new in zip(form.names, names, strict=True):
        said = said.replace(old, new)
    said = said.replace(SET_AT.isoformat().encode(), now.isoformat(timespec="seconds").encode())
    said = re.sub(rb"<xmpTPg:NPages>\d+<", b"<xmpTPg:NPages>%d<" % pages, said)
    objects[number] = b"<</Length %d/Type/Metadata/Subtype/XML>>stream\n%s\nendstream" % (len(said), said)
    objects[form.info] = objects[form.info].replace(
        f"{SET_AT:%Y%m%d%H%M%S}".encode(), f"{now:%Y%m%d%H%M%S}".encode()
    )
