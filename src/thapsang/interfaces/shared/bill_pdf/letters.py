"""The letters of the printed bill: which there are, how wide they stand, and how words go into a PDF.

A book's fonts are the files themselves, and a letter's code in the PDF is its Unicode number, so words need no table
on their way. Figures are the tabular ones and pairs are kerned, as Typst does with the same files.
"""

from __future__ import annotations

import struct
import unicodedata
import zlib
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from fontTools.ttLib import TTFont

FONTS: Final = Path(__file__).parent / "fonts"
WEIGHTS: Final = (400, 600)
_MISSING = "?"
_SPACE = "\0 "
_WORDS_KEPT = 20_000


class Face:
    """One weight of the bill's font; lengths are thousandths of the size."""

    def __init__(self, path: Path) -> None:
        self.file = path.read_bytes()
        self._font = TTFont(path, lazy=True)
        glyphs: dict[int, str] = self._font.getBestCmap()
        tabular = _tabular(self._font)
        self._glyphs = {chr(code): tabular.get(name, name) for code, name in glyphs.items()}
        advances = self._font["hmtx"].metrics
        self._scale = 1000 / self._font["head"].unitsPerEm
        self._widths = {letter: advances[name][0] * self._scale for letter, name in self._glyphs.items()}
        self._kerns = _Kerns(self._font, self._glyphs, self._scale)
        self._words = _Words(self._widths, self._kerns)
        self.letters = frozenset(self._glyphs)
        self.shown = lru_cache(maxsize=2_000)(self._shown)

    def _shown(self, text: str) -> tuple[str, float]:
        """Return the operator that shows a text, as `printable` has it, and how wide it is.

        The operator is the PDF's bytes as characters. Nothing is kerned beside a space, so a word is looked up whole.
        """
        words = [self._words[word] for word in text.split(" ")]
        width = sum([width for _, width in words]) + self._widths[" "] * (len(words) - 1)
        said = _SPACE.join([said for said, _ in words])
        return (f"[({said})]TJ" if ")" in said else f"({said})Tj"), width

    def objects(self, first: int) -> list[bytes]:
        """Return the font as PDF objects numbered from `first`, itself the first of them."""
        name = self._font["name"].getDebugName(6)
        to_glyph, to_text = _packed(self._map()), _packed(_to_unicode(sorted(self._glyphs)).encode())
        file = _packed(self.file, f"/Length1 {len(self.file)}")
        font = (
            f"<</Type/Font/Subtype/Type0/BaseFont/{name}/Encoding/Identity-H/DescendantFonts[{first + 1} 0 R]"
            f"/ToUnicode {first + 4} 0 R>>"
        )
        inner = (
            f"<</Type/Font/Subtype/CIDFontType2/BaseFont/{name}/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)"
            f"/Supplement 0>>/FontDescriptor {first + 2} 0 R/CIDToGIDMap {first + 3} 0 R/DW 0/W[{self._w()}]>>"
        )
        return [
            font.encode(),
            inner.encode(),
            self._descriptor(name, first + 5).encode(),
            to_glyph,
            to_text,
            file,
        ]

    def _descriptor(self, name: str, file: int) -> str:
        head, os2, lines = self._font["head"], self._font["OS/2"], self._font["hhea"]
        box = [head.xMin, head.yMin, head.xMax, head.yMax, lines.ascent, lines.descent, os2.sCapHeight]
        left, low, right, high, up, down, caps = (round(value * self._scale) for value in box)
        return (
            f"<</Type/FontDescriptor/FontName/{name}/Flags 4/FontBBox[{left} {low} {right} {high}]/ItalicAngle 0"
            f"/Ascent {up}/Descent {down}/CapHeight {caps}/StemV 80/FontFile2 {file} 0 R>>"
        )

    def _map(self) -> bytes:
        """Return the glyph number of every code up to the last letter's."""
        made = [0] * (max(map(ord, self._glyphs)) + 1)
        for letter, name in self._glyphs.items():
            made[ord(letter)] = self._font.getGlyphID(name)
        return struct.pack(f">{len(made)}H", *made)

    def _w(self) -> str:
        runs = groupby(enumerate(sorted(map(ord, self._glyphs))), lambda placed: placed[1] - placed[0])
        said = []
        for _, run in runs:
            codes = [code for _, code in run]
            said.append(f"{codes[0]}[{' '.join(f'{self._widths[chr(code)]:g}' for code in codes)}]")
        return "".join(said)


