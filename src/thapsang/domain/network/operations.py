"""Writing the network: area teams, communes, reading books."""

from __future__ import annotations

from thapsang.domain.network.models import AreaTeam, Commune, ReadingBook
from thapsang.kit.db.transactions import transaction_required


@transaction_required
def create_area_team(*, code: str, name: str, doubt: str = "") -> int:
    """Create an area team under its 6-character unit code; return its number."""
    return AreaTeam.objects.create(code=code, name=name, doubt=doubt).pk


@transaction_required
def create_commune(*, code: str, name: str, kind: str, area_team_id: int) -> int:
    """Create a commune (`xa`) or ward (`phuong`) by the statistics office's code; return its number."""
    return Commune.objects.create(code=code, name=name, kind=kind, area_team_id=area_team_id).pk


@transaction_required
def create_book(*, code: str, area_team_id: int, reading_day: int = 1) -> int:
    """Create a reading book; readings count at 00:00 of `reading_day`; return its number."""
    return ReadingBook.objects.create(code=code, area_team_id=area_team_id, reading_day=reading_day).pk
