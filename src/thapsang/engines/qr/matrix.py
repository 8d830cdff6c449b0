"""QR codes (ISO/IEC 18004) of many texts at once: byte mode, level M, versions 1 to 10, the best mask of eight.

A book of bills needs a thousand codes that differ in a few digits. Texts of one length share everything but their
bits, so they are drawn together with NumPy: some forty microseconds a code, where a drawer of single codes takes
ten thousand. Rows and columns are the bits of numbers while masks are judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

QUIET = 4
"""Light modules around a code."""
_BLOCKS = {
    1: (10, ((1, 16),)), 2: (16, ((1, 28),)), 3: (26, ((1, 44),)), 4: (18, ((2, 32),)), 5: (24, ((2, 43),)),
    6: (16, ((4, 27),)), 7: (18, ((4, 31),)), 8: (22, ((2, 38), (2, 39))), 9: (22, ((3, 36), (2, 37))),
    10: (26, ((4, 43), (1, 44))),
}  # fmt: skip
"""Level M: check bytes of a block, and (how many blocks, data bytes of each)."""
_ALIGNED = {2: (6, 18), 3: (6, 22), 4: (6, 26), 5: (6, 30), 6: (6, 34), 7: (6, 22, 38), 8: (6, 24, 42),
            9: (6, 26, 46), 10: (6, 28, 50)}  # fmt: skip
_LEVEL_M = 0
_MASKS = (
    lambda y, x: (y + x) % 2, lambda y, x: y % 2 + 0 * x, lambda y, x: x % 3 + 0 * y, lambda y, x: (y + x) % 3,
    lambda y, x: (y // 2 + x // 3) % 2, lambda y, x: y * x % 2 + y * x % 3, lambda y, x: (y * x % 2 + y * x % 3) % 2,
    lambda y, x: ((y + x) % 2 + y * x % 3) % 2,
)  # fmt: skip
Bits = NDArray[np.uint8]


class TooLongError(ValueError):
    """A text does not fit the largest version drawn here."""


@dataclass(frozen=True)
class Codes:
    """Codes of one size. `modules[i, y, x]` is 1 where code i is dark, without the quiet zone."""

    modules: Bits

    @property
    def side(self) -> int:
        """Pixels of one side, quiet zone included."""
        return int(self.modules.shape[1]) + 2 * QUIET

    def pixels(self) -> bytes:
        """Return all codes one after another, a byte a pixel, 0 dark and 255 light, quiet zone included."""
        around = ((0, 0), (QUIET, QUIET), (QUIET, QUIET))
        return bytes(((1 - np.pad(self.modules, around)) * 255).astype(np.uint8).tobytes())

    def bitmaps(self) -> list[bytes]:
        """Return each code as an image's bytes: a bit a pixel, 1 light, rows filled up to whole bytes."""
        bits = np.ones((len(self.modules), self.side, self.side), np.uint8)
        bits[:, QUIET:-QUIET, QUIET:-QUIET] = 1 - self.modules
        return [rows.tobytes() for rows in np.packbits(bits, axis=2)]


def draw(texts: Sequence[str], *, mask: int | None = None) -> Codes:
    """Return the codes of texts whose UTF-8 forms have one length; `mask` 0 to 7, or the best for each.

    Raises ValueError for texts of several lengths, TooLongError for more than version 10 holds (213 bytes).
    """
    data = [text.encode() for text in texts]
    length = len(data[0]) if data else 0
    if not data or any(len(one) != length for one in data):
        raise ValueError("Draw texts of one length together, at least one.")
    version = _version(length)
    field = _Field.of(version)
    words = _with_checks(_words(data, version), version)
    bits = np.unpackbits(words, axis=1)
    flat = np.zeros((len(data), field.size * field.size), np.uint8)
    flat[:, field.places[: bits.shape[1]]] = bits
    plain = flat.reshape(-1, field.size, field.size)
    if mask is None:
        best = np.argmin(_penalties(plain, field), axis=0)
        return Codes(plain ^ np.stack(field.masks)[best] | np.stack(field.fixed)[best])
    return Codes(plain ^ field.masks[mask] | field.fixed[mask])


def _version(length: int) -> int:
    for version, (_, groups) in _BLOCKS.items():
        room = sum(count * size for count, size in groups) * 8
        if 4 + (8 if version < 10 else 16) + length * 8 <= room:
            return version
    raise TooLongError(f"A text of {length} bytes is too long for a QR code here: 213 at most.")


def _words(data: list[bytes], version: int) -> Bits:
    """Return data words: mode, length, text, end, filling."""
    room = sum(count * size for count, size in _BLOCKS[version][1])
    wide = version > 9
    shift = 20 if wide else 12  # bits before the text, the last four of which share a byte with it
    rows = []
    for one in data:
        number = (4 << (shift - 4) | len(one)) << (len(one) * 8) | int.from_bytes(one, "big")
        size = (shift + len(one) * 8 + 4) // 8
        rows.append((number << 4).to_bytes(size, "big") + bytes((0xEC, 0x11) * room)[: room - size])
    return np.frombuffer(b"".join(rows), np.uint8).reshape(len(data), room)