class _Words(dict[str, tuple[str, float]]):
    """How words stand inside an operator's brackets, and how wide they are; kept until there are too many."""

    def __init__(self, widths: dict[str, float], kerns: _Kerns) -> None:
        self._widths, self._kerns = widths, kerns

    def __missing__(self, asked: str) -> tuple[str, float]:
        word = printable(asked)
        width = sum([self._widths[letter] for letter in word])
        parts, begin = list[str](), 0
        if not word.isdecimal():
            for end in range(1, len(word)):
                if kern := self._kerns[word[end - 1 : end + 1]]:
                    parts.append(f"{_written(word[begin:end])}){-kern:g}(")
                    begin, width = end, width + kern
        found = "".join([*parts, _written(word[begin:])]), width
        if len(self) >= _WORDS_KEPT:
            self.clear()
        self[asked] = found
        return found


class _Kerns(dict[str, float]):
    """How much two letters come nearer or further apart, looked up in the font when first asked."""

    def __init__(self, font: TTFont, glyphs: dict[str, str], scale: float) -> None:
        tables = font["GPOS"].table
        numbers = {
            number
            for record in tables.FeatureList.FeatureRecord
            if record.FeatureTag == "kern"
            for number in record.Feature.LookupListIndex
        }
        self._tables = [table for n in sorted(numbers) for table in tables.LookupList.Lookup[n].SubTable]
        self._glyphs, self._scale = glyphs, scale

    def __missing__(self, pair: str) -> float:
        found = _kern(self._tables, self._glyphs[pair[0]], self._glyphs[pair[1]]) * self._scale
        self[pair] = found
        return found


def _kern(tables: list[Any], first: str, second: str) -> int:
    """Return what the first table that knows the pair says (OpenType: GPOS, pair adjustment)."""
    for table in tables:
        if first not in table.Coverage.glyphs:
            continue
        if table.Format == 1:
            pairs = table.PairSet[table.Coverage.glyphs.index(first)].PairValueRecord
            found = next((pair for pair in pairs if pair.SecondGlyph == second), None)
            if found is None:
                continue
        else:
            row = table.Class1Record[table.ClassDef1.classDefs.get(first, 0)]
            found = row.Class2Record[table.ClassDef2.classDefs.get(second, 0)]
        return int(getattr(found.Value1, "XAdvance", 0) or 0) if found.Value1 else 0
    return 0


def _tabular(font: TTFont) -> dict[str, str]:
    tables = font["GSUB"].table
    return {
        name: wide
        for record in tables.FeatureList.FeatureRecord
        if record.FeatureTag == "tnum"
        for number in record.Feature.LookupListIndex
        for table in tables.LookupList.Lookup[number].SubTable
        for name, wide in table.mapping.items()
    }


def _written(text: str) -> str:
    """Return a text's codes as they stand between brackets, a byte a character."""
    plain = text.encode("utf-16-be").decode("latin-1")
    return plain.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").replace("\r", "\\r")


def _hex(text: str) -> str:
    return text.encode("utf-16-be").hex()


def _packed(content: bytes, more: str = "") -> bytes:
    packed = zlib.compress(content)
    return f"<</Filter/FlateDecode/Length {len(packed)}{more}>>stream\n".encode() + packed + b"\nendstream"


def _to_unicode(letters: list[str]) -> str:
    """Return the table by which a reader copies and searches text: every code is its letter's."""
    rows = [f"<{_hex(letter)}><{_hex(letter)}>" for letter in letters]
    parts = [rows[at : at + 100] for at in range(0, len(rows), 100)]
    told = "\n".join(f"{len(part)} beginbfchar\n{chr(10).join(part)}\nendbfchar" for part in parts)
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo<</Registry(Adobe)/Ordering(UCS)/Supplement 0>>def\n/CMapName/Adobe-Identity-UCS def\n"
        "/CMapType 2 def\n1 begincodespacerange\n<0000><ffff>\nendcodespacerange\n"
        f"{told}\nendcmap\nCMapName currentdict/CMap defineresource pop\nend\nend"
    )


@cache
def face(weight: int) -> Face:
    """Return the font's weight 400 or 600."""
    return Face(FONTS / f"be-vietnam-pro-{weight}.ttf")


@cache
def _known() -> frozenset[str]:
    letters = frozenset.intersection(*(face(weight).letters for weight in WEIGHTS))
    return frozenset(letter for letter in letters if not unicodedata.combining(letter))


def printable(text: str) -> str:
    """Return a text in letters that the bill's font has: one it lacks loses its marks, or becomes a question mark."""
    if _known().issuperset(text):
        return text
    return "".join(map(_printable, unicodedata.normalize("NFC", text)))


@lru_cache(maxsize=1000)
def _printable(letter: str) -> str:
    if letter in _known():
        return letter
    plain = "".join(one for one in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(one))
    return plain if plain and _known().issuperset(plain) else " " if letter.isspace() else _MISSING
