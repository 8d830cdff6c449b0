"""Reads of notifications: texts of messages, who speaks in them, and how many wait."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.db.models import Count

from thapsang.domain.notifications.models import Message
from thapsang.domain.notifications.types import UnknownTemplateError


@lru_cache(maxsize=8)
def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def _templates() -> Path:
    return Path(settings.POLICIES) / settings.DISTRIBUTOR / "templates"


def sms_text(*, template: str, language: str, **values: str) -> str:
    """Return the text of a short message from the distributor's policy, in `language` or else Vietnamese.

    Raises UnknownTemplateError naming the template and the file to add it to.
    """
    file = _templates() / "sms.yaml"
    texts = _read(file).get(template)
    if not texts:
        raise UnknownTemplateError(f"No text '{template}' in {file.name}: add it there.")
    text: str = texts.get(language, texts["vi"])
    return text.format(**values)


def speaker() -> dict[str, str]:
    """Return the distributor's name and hotline as short messages say them."""
    identity = _read(_templates() / "identity.yaml")
    return {"distributor": identity["sms_name"], "hotline": identity["hotline"]}


def message_counts() -> dict[str, int]:
    """Return how many messages there are by status (queued, sent, failed)."""
    return dict(Message.objects.values_list("status").annotate(Count("id")).order_by("status"))
