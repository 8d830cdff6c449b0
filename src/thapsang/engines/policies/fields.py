"""Reading one value of a policy file strictly, knowing where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, NoReturn

from thapsang.engines.policies.errors import PolicyError


@dataclass(frozen=True)
class Field:
    """A value of a policy file with its file and key path."""

    file: str
    key: str
    value: Any

    def fail(self, problem: str, remedy: str) -> NoReturn:
        """Raise PolicyError for this value."""
        raise PolicyError(self.file, self.key, problem, remedy)

    def child(self, name: str | int, value: Any) -> Field:
        """Return the value under a key or an index of this one."""
        part = f"[{name}]" if isinstance(name, int) else f".{name}" if self.key else name
        return Field(self.file, f"{self.key}{part}", value)

    def mapping(self, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Field]:
        """Return the named fields; an unknown or a missing key is refused."""
        if not isinstance(self.value, dict):
            self.fail(f"{self.value!r} is not a mapping.", f"Write it with the keys {', '.join(required)}.")
        known = (*required, *optional)
        for name in self.value:
            if name not in known:
                self.child(name, None).fail("unknown key.", f"Remove it or use one of: {', '.join(known)}.")
        for name in required:
            if self.value.get(name) is None:
                self.child(name, None).fail("missing.", f"Add `{name}:` here; it is required.")
        return {name: self.child(name, item) for name, item in self.value.items() if item is not None}

    def entries(self) -> Iterator[tuple[str, Field]]:
        """Yield (key, field) of a mapping with free keys; an empty one is refused."""
        if not isinstance(self.value, dict) or not self.value:
            self.fail("this is not a mapping with at least one entry.", "Write `name: value` lines under it.")
        yield from ((name, self.child(name, item)) for name, item in self.value.items())

    def items(self) -> list[Field]:
        """Return the fields of a non-empty list."""
        if not isinstance(self.value, list) or not self.value:
            self.fail("this is not a list with at least one entry.", "Write it as a YAML list.")
        return [self.child(index, item) for index, item in enumerate(self.value)]

    def text(self) -> str:
        """Return a non-empty text."""
        if not isinstance(self.value, str) or not self.value.strip():
            self.fail(f"{self.value!r} is not a text.", "Write a text; quote it when it looks like a number.")
        return self.value.strip()

    def choice(self, options: tuple[str, ...]) -> str:
        """Return one of the options."""
        if self.value not in options:
            self.fail(f"{self.value!r} is not known.", f"Use one of: {', '.join(options)}.")
        return str(self.value)

    def integer(self, low: int, high: int, what: str) -> int:
        """Return a whole number in [low, high]; `what` names it in the message."""
        if not isinstance(self.value, int) or isinstance(self.value, bool) or not low <= self.value <= high:
            self.fail(f"{self.value!r} is not {what}.", f"Write a whole number from {low} to {high}.")
        return self.value

    def boolean(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            self.fail(f"{self.value!r} is neither true nor false.", "Write true or false.")
        return self.value

    def day(self) -> date:
        """Return a date written YYYY-MM-DD."""
        try:
            return date.fromisoformat(self.value)
        except (TypeError, ValueError):
            self.fail(f"{self.value!r} is not a date.", "Write it as YYYY-MM-DD, a day that exists.")
