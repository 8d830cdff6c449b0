"""What a worker must know, as it travels to another process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from thapsang.journeys.run_billing.relief import Granting


@dataclass(frozen=True)
class Job:
    """One start of a run as its workers see it. `url` may hold a password: it travels by pipe only."""

    url: str
    run_id: int
    period: date
    at: datetime
    issued_on: date
    due_on: date
    group_books: int
    workers: int
    revenue: int
    vat: int
    policy: dict[str, Any]
    """The content of the run's tariff policy: reading it from the files costs each process half a second."""
    relief: Granting | None = None
    """How its bills give reliefs; None when no programme counts."""

    def to_json(self) -> str:
        """Return the job as JSON text."""
        plain = {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in asdict(self).items()
        }
        return json.dumps(plain, default=date.isoformat)

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Read a job back from JSON text."""
        plain = json.loads(text)
        days = {name: date.fromisoformat(plain[name]) for name in ("period", "issued_on", "due_on")}
        if how := plain["relief"]:
            how = Granting(**{**how, "invoice_date": date.fromisoformat(how["invoice_date"])})
        return cls(**{**plain, **days, "at": datetime.fromisoformat(plain["at"]), "relief": how})
