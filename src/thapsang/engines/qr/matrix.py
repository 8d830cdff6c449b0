"""QR codes (ISO/IEC 18004) of many texts at once: byte mode, level M, versions 1 to 10, the best mask of eight.

A book of bills needs a thousand codes that differ in a few digits. Texts of one length share everything but their
bits, so they are drawn together with NumPy: some twenty microseconds a code, where a drawer of single codes takes
ten thousand. Rows are held as bits of one number while the masks are judged.
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

    def hexadecimal(self) -> list[str]:
        """Return each code as hexadecimal digits, a bit a pixel, 1 light, rows filled up to whole bytes."""
        bits = np.ones((len(self.modules), self.side, self.side), np.uint8)
        bits[:, QUIET:-QUIET, QUIET:-QUIET] = 1 - self.modules
        rows = np.packbits(bits, axis=2)
        told, long = rows.tobytes().hex(), 2 * rows.shape[1] * rows.shape[2]
        return [told[at : at + long] for at in range(0, len(told), long)]


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
    tried = [plain ^ field.masks[n] | field.fixed[n] for n in (range(8) if mask is None else [mask])]
    if mask is not None:
        return Codes(tried[0])
    best = np.argmin(np.stack([_penalty(one) for one in tried]), axis=0)
    return Codes(np.stack(tried)[best, np.arange(len(data))])


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


def _checks(block: Bits, degree: int) -> Bits:
    """Return the Reed-Solomon remainder of each row."""
    power, logs = _field()
    generator = np.array(_generator(degree))
    rest = np.zeros((block.shape[0], degree), np.uint8)
    for column in block.T:
        head = column ^ rest[:, 0]
        rest = np.pad(rest[:, 1:], ((0, 0), (0, 1)))
        rest ^= np.where(head[:, None] > 0, power[logs[head][:, None] + generator], 0).astype(np.uint8)
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


def _penalty(codes: Bits) -> NDArray[np.int64]:
    """Return how hard each code is to read: long runs, blocks, false finders, too much of one colour."""
    size = codes.shape[1]
    total = np.zeros(len(codes), np.int64)
    for lying in (codes, codes.transpose(0, 2, 1)):
        total += _lines_penalty(_packed(lying), size)
    rows = _packed(codes)
    same = ~(rows ^ rows >> np.uint64(1)) & _ones(size - 1)
    total += 3 * np.bitwise_count(same[:, 1:] & same[:, :-1] & ~(rows[:, 1:] ^ rows[:, :-1])).sum(
        axis=1, dtype=np.int64
    )
    dark = codes.sum(axis=(1, 2), dtype=np.int64) * 100
    total += 10 * (np.abs(dark - 50 * size * size) // (5 * size * size))
    return total


def _lines_penalty(rows: NDArray[np.uint64], size: int) -> NDArray[np.int64]:
    same = ~(rows ^ rows >> np.uint64(1)) & _ones(size - 1)
    pairs = same & same >> np.uint64(1)
    five = pairs & pairs >> np.uint64(2)
    begins = five & ~(five << np.uint64(1))
    runs = np.bitwise_count(five) + 2 * np.bitwise_count(begins).astype(np.int64)
    false = sum(np.bitwise_count(_like(rows, shape, size)).astype(np.int64) for shape in (0x05D, 0x5D0))
    found: NDArray[np.int64] = (runs + 40 * false).sum(axis=1, dtype=np.int64)
    return found


def _like(rows: NDArray[np.uint64], shape: int, size: int) -> NDArray[np.uint64]:
    """Return a bit for each place where eleven modules are those of `shape`."""
    found = np.broadcast_to(_ones(size - 10), rows.shape)
    for place in range(11):
        moved = rows >> np.uint64(place)
        found = found & (moved if shape >> place & 1 else ~moved)
    return found


def _packed(codes: Bits) -> NDArray[np.uint64]:
    """Return each row as the bits of one number, the first module the lowest."""
    wide = np.zeros((*codes.shape[:2], 64), np.uint8)
    wide[:, :, : codes.shape[2]] = codes
    packed = np.packbits(wide, axis=2, bitorder="little")
    return packed.view("<u8")[:, :, 0].astype(np.uint64)


def _ones(count: int) -> np.uint64:
    return np.uint64((1 << count) - 1)
