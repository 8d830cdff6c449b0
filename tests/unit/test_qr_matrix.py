"""QR codes drawn many at once: module for module what another program draws."""

from __future__ import annotations

import random

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
