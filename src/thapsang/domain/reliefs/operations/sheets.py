"""Lists as authorities send them: the rows of a CSV file or of the first sheet of an XLSX workbook, as text."""

from __future__ import annotations

import csv
import io

from thapsang.domain.reliefs.operations.workbooks import SAVE_AS, workbook_rows
from thapsang.domain.reliefs.types import EvidenceError


def rows_of(content: bytes) -> list[list[str]]:
    """Return the rows of a CSV (UTF-8 or UTF-16; comma, semicolon or tab) or XLSX file, cells stripped.

    Raises EvidenceError saying what is wrong with the file and what to do.
    """
    if not content:
        raise EvidenceError("Tệp rỗng (0 byte). Xin tệp khác rồi nạp lại.")
    return workbook_rows(content) if content.startswith(b"PK") else _csv(content)


def _csv(content: bytes) -> list[list[str]]:
    coding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = content.decode(coding)
    except UnicodeDecodeError as error:
        raise EvidenceError(f"Tệp không phải UTF-8 (byte {error.start}). {SAVE_AS}") from error
    head = text[:10_000]
    delimiter = max(";,\t", key=head.count)
    # The database takes no NUL in a text; a quotation mark that is not closed would swallow the rows below.
    reader = csv.reader(io.StringIO(text.replace("\0", "\ufffd")), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    try:
        rows.extend([cell.strip() for cell in row] for row in reader)
    except csv.Error as error:
        raise EvidenceError(
            f'Dấu ngoặc kép (") không khép ở dòng {len(rows) + 1}: sửa dòng đó rồi nạp lại.'
        ) from error
    return rows
