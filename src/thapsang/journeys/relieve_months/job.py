"""What a worker of a batch must know, as it travels to another process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import date, datetime

from thapsang.domain.reliefs.types import GRANTING


@dataclass(frozen=True)
class Job:
    """One start of a batch's phase as its workers see it. `url` may hold a password: it travels by pipe only."""

    url: str
    batch_id: int
    phase: int
    version_id: int
    programmes: tuple[str, ...]
    at: datetime
    issued_on: date
    due_on: date
    group: int
    """Reading books of one month taken at a time."""
    revenue: int
    vat: int
    funding: dict[str, int] = field(default_factory=dict)
    """Account ids by programme, for those that another account than revenue bears."""

    @property
    def origin(self) -> str:
        """What the links of the bills name as their maker."""
        return f"relief:{self.batch_id}"

    def reference(self, period: date, book: str, sequence: int = 0) -> str:
        """Return the journal's reference: relief:<batch>:<yyyy-mm>:<book>, with :back when it is taken back.

        Final bills of a sequence have a journal of their own, with :final<sequence>.
        """
        final = f":final{sequence}" if sequence else ""
        back = "" if self.phase == GRANTING else ":back"
        return f"relief:{self.batch_id}:{period:%Y-%m}:{book}{final}{back}"

    def to_json(self) -> str:
        """Return the job as JSON text."""
        plain = {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in asdict(self).items()
        }
        return json.dumps(plain)

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Read a job back from JSON text."""
        plain = json.loads(text)
        days = {name: date.fromisoformat(plain[name]) for name in ("issued_on", "due_on")}
        at, programmes = datetime.fromisoformat(plain["at"]), tuple(plain["programmes"])
        return cls(**{**plain, **days, "at": at, "programmes": programmes})
