"""Keeping the exact policy a bill was rated with."""

from __future__ import annotations

from datetime import datetime

from thapsang.domain.tariffs.models import PolicyVersion
from thapsang.engines.rating import TariffBook
from thapsang.kit.db.transactions import transaction_required


@transaction_required
def keep_version(book: TariffBook, at: datetime) -> int:
    """Keep a tariff book for ever and return its id; the same content gives the same id."""
    version, _ = PolicyVersion.objects.get_or_create(
        sha256=book.sha256,
        defaults={"distributor": book.distributor, "content": book.content, "first_used_at": at},
    )
    return version.pk
