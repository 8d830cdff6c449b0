"""Draw the app's icons as PNG from lamp.svg. Run after a change of the drawing; the results are committed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import typst

ICONS = Path(__file__).resolve().parents[1] / "src/thapsang/interfaces/shared/static/shared/icons"
PAGE = """#set page(width: {size}pt, height: {size}pt, margin: 0pt, fill: {fill})
#place(center + horizon, image("lamp.svg", width: {part}%))"""


def draw(size: int, name: str, *, fill: str = "none", part: int = 100) -> None:
    """Write one icon of `size` pixels; a maskable one keeps the drawing inside the safe middle."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "icon.typ"
        source.write_text(PAGE.format(size=size, fill=fill, part=part), encoding="utf-8")
        (Path(folder) / "lamp.svg").write_bytes((ICONS / "lamp.svg").read_bytes())
        typst.compile(str(source), output=str(ICONS / name), format="png", ppi=72.0)


if __name__ == "__main__":
    for size in (180, 192, 512):
        draw(size, f"lamp-{size}.png")
    draw(512, "lamp-maskable-512.png", fill='rgb("#14233f")', part=76)
    print(*(f"{p.name} {p.stat().st_size}" for p in sorted(ICONS.glob("*.png"))), sep="\n")
