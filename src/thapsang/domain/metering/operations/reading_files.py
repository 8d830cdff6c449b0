"""Open a file of readings and give its rows in chunks, as text: CSV (UTF-8, `;` `,` or tab) or Parquet.

A file of any size is read in bounded memory. What is wrong with the file as a whole raises FileRefusedError;
what is wrong with one line comes back with the chunk.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from thapsang.domain.metering.queries.refusals import told

REQUIRED = ("serial", "register", "read_on", "value")
OPTIONAL = ("quality", "purpose")
REJECTION = "rejection"
"""Column of a file given back: the number of the rejected row, so that a mended row settles it."""
GIVEN_BACK = ("row", "code", "reason", "remedy")
"""Columns we add to rejected rows; a mended file may keep them, they are not read."""
COLUMNS = (*REQUIRED, *OPTIONAL)
READ = (*COLUMNS, REJECTION)
CHUNK_ROWS = 300_000
_BLOCK_BYTES = 8 << 20
_HEADER_BYTES = 64 << 10
_NAME_LETTERS = 60
_NUL, _SHOWN_NUL = "\0", "\ufffd"
"""The database takes no NUL in a text: it is shown as a letter that no serial, date or number has."""


class FileRefusedError(ValueError):
    """The file as a whole cannot be read; `queries.refusals` has the words for `code` and `figures`."""

    def __init__(self, code: str, **figures: Any) -> None:
        super().__init__(code, figures)
        self.code, self.figures = code, figures

    def __str__(self) -> str:
        return told(self.code, self.figures, "en")


@dataclass
class Chunk:
    """Some rows of a file: `row` (1 = first below the header) and the columns as text."""

    rows: pl.DataFrame
    malformed: list[tuple[int, str]] = field(default_factory=list)
    """Lines with more or fewer fields than the header: their row number and text."""
    done: int = 0
    """Bytes of the file read so far."""


def channel_of(name: str, head: bytes) -> str:
    """Tell CSV from Parquet, by the content first and the name second."""
    return "parquet" if head.startswith(b"PAR1") or name.lower().endswith((".parquet", ".pq")) else "csv"


def chunks(path: Path, channel: str) -> Iterator[Chunk]:
    """Yield the file's rows. Raises FileRefusedError, at once or when a broken part is reached."""
    if path.stat().st_size == 0:
        raise FileRefusedError("file-empty")
    try:
        yield from (_parquet(path) if channel == "parquet" else _csv(path))
    except (pa.ArrowInvalid, OSError) as error:
        raise _broken(channel, error) from error


def _broken(channel: str, error: Exception) -> FileRefusedError:
    if channel == "parquet":
        return FileRefusedError("file-broken-parquet", detail=str(error))
    if "UTF8" in str(error) or "UTF-8" in str(error):
        return FileRefusedError("file-not-utf8")
    return FileRefusedError("file-broken-csv", detail=str(error))


def _check_header(given: list[str]) -> None:
    """Refuse a header that lacks a column or has one we do not know; name them and show the right one."""
    missing = [name for name in REQUIRED if name not in given]
    unexpected = [name for name in given if name not in (*READ, *GIVEN_BACK)]
    twice = sorted({name for name in given if given.count(name) > 1})
    if missing or unexpected or twice:
        raise FileRefusedError(
            "file-header", missing=missing, unexpected=unexpected, twice=twice, columns=",".join(COLUMNS)
        )


def _check_types(schema: pa.Schema) -> None:
    """Refuse a column of lists, structs or bytes: a reading is text, a number or a date."""
    simple = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_floating,
              pa.types.is_decimal, pa.types.is_date, pa.types.is_timestamp, pa.types.is_null)  # fmt: skip
    odd = [
        f"{field.name} ({field.type})"
        for field in schema
        if _name(field.name) in READ and not _is_simple(field.type, simple)
    ]
    if odd:
        raise FileRefusedError("file-column-kind", columns=", ".join(odd))


def _is_simple(kind: pa.DataType, simple: tuple[Callable[[pa.DataType], bool], ...]) -> bool:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(test(inner) for test in simple)


def _name(text: str) -> str:
    """Return a column's name; of what is no name (a file that is no CSV) only the beginning."""
    return text.strip().strip('"').strip().lower()[:_NAME_LETTERS].replace(_NUL, _SHOWN_NUL)


class _ClosedQuotes(io.RawIOBase):
    """A CSV whose lines each close the quotation marks they open.

    A mark that is not closed would take all lines up to the next one for a single value, and they would not be
    judged. In a line with an odd number of them they are given as the letters they are.
    """

    def __init__(self, source: BinaryIO, delimiter: str) -> None:
        self._source, self._delimiter, self._ready = source, delimiter.encode(), b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._ready:
            block = self._source.read(_BLOCK_BYTES)
            self._ready = self._closed(block + self._source.readline(_BLOCK_BYTES))
        end = len(self._ready) if size < 0 else size
        given, self._ready = self._ready[:end], self._ready[end:]
        return given

    def _closed(self, block: bytes) -> bytes:
        if b'"' not in block:
            return block
        lines = block.split(b"\n")
        return b"\n".join(self._letters(line) if line.count(b'"') % 2 else line for line in lines)

    def _letters(self, line: bytes) -> bytes:
        text = line.removesuffix(b"\r")
        parts = [
            b'"' + part.replace(b'"', b'""') + b'"' if b'"' in part else part
            for part in text.split(self._delimiter)
        ]
        return self._delimiter.join(parts) + line[len(text) :]


