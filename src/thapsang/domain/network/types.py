"""What other apps and pages see of the network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AreaTeamView:
    """An area team; `doubt` says how sure its code or name is, empty when confirmed."""

    id: int
    code: str
    name: str
    doubt: str


@dataclass(frozen=True)
class CommuneView:
    """A commune or ward and the team that serves it."""

    id: int
    code: str
    name: str
    kind: str
    area_team_id: int
    area_team: str


@dataclass(frozen=True)
class BookView:
    """A reading book: its team, its day of the month."""

    id: int
    code: str
    area_team_id: int
    area_team: str
    reading_day: int
