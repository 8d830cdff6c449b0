"""Marking of personal data: every field that holds text, bytes or JSON is classed on its model.

A model says `privacy = Privacy(basic=("name",), sensitive=("id_number_cipher",), none=("code",))`.
An architecture test walks all models of ours and fails on a field that is in no class or in two.
Law 91/2025/QH15 and ND 356/2025: "basic" and "sensitive" personal data.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Privacy:
    """The class of each text-like field of a model."""

    basic: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
