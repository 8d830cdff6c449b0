"""QR codes drawn many at once: module for module what another program draws."""

from __future__ import annotations

import itertools
import random
import re

import numpy as np
import pytest
import segno

from thapsang.engines.qr.matrix import TooLongError, draw

FULL = (14, 26, 42, 62, 84, 106, 122, 152, 180, 213)
"""Bytes that fill versions 1 to 10 to the end: there the other program needs no filling, which it writes otherwise."""


def text(length: int, seed: int) -> str:
    return "".join(random.Random(seed).choices("0123456789ABCDEFabcdef-. ", k=length))


@pytest.mark.parametrize("version", range(1, 11))
def test_every_version_and_mask_is_drawn_as_elsewhere(version: int) -> None:
    texts = [text(FULL[version - 1], seed) for seed in range(3)]
    for mask in range(8):
        ours = draw(texts, mask=mask).modules
        for one, modules in zip(texts, ours, strict=True):
            theirs = segno.make(one, error="m", micro=False, boost_error=False, mode="byte", mask=mask)
            assert theirs.version == version
            assert modules.tolist() == [list(row) for row in theirs.matrix]


def test_filling_follows_the_standard() -> None:
    """ISO/IEC 18004 7.4.10: after the end of the text EC 11 EC 11 …; read back from the modules."""
    from thapsang.engines.qr import matrix

    field = matrix._Field.of(1)
    modules = draw(["abcde"], mask=0).modules[0] ^ field.masks[0]
    bits = "".join(str(bit) for bit in modules.reshape(-1)[field.places][:128])
    assert f"{int(bits, 2):032x}" == "40561626364650" + "ec11" * 4 + "ec"


def test_the_chosen_mask_is_one_of_the_eight_and_the_format_says_which() -> None:
    texts = [text(60, seed) for seed in range(20)]
    best = draw(texts).modules
    masked = [draw(texts, mask=mask).modules for mask in range(8)]
    chosen = [next(m for m in range(8) if (masked[m][i] == best[i]).all()) for i in range(len(texts))]
    assert len(set(chosen)) > 1


def said_penalty(modules: list[list[int]]) -> int:
    """ISO/IEC 18004 7.8.3, spelled out."""
    size, total = len(modules), 0
    for lines in (modules, [list(column) for column in zip(*modules, strict=True)]):
        for line in lines:
            row = "".join(map(str, line))
            total += sum(3 + len(run) - 5 for run in re.findall("0+|1+", row) if len(run) >= 5)
            windows = [row[at : at + 11] for at in range(size - 10)]
            total += 40 * sum(part in {"10111010000", "00001011101"} for part in windows)
    squares = itertools.product(range(size - 1), repeat=2)
    total += 3 * sum(len({modules[y + a][x + b] for a in (0, 1) for b in (0, 1)}) == 1 for y, x in squares)
    dark = sum(map(sum, modules))
    return total + 10 * (abs(dark * 100 - 50 * size * size) // (5 * size * size))


@pytest.mark.parametrize("length", [14, 100, 213])
def test_the_mask_with_the_least_penalty_is_chosen(length: int) -> None:
    texts = [text(length, seed) for seed in range(6)]
    best = draw(texts).modules
    masked = [draw(texts, mask=mask).modules for mask in range(8)]
    for number in range(len(texts)):
        least = min(said_penalty(modules[number].tolist()) for modules in masked)
        assert said_penalty(best[number].tolist()) == least


def test_penalties_of_odd_fields_are_counted_as_written() -> None:
    from thapsang.engines.qr import matrix

    finders = ("10111010000" * 6)[:57]
    fields = [
        [[0] * 57 for _ in range(57)], [[1] * 57 for _ in range(57)], [list(map(int, finders))] * 57,
        [[(y + x) % 2 for x in range(57)] for y in range(57)],
    ]  # fmt: skip
    modules = np.array(fields, np.uint8)
    rows, columns = matrix._packed(modules), matrix._packed(modules.transpose(0, 2, 1))
    assert matrix._penalty(rows, columns, 57).tolist() == [said_penalty(field) for field in fields]


def test_bits_are_the_pixels() -> None:
    codes = draw(["x" * 60, "y" * 60])
    pixels, side = codes.pixels(), codes.side
    for number, bitmap in enumerate(codes.bitmaps()):
        wide = len(bitmap) // side
        for y in range(side):
            row = "".join(f"{byte:08b}" for byte in bitmap[y * wide : (y + 1) * wide])[:side]
            at = (number * side + y) * side
            assert row == "".join("1" if pixel else "0" for pixel in pixels[at : at + side])


def test_pixels_have_a_quiet_zone() -> None:
    codes = draw(["x" * 60])
    rows = [codes.pixels()[n * codes.side : (n + 1) * codes.side] for n in range(codes.side)]
    assert set(rows[3]) == {255} and set(rows[-4]) == {255} and rows[4][4] == 0 and rows[4][3] == 255


def test_what_cannot_be_drawn_together_is_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        draw(["a", "bb"])
    with pytest.raises(ValueError, match="one length"):
        draw([])
    with pytest.raises(TooLongError, match="214"):
        draw(["x" * 214])
