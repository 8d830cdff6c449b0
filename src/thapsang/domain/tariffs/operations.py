"""Keeping the exact policy a bill was rated with."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from thapsang.domain.tariffs.models import PolicyVersion
from thapsang.domain.tariffs.types import FORMAT
from thapsang.engines.rating import TariffBook
from thapsang.kit.db.transactions import transaction_required


@transaction_required
def keep_version(book: TariffBook, at: datetime) -> int:
    """Keep a tariff book for ever and return its id; the same content gives the same id."""
    version, _ = PolicyVersion.objects.get_or_create(
        sha256=book.sha256,
        defaults={"distributor": book.distributor, "content": content_of(book), "first_used_at": at},
    )
    return version.pk


def content_of(book: TariffBook) -> dict[str, Any]:
    """Return what is kept of a book: the files, and the law they cite in words any later release can show."""
    references = [{**asdict(item), "date": item.date.isoformat()} for item in book.references]
    return {"format": FORMAT, "files": book.content, "references": references}
