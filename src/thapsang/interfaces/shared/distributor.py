"""The distributor's identity on pages and documents, from policies/<distributor>/templates/identity.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml
from django.conf import settings
from django.http import HttpRequest


@dataclass(frozen=True)
class Distributor:
    """Name, hotline and colours of the company whose front office this is."""

    name: str
    short_name: str
    sms_name: str
    hotline: str
    hotline_shown: str
    website: str
    night: str
    amber: str


@lru_cache(maxsize=4)
def _load(file: Path) -> Distributor:
    return Distributor(**yaml.safe_load(file.read_text(encoding="utf-8")))


def distributor() -> Distributor:
    """Return the identity of the installation's distributor."""
    return _load(Path(settings.POLICIES) / settings.DISTRIBUTOR / "templates" / "identity.yaml")


def context(request: HttpRequest) -> dict[str, object]:
    """Context processor: `distributor` in every template."""
    return {"distributor": distributor()}
