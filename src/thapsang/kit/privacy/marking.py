"""Marking of personal data: every field that holds text, bytes or JSON is classed on its model.

A model says `privacy = Privacy(basic=("name",), sensitive=("id_number_cipher",), none=("code",))`.
An architecture test walks all models of ours and fails on a field that is in no class or in two.
Law 91/2025/QH15 and ND 356/2025: "basic" and "sensitive" personal data.

An encrypted column (its name ends in `_cipher`) also states the purpose it is encrypted under, so that
key rotation finds every one of them: `encrypted={"phone_cipher": "phone"}`, or, when another column of
the row decides, `encrypted={"value_cipher": PurposeBy("kind")}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PurposeBy:
    """The purpose is what another column says; `purposes` translates its values where they differ."""

    column: str
    purposes: Mapping[str, str] = field(default_factory=dict)

    def of(self, value: str) -> str:
        """Return the purpose for a value of the deciding column."""
        return self.purposes.get(value, value)


@dataclass(frozen=True)
class Privacy:
    """The class of each text-like field of a model, and the purpose of each encrypted one."""

    basic: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    encrypted: Mapping[str, str | PurposeBy] = field(default_factory=dict)
