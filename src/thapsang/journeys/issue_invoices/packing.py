"""A zip of files stored as they are, written in one pass: each file can be read from the pack by place and length.

Python's zipfile costs twenty microseconds a file, which at a million files is a tenth of all the signing. Here the
headers of some files are laid out at once, as rows of an array.
Plain ZIP (PKWARE APPNOTE 6.3), no compression, UTF-8 names, under 4 GiB and 65,535 files.
"""

from __future__ import annotations

import struct
from zlib import crc32

import numpy as np

_UTF8, _VERSION = 0x0800, 20
_DOS_DATE = 1 << 5 | 1
"""1980-01-01, the same for every file: a pack's bytes say nothing of the clock but what the signatures say."""
_FACTS = [
    ("version", "<u2"), ("flags", "<u2"), ("method", "<u2"), ("time", "<u2"), ("date", "<u2"), ("crc", "<u4"),
    ("packed", "<u4"), ("size", "<u4"), ("label_size", "<u2"), ("extra", "<u2"),
]  # fmt: skip
_LOCAL = [("mark", "S4"), *_FACTS]
_CENTRAL = [
    ("mark", "S4"), ("made_by", "<u2"), *_FACTS, ("comment", "<u2"), ("disk", "<u2"), ("internal", "<u2"),
    ("external", "<u4"), ("at", "<u4"),
]  # fmt: skip
_END = struct.Struct("<4s4H2IH")
MOST = 65_000


class Packer:
    """Writes a zip, some files at a time; `positions` says where each file begins in it, `sizes` how long it is."""

    def __init__(self) -> None:
        self.positions: list[int] = []
        self.sizes: list[int] = []
        self._directory: list[bytes] = []
        self._at = 0

    def add(self, names: list[str], files: list[bytes]) -> bytes:
        """Return the zip's next bytes: some files. Their names (ASCII) are all of one length.

        Raises ValueError for names of several lengths, or more files than a zip takes.
        """
        if len(self.sizes) + len(files) > MOST:
            raise ValueError(f"{len(self.sizes) + len(files)} files: a pack takes {MOST}.")
        if len({len(name) for name in names}) > 1:
            raise ValueError("The names of files that are added together are all of one length.")
        checks, sizes = [crc32(content) for content in files], [len(content) for content in files]
        local = _rows(_LOCAL, b"PK\3\4", names, checks, sizes)
        step, heads = local.dtype.itemsize, local.tobytes()
        steps = np.array(sizes, np.int64) + step
        begins = self._at + np.cumsum(steps) - steps
        central = _rows(_CENTRAL, b"PK\1\2", names, checks, sizes)
        central["made_by"], central["at"] = _VERSION, begins
        self._directory.append(central.tobytes())
        self.positions += (begins + step).tolist()
        self.sizes += sizes
        self._at += int(steps.sum())
        parts = [heads] * (2 * len(files))
        parts[::2] = [heads[at : at + step] for at in range(0, len(heads), step)]
        parts[1::2] = files
        return b"".join(parts)

    def end(self) -> bytes:
        """Return the zip's last bytes: its directory."""
        central, count = b"".join(self._directory), len(self.sizes)
        return central + _END.pack(b"PK\5\6", 0, 0, count, count, len(central), self._at, 0)


def _rows(
    layout: list[tuple[str, str]], mark: bytes, names: list[str], checks: list[int], sizes: list[int]
) -> np.ndarray:
    """Return a header for each file, its name behind it."""
    width = len(names[0]) if names else 1
    rows = np.zeros(len(names), np.dtype([*layout, ("label", f"S{width}")]))
    rows["mark"], rows["version"], rows["flags"], rows["date"] = mark, _VERSION, _UTF8, _DOS_DATE
    rows["crc"], rows["packed"], rows["size"] = checks, sizes, sizes
    rows["label_size"], rows["label"] = width, names
    return rows
