"""Reading the network: area teams, communes, reading books. Nothing here writes."""

from __future__ import annotations

from thapsang.domain.network.models import AreaTeam, Commune, ReadingBook
from thapsang.domain.network.types import AreaTeamView, BookView, CommuneView


def area_teams() -> list[AreaTeamView]:
    """Return all area teams by name."""
    rows = AreaTeam.objects.order_by("name").values_list("id", "code", "name", "doubt")
    return [AreaTeamView(*row) for row in rows]


def communes(*, area_team_id: int | None = None) -> list[CommuneView]:
    """Return all communes and wards by name, or those one team serves."""
    rows = Commune.objects.order_by("name", "id")
    if area_team_id is not None:
        rows = rows.filter(area_team_id=area_team_id)
    columns = ("id", "code", "name", "kind", "area_team_id", "area_team__name")
    return [CommuneView(*row) for row in rows.values_list(*columns)]


def books(*, area_team_id: int | None = None, codes: list[str] | None = None) -> list[BookView]:
    """Return reading books by number: all, one team's, or those with these codes."""
    rows = ReadingBook.objects.order_by("id")
    if area_team_id is not None:
        rows = rows.filter(area_team_id=area_team_id)
    if codes is not None:
        rows = rows.filter(code__in=codes)
    columns = ("id", "code", "area_team_id", "area_team__name", "reading_day")
    return [BookView(*row) for row in rows.values_list(*columns)]
