"""What a worker must know, as it travels to another process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class Job:
    """One start as its workers see it. `url` may hold a password: it travels by pipe only. Keys do not travel."""

    url: str
    batch_id: int
    series_id: int
    period: date
    issued_on: date
    at: datetime
    group_books: int

    def to_json(self) -> str:
        """Return the job as JSON text."""
        return json.dumps(asdict(self), default=lambda value: value.isoformat())

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Read a job back from JSON text."""
        plain = json.loads(text)
        days = {name: date.fromisoformat(plain[name]) for name in ("period", "issued_on")}
        return cls(**{**plain, **days, "at": datetime.fromisoformat(plain["at"])})
