"""Cut Be Vietnam Pro to Latin and Vietnamese, two weights; woff2 for pages, TrueType for PDF.

The font's figures are proportional (its 1 is half as wide as its 0), and columns of money must line up:
tabular figures are added as the usual `tnum` feature. The font's licence (OFL, no reserved name) allows both.

Run `.venv/bin/python tools/fonts.py` after a new version of the font package; the results are committed.
"""

from __future__ import annotations

import unicodedata
from io import BytesIO
from pathlib import Path

import fontpkg_be_vietnam_pro
from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables import otTables
from fontTools.ttLib.tables._g_l_y_f import Glyph, GlyphComponent

SOURCE = Path(fontpkg_be_vietnam_pro.__file__).parent / "files"
SHARED = Path(__file__).resolve().parents[1] / "src/thapsang/interfaces/shared"
TARGETS = {"woff2": SHARED / "static/shared/fonts", None: SHARED / "bill_pdf/fonts"}
FIGURE_WIDTH = 664
WEIGHTS = {"Regular": "400", "SemiBold": "600"}
TONES = "\u0300\u0301\u0303\u0309\u0323"
BASES = "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY"
PUNCTUATION = "\u00a0«»°±²·×–—‘’“”•…′₫−≤≥"


def letters() -> str:
    """Return every character the pages may show."""
    ascii_ = "".join(map(chr, range(0x20, 0x7F)))
    toned = "".join(unicodedata.normalize("NFC", b + t) for b in BASES for t in TONES)
    latin1 = "éèêçüöäñÉÈ©®"
    return ascii_ + BASES + toned + "đĐ" + TONES + latin1 + PUNCTUATION


def tabular(font: TTFont, name: str) -> str:
    """Add a copy of a figure set in the middle of a fixed width; return its name."""
    copy, width = f"{name}.tnum", font["hmtx"][name][0]
    shift = (FIGURE_WIDTH - width) // 2
    component = GlyphComponent()
    component.glyphName, component.x, component.y, component.flags = name, shift, 0, 0x0204
    glyph = Glyph()
    glyph.numberOfContours, glyph.components = -1, [component]
    font.setGlyphOrder([*font.getGlyphOrder(), copy])
    font["glyf"][copy] = glyph
    glyph.recalcBounds(font["glyf"])
    font["hmtx"][copy] = (FIGURE_WIDTH, glyph.xMin)
    return copy


def add_tnum(font: TTFont) -> None:
    """Add the `tnum` feature to every script and language of the font."""
    names = [font.getBestCmap()[ord(figure)] for figure in "0123456789"]
    table = font["GSUB"].table
    single = otTables.SingleSubst()
    single.mapping = {name: tabular(font, name) for name in names}
    lookup = otTables.Lookup()
    lookup.LookupType, lookup.LookupFlag, lookup.SubTable = 1, 0, [single]
    table.LookupList.Lookup.append(lookup)
    record = otTables.FeatureRecord()
    record.FeatureTag, record.Feature = "tnum", otTables.Feature()
    record.Feature.FeatureParams = None
    record.Feature.LookupListIndex = [len(table.LookupList.Lookup) - 1]
    table.FeatureList.FeatureRecord.append(record)
    for script in table.ScriptList.ScriptRecord:
        languages = [script.Script.DefaultLangSys, *(r.LangSys for r in script.Script.LangSysRecord)]
        for language in filter(None, languages):
            language.FeatureIndex.append(len(table.FeatureList.FeatureRecord) - 1)


def cut(style: str, weight: str, flavor: str | None, folder: Path) -> Path:
    """Write one subset."""
    options = subset.Options(
        flavor=flavor, hinting=False, name_IDs=[0, 1, 2, 4, 6, 13, 14, 16, 17],
        layout_features=["kern", "mark", "mkmk", "ccmp", "locl", "tnum", "liga"],
    )  # fmt: skip
    font = TTFont(SOURCE / f"BeVietnamPro-{style}.ttf")
    add_tnum(font)
    font.save(whole := BytesIO())
    font = TTFont(BytesIO(whole.getvalue()))
    cutter = subset.Subsetter(options)
    cutter.populate(text=letters())
    cutter.subset(font)
    target = folder / f"be-vietnam-pro-{weight}.{flavor or 'ttf'}"
    subset.save_font(font, str(target), options)
    return target


if __name__ == "__main__":
    for flavor, folder in TARGETS.items():
        folder.mkdir(parents=True, exist_ok=True)
        for style, weight in WEIGHTS.items():
            made = cut(style, weight, flavor, folder)
            print(f"{made.name}: {made.stat().st_size:,} bytes")
        (folder / "LICENSE").write_text(
            (SOURCE.parent / "LICENSE").read_text(encoding="utf-8"), encoding="utf-8"
        )