def _csv(path: Path) -> Iterator[Chunk]:
    delimiter, names = _csv_header(path)
    malformed: list[tuple[int, str]] = []

    def keep(line: Any) -> str:
        malformed.append((line.number - 1, line.text.replace(_NUL, _SHOWN_NUL)))
        return "skip"

    with path.open("rb") as source:
        reader = pa_csv.open_csv(
            _ClosedQuotes(source, delimiter),
            # One thread: only then does Arrow number the lines it cannot split.
            read_options=pa_csv.ReadOptions(
                use_threads=False, block_size=_BLOCK_BYTES, column_names=names, skip_rows=1
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter, invalid_row_handler=keep, newlines_in_values=False
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
        yield from _gather(reader, malformed)


def _gather(batches: Iterator[pa.RecordBatch], malformed: list[tuple[int, str]]) -> Iterator[Chunk]:
    """Put small batches together to chunks, numbering the rows; malformed lines keep their places."""
    waiting: list[pl.DataFrame] = []
    count, last, done = 0, 0, 0
    for batch in batches:
        rows = _text_columns(pl.DataFrame(batch))
        waiting.append(rows)
        count += rows.height
        done += _bytes(rows)
        if count >= CHUNK_ROWS:
            chunk = _numbered(waiting, malformed, last)
            chunk.done = done
            last = _last_row(chunk, last)
            waiting, count = [], 0
            yield chunk
    if waiting or malformed:
        yield _numbered(waiting, malformed, last)


def _bytes(rows: pl.DataFrame) -> int:
    """Return about how many bytes of the file these rows were (Arrow reads ahead: the file's place is of no use)."""
    return int(rows.select(pl.sum_horizontal(pl.all().str.len_bytes().sum()))[0, 0]) + rows.height * len(
        REQUIRED
    )


def _last_row(chunk: Chunk, before: int) -> int:
    return max(before, *(row for row, _ in chunk.malformed), *(int(row) for row in chunk.rows["row"].tail(1)))


def _numbered(parts: list[pl.DataFrame], malformed: list[tuple[int, str]], before: int) -> Chunk:
    rows = pl.concat(parts) if parts else pl.DataFrame(schema=dict.fromkeys(READ, pl.String))
    # Arrow reads ahead: a malformed line that belongs to a later chunk waits for it.
    end, bad = before + rows.height, []
    for number, text in sorted(malformed):
        if number <= end + 1:
            bad.append((number, text))
            end += 1
    malformed[:] = [line for line in malformed if line not in bad]
    taken = {number for number, _ in bad}
    numbers = (
        [n for n in range(before + 1, end + 1) if n not in taken] if taken else range(before + 1, end + 1)
    )
    numbered = rows.with_columns(row=pl.Series(numbers, dtype=pl.Int64))
    return Chunk(numbered, bad)


def _text_columns(rows: pl.DataFrame) -> pl.DataFrame:
    """Give the file's columns as stripped text, empty for null; add those left out."""
    text = []
    for name in READ:
        if name not in rows.columns:
            text.append(pl.lit("").alias(name))
            continue
        column = pl.col(name)
        if isinstance(rows.schema[name], pl.Datetime):
            column = column.dt.date()
        column = column.cast(pl.String).fill_null("").str.replace_all(_NUL, _SHOWN_NUL, literal=True)
        text.append(column.str.strip_chars().alias(name))
    return rows.select(text)


def _csv_header(path: Path) -> tuple[str, list[str]]:
    with path.open("rb") as source:
        head = source.read(_HEADER_BYTES)
    try:
        line = head.split(b"\n", 1)[0].decode("utf-8-sig").rstrip("\r")
    except UnicodeDecodeError as error:
        raise FileRefusedError("file-not-utf8") from error
    delimiter = max(";,\t", key=line.count)
    names = [_name(part) for part in line.split(delimiter)]
    _check_header(names)
    return delimiter, names


def _parquet(path: Path) -> Iterator[Chunk]:
    with pa_parquet.ParquetFile(path) as file:
        given = [_name(name) for name in file.schema_arrow.names]
        _check_header(given)
        _check_types(file.schema_arrow)
        size, total, before = path.stat().st_size, max(1, file.metadata.num_rows), 0
        wanted = [name for name in file.schema_arrow.names if _name(name) in READ]
        for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=wanted):
            frame = pl.DataFrame(batch).rename(_name)
            chunk = _numbered([_text_columns(frame)], [], before)
            before += frame.height
            chunk.done = size * before // total
            yield chunk