@lru_cache(maxsize=1)
def _field() -> tuple[Bits, NDArray[np.int64]]:
    """Powers and logarithms of GF(256) over x^8 + x^4 + x^3 + x^2 + 1."""
    power, logs, value = np.zeros(512, np.uint8), np.zeros(256, np.int64), 1
    for number in range(255):
        power[number] = power[number + 255] = value
        logs[value] = number
        value = value << 1 ^ (0x11D if value & 0x80 else 0)
    return power, logs


@lru_cache(maxsize=16)
def _generator(degree: int) -> list[int]:
    """Return the logarithms of the generator polynomial's terms, without the leading one."""
    power, logs = _field()
    terms = [1]
    for root in range(degree):
        longer = [*terms, 0]
        for place, term in enumerate(terms):
            longer[place + 1] ^= int(power[logs[term] + root]) if term else 0
        terms = longer
    return [int(logs[term]) for term in terms[1:]]


@lru_cache(maxsize=32)
def _shares(columns: int, degree: int) -> Bits:
    """Return what each value of each data byte adds to the check bytes: [column, value, check byte]."""
    power, logs = _field()
    generator = np.array(_generator(degree))
    unit = np.zeros(
        degree, np.uint8
    )  # the remainder of a one at the last column, then at the one before it …
    unit[-1] = 1
    shares = np.zeros((columns, 256, degree), np.uint8)
    for column in range(columns - 1, -1, -1):
        head, unit = unit[0], np.append(unit[1:], np.uint8(0))
        if column == columns - 1:
            unit = power[generator].copy()
        elif head:
            unit ^= power[logs[head] + generator]
        there = np.where(unit > 0, power[logs[1:256, None] + logs[unit]], 0)
        shares[column, 1:] = there
    return shares


def _checks(block: Bits, degree: int) -> Bits:
    """Return the Reed-Solomon remainder of each row: the sum (XOR) of what its bytes add."""
    shares = _shares(block.shape[1], degree)
    rest = np.zeros((block.shape[0], degree), np.uint8)
    for share, column in zip(shares, block.T, strict=True):
        rest ^= share[column]
    return rest


def _with_checks(words: Bits, version: int) -> Bits:
    degree, groups = _BLOCKS[version]
    sizes = [size for count, size in groups for _ in range(count)]
    blocks = np.split(words, np.cumsum(sizes)[:-1], axis=1)
    checks = [_checks(block, degree) for block in blocks]
    mixed = [block[:, n] for n in range(max(sizes)) for block in blocks if n < block.shape[1]]
    mixed += [check[:, n] for n in range(degree) for check in checks]
    return np.stack(mixed, axis=1)


@dataclass(frozen=True)
class _Field:
    """What is the same in all codes of a version."""

    size: int
    places: NDArray[np.int64]
    """Where each data bit goes, in the flattened code."""
    masks: list[Bits]
    fixed: list[Bits]
    """Patterns, format and version bits, for each mask."""

    @classmethod
    @lru_cache(maxsize=16)
    def of(cls, version: int) -> _Field:
        size = 17 + 4 * version
        dark, taken = np.zeros((size, size), np.uint8), np.zeros((size, size), bool)
        _patterns(dark, taken, version)
        y, x = np.indices((size, size))
        free = ~taken
        masks = [((mask(y, x) == 0) & free).astype(np.uint8) for mask in _MASKS]  # type: ignore[no-untyped-call]
        fixed = [_with_format(dark, number) for number in range(8)]
        return cls(size, _walk(free), masks, fixed)


def _patterns(dark: Bits, taken: NDArray[np.bool_], version: int) -> None:
    size = len(dark)
    finder = np.zeros((9, 9), np.uint8)
    finder[1:8, 1:8] = 1
    finder[2:7, 2:7] = 0
    finder[3:6, 3:6] = 1
    dark[6, :] = dark[:, 6] = (np.arange(size) + 1) % 2
    taken[6, :] = taken[:, 6] = True
    for top, left in ((-1, -1), (-1, size - 8), (size - 8, -1)):
        rows, columns = slice(max(top, 0), top + 9), slice(max(left, 0), left + 9)
        dark[rows, columns] = finder[rows.start - top :, columns.start - left :][
            : min(size, top + 9) - rows.start, : min(size, left + 9) - columns.start
        ]
        taken[rows, columns] = True
    taken[:9, :9] = taken[:9, size - 8 :] = taken[size - 8 :, :9] = True
    middles = _ALIGNED.get(version, ())
    last = middles[-1] if middles else 0
    for y in middles:
        for x in middles:
            if (y, x) in {(6, 6), (6, last), (last, 6)}:
                continue
            dark[y - 2 : y + 3, x - 2 : x + 3] = 1
            dark[y - 1 : y + 2, x - 1 : x + 2] = 0
            dark[y, x] = 1
            taken[y - 2 : y + 3, x - 2 : x + 3] = True
    if version >= 7:
        code = _remainder(version, 0x1F25, 12)
        for bit in range(18):
            y, x = bit // 3, size - 11 + bit % 3
            dark[y, x] = dark[x, y] = code >> bit & 1
        taken[:6, size - 11 : size - 8] = taken[size - 11 : size - 8, :6] = True


