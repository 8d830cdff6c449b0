"""Invoices' files, out of their packs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import BinaryIO

from thapsang.domain.invoices.types import InvoiceView
from thapsang.kit.files import operations as files

_MARK = b"<DSCKS>"


def invoice_files(*, views: Sequence[InvoiceView]) -> Iterator[tuple[InvoiceView, bytes]]:
    """Yield signed invoices with their files; each pack is opened once, the authority's code stands in its place.

    Raises FileGoneError when the disk lost a pack, or a file is not the one that was signed.
    """
    ordered = sorted(views, key=lambda view: (view.pack_sha256, view.position or 0))
    for pack, members in groupby(ordered, key=lambda view: view.pack_sha256):
        with files.open_file(sha256=pack) as stream:
            for view in members:
                yield view, _file(view, stream)


def _file(view: InvoiceView, stream: BinaryIO) -> bytes:
    stream.seek(view.position or 0)
    content = stream.read(view.size or 0)
    if view.sha256 != hashlib.sha256(content).digest():
        raise files.FileGoneError(
            f"The file of invoice {view.name} is damaged: restore its pack from the backup."
        )
    if not view.authority_code:
        return content
    before, _, after = content.partition(_MARK)
    return b"".join((before, f"<MCCQT>{view.authority_code}</MCCQT>".encode(), _MARK, after))
