"""Reads of notifications: texts of messages."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import yaml
from django.conf import settings

from thapsang.domain.notifications.types import UnknownTemplateError


@lru_cache(maxsize=4)
def _texts(file: Path) -> dict[str, dict[str, str]]:
    texts: dict[str, dict[str, str]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return texts


def sms_text(*, template: str, language: str, **values: str) -> str:
    """Return the text of a short message from the distributor's policy, in `language` or else Vietnamese.

    Raises UnknownTemplateError naming the template and the file to add it to.
    """
    file = Path(settings.POLICIES) / settings.DISTRIBUTOR / "templates" / "sms.yaml"
    texts = _texts(file).get(template)
    if not texts:
        raise UnknownTemplateError(f"No text '{template}' in {file.name}: add it there.")
    return texts.get(language, texts["vi"]).format(**values)