def _remainder(value: int, generator: int, bits: int) -> int:
    """Return a BCH code: the value with its check bits."""
    rest = value << bits
    while rest.bit_length() > bits:
        rest ^= generator << (rest.bit_length() - bits - 1)
    return value << bits | rest


def _with_format(dark: Bits, mask: int) -> Bits:
    made, size = dark.copy(), len(dark)
    code = _remainder(_LEVEL_M << 3 | mask, 0x537, 10) ^ 0x5412
    bits = [code >> bit & 1 for bit in range(15)]
    for bit in range(6):
        made[bit, 8] = made[8, size - 1 - bit] = bits[bit]
        made[8, 5 - bit] = bits[9 + bit]
    made[7, 8], made[8, 8], made[8, 7] = bits[6], bits[7], bits[8]
    made[8, size - 7], made[8, size - 8] = bits[6], bits[7]
    for bit in range(8, 15):
        made[size - 15 + bit, 8] = bits[bit]
    made[size - 8, 8] = 1
    return made


def _walk(free: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the places of data bits: up and down in pairs of columns, from the right."""
    size, places = len(free), []
    columns = [x for x in range(size - 1, 0, -2) if x > 6] + [5, 3, 1]
    for turn, right in enumerate(columns):
        rows = range(size - 1, -1, -1) if turn % 2 == 0 else range(size)
        places += [y * size + x for y in rows for x in (right, right - 1) if free[y, x]]
    return np.array(places)


def _penalties(plain: Bits, field: _Field) -> NDArray[np.int64]:
    """Return how hard each code is to read under each of the eight masks, counted on rows and columns as numbers."""
    turned = (0, 2, 1)
    rows, columns = _packed(plain), _packed(plain.transpose(turned))
    masks, fixed = np.stack(field.masks), np.stack(field.fixed)
    lying, standing = (
        (_packed(masks), _packed(fixed)),
        (_packed(masks.transpose(turned)), _packed(fixed.transpose(turned))),
    )
    return np.stack(
        [
            _penalty(rows ^ lying[0][n] | lying[1][n], columns ^ standing[0][n] | standing[1][n], field.size)
            for n in range(len(field.masks))
        ]
    )


def _penalty(rows: NDArray[np.uint64], columns: NDArray[np.uint64], size: int) -> NDArray[np.int64]:
    """Return how hard each code is to read: long runs, blocks, false finders, too much of one colour."""
    total = _lines_penalty(rows, size) + _lines_penalty(columns, size)
    same = ~(rows ^ rows >> np.uint64(1)) & _ones(size - 1)
    alike = same[:, 1:] & same[:, :-1] & ~(rows[:, 1:] ^ rows[:, :-1])
    total += 3 * _counted(alike)
    dark = _counted(rows) * 100
    total += 10 * (np.abs(dark - 50 * size * size) // (5 * size * size))
    return total


def _lines_penalty(rows: NDArray[np.uint64], size: int) -> NDArray[np.int64]:
    same = ~(rows ^ rows >> np.uint64(1)) & _ones(size - 1)
    pairs = same & same >> np.uint64(1)
    five = pairs & pairs >> np.uint64(2)
    begins = five & ~(five << np.uint64(1))
    return _counted(five) + 2 * _counted(begins) + 40 * _finders(rows, size)


def _counted(rows: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return how many bits are set in all rows of each code."""
    found: NDArray[np.int64] = np.bitwise_count(rows).sum(axis=1, dtype=np.int64)
    return found


def _finders(rows: NDArray[np.uint64], size: int) -> NDArray[np.int64]:
    """Return how often rows look like a finder: 1011101 with four light modules before or behind it."""
    light = ~rows
    ends = rows & rows >> np.uint64(2)  # 1·1, at both ends of the seven
    seven = ends & ends >> np.uint64(4) & rows >> np.uint64(3) & light >> np.uint64(1) & light >> np.uint64(5)
    two = light & light >> np.uint64(1)
    four = two & two >> np.uint64(2)
    within = _ones(size - 10)
    return _counted(seven & four >> np.uint64(7) & within) + _counted(seven >> np.uint64(4) & four & within)


def _packed(codes: Bits) -> NDArray[np.uint64]:
    """Return each row as the bits of one number, the first module the lowest."""
    wide = np.zeros((*codes.shape[:2], 64), np.uint8)
    wide[:, :, : codes.shape[2]] = codes
    packed = np.packbits(wide, axis=2, bitorder="little")
    return packed.view("<u8")[:, :, 0].astype(np.uint64)


def _ones(count: int) -> np.uint64:
    return np.uint64((1 << count) - 1)
