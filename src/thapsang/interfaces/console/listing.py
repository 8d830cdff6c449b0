"""Lists as files: every list exports what it shows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
PAGE = 50
EXPORT_MOST = 100_000


def wants_csv(request: HttpRequest) -> bool:
    """Tell whether the reader asked for the list as a file."""
    return request.GET.get("format") == "csv"


def csv_file(name: str, headers: Sequence[Any], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """Return a CSV file that a spreadsheet opens as it is: UTF-8 with its mark, `;`, no cell a formula."""
    sheet = io.StringIO()
    writer = csv.writer(sheet, delimiter=";", lineterminator="\r\n")
    writer.writerow([str(header) for header in headers])
    writer.writerows([_cell(value) for value in row] for row in rows)
    response = HttpResponse(sheet.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
    stamp = timezone.localtime().strftime("%Y%m%d-%H%M")
    response["Content-Disposition"] = f'attachment; filename="{name}-{stamp}.csv"'
    return response


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool | int):
        return value
    if isinstance(value, datetime):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S")
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
