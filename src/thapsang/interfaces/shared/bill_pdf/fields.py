"""Write the fields of a bill's pieces where the template says they stand, as operators of a PDF page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from thapsang.interfaces.shared.bill_pdf.letters import face

LEFT, TOP, ROW = 18 * 72 / 25.4, 16 * 72 / 25.4, 14
"""Where a page's text begins, and a row, in points: as in the template."""
PICTURE: Final = "Q"
"""What a page calls its code."""
_WIDTH = 174 * 72 / 25.4
_UP = 7
"""From a line's top to where its letters stand."""

Draw = Callable[[Any, float, list[str]], None]
"""Writes a field: the piece's values, where its row begins (points from the paper's foot), what is written so far."""


def _colour(told: str) -> str:
    parts = [int(told[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return " ".join(f"{part:.4g}" for part in parts) + " rg"


def field(told: Mapping[str, Any]) -> Draw:
    """Return what writes a field, from what the template tells of it."""
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
    """The page's own picture."""
    x, down, size = LEFT + told["x"], told["y"] + told["size"], told["size"]

    def draw(values: Any, top: float, out: list[str]) -> None:
        out.append(f"q {size:.3f} 0 0 {size:.3f} {x:.3f} {top - down:.3f} cm /{PICTURE} Do Q")

    return draw
