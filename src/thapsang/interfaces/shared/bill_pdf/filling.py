"""Write a book of bills into the form that Typst has set once: a page is a few kilobytes of operators.

Nothing here knows what a bill looks like: pieces call the form's drawings, fields are written where the template says.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime

from thapsang.interfaces.shared.bill_pdf.fields import PICTURE, ROW, TOP
from thapsang.interfaces.shared.bill_pdf.form import SET_AT, Form
from thapsang.interfaces.shared.bill_pdf.laying import Page

_PACKING = 1
"""Twice as fast as zlib's usual six, for a sixth more bytes."""
_IMAGE = (
    b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 1/Length %d>>"
    b"stream\n%s\nendstream"
)


def fill(form: Form, pages: Sequence[Page], *, at: datetime) -> bytes:
    """Return pages laid out by `laying.pages`, codes as bitmaps, as PDF/A that says it was made `at`."""
    uses = f"/Resources<</Font<<{form.fonts}>>/XObject<<{form.calls}".encode()
    objects, kids = dict(form.objects), list[int]()
    for page in pages:
        content = zlib.compress(_content(form, page), _PACKING)
        own, code = len(objects) + 1, _code(page)
        if code:
            objects[own + 2] = code
        picture = b"/%s %d 0 R" % (PICTURE.encode(), own + 2) if code else b""
        objects[own] = b"<</Type/Page/Parent %d 0 R/MediaBox[%s]%s%s>>>>/Contents %d 0 R>>" % (
            form.tree, form.paper, uses, picture, own + 1,
        )  # fmt: skip
        objects[own + 1] = b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(content), content)
        kids.append(own)
    listed = " ".join(f"{kid} 0 R" for kid in kids)
    objects[form.tree] = f"<</Type/Pages/Count {len(kids)}/Kids[{listed}]>>".encode()
    return _file(form, objects, len(pages), at)


def _content(form: Form, page: Page) -> bytes:
    out, high = list[str](), form.high - TOP
    for name, row, values in page:
        piece, down = form.pieces[name], row * ROW
        if piece.call:
            out.append(f"q 1 0 0 1 0 {-down} cm {piece.call} Q" if down else piece.call)
        for draw in piece.fields:
            draw(values, high - down, out)
    return "\n".join(out).encode("latin-1")


def _code(page: Page) -> bytes:
    for _, _, values in page:
        if "pixels" in values:
            return _IMAGE % (values["side"], values["side"], len(values["pixels"]), values["pixels"])
    return b""


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
    now = at.astimezone(UTC)
    said = objects[form.about].split(b"stream\n", 1)[1].removesuffix(b"\nendstream")
    for old, new in zip(form.names, names, strict=True):
        said = said.replace(old, new)
    said = said.replace(SET_AT.isoformat().encode(), now.isoformat(timespec="seconds").encode())
    said = re.sub(rb"<xmpTPg:NPages>\d+<", b"<xmpTPg:NPages>%d<" % pages, said)
    objects[form.about] = b"<</Length %d/Type/Metadata/Subtype/XML>>stream\n%s\nendstream" % (len(said), said)
    objects[form.info] = objects[form.info].replace(
        f"{SET_AT:%Y%m%d%H%M%S}".encode(), f"{now:%Y%m%d%H%M%S}".encode()
    )
