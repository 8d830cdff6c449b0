"""Keep a file given to us, once, under its own hash; open it again."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from thapsang.kit.db.transactions import transaction_required
from thapsang.kit.files.models import StoredFile

_PIECE = 1 << 20


class FileGoneError(FileNotFoundError):
    """A stored file is not on disk: restore it from the backup under the path in the message."""


@dataclass(frozen=True)
class Kept:
    """A file that is safely on disk."""

    sha256: str
    size: int
    path: Path


def path_of(sha256: str) -> Path:
    """Return where a file with this hash lies (whether or not it is there)."""
    return Path(settings.FILES) / sha256[:2] / sha256[2:4] / sha256


def keep(content: bytes | Path | Iterable[bytes]) -> Kept:
    """Write bytes (whole or in pieces), or copy a file, to disk under its SHA-256; the same content is written once.

    Atomic: a reader sees the whole file or none, also after a crash. Reads in pieces: a file of any size.
    Raises OSError when the disk refuses.
    """
    folder = Path(settings.FILES)
    folder.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    descriptor, partial = tempfile.mkstemp(dir=folder, prefix=".partial-")
    try:
        with os.fdopen(descriptor, "wb") as sink:
            for piece in _pieces(content):
                digest.update(piece)
                size += sink.write(piece)
            sink.flush()
            os.fsync(sink.fileno())
        target = path_of(digest.hexdigest())
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(partial, target)  # noqa: PTH105 - the atomic call, named as such
        _sync_folder(target.parent)
    finally:
        Path(partial).unlink(missing_ok=True)
    return Kept(digest.hexdigest(), size, target)


def drop_partial(*, before: datetime) -> int:
    """Delete what a process that was killed had begun to write before a moment; return how many files."""
    old = [p for p in Path(settings.FILES).glob(".partial-*") if p.stat().st_mtime < before.timestamp()]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _pieces(content: bytes | Path | Iterable[bytes]) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    if not isinstance(content, Path):
        yield from content
        return
    with content.open("rb") as source:
        while piece := source.read(_PIECE):
            yield piece


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@transaction_required
def record(*, kept: Kept, name: str, media_type: str, purpose: str) -> int:
    """Write the row that names a kept file; return its id (the first row's for the same content)."""
    stored, _ = StoredFile.objects.get_or_create(
        sha256=kept.sha256,
        defaults={"name": name[-255:], "media_type": media_type, "purpose": purpose, "size": kept.size},
    )
    return int(stored.pk)


@transaction_required
def record_many(*, kept: Sequence[tuple[Kept, str]], media_type: str, purpose: str) -> None:
    """Write the rows that name kept files, each with its name, at once; content known already keeps its first row."""
    rows = [
        StoredFile(sha256=one.sha256, name=name[-255:], media_type=media_type, purpose=purpose, size=one.size)
        for one, name in kept
    ]
    StoredFile.objects.bulk_create(rows, ignore_conflicts=True)


@transaction_required
def store(*, content: bytes | Path, name: str, media_type: str, purpose: str) -> Kept:
    """Keep a file and record it: on disk first, then the row, so that a row never points at nothing."""
    kept = keep(content)
    record(kept=kept, name=name, media_type=media_type, purpose=purpose)
    return kept


def open_file(*, sha256: str) -> BinaryIO:
    """Open a stored file for reading. Raises FileGoneError when the disk lost it."""
    path = path_of(sha256)
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise FileGoneError(f"{path} is missing: restore it from the backup of the files folder.") from error
