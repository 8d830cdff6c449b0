"""What the commands print alike: JSON for programs, a bar for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_BESIDE = Console(stderr=True)
WRONG, REFUSED, SOME_BACK = 1, 2, 3
"""Exit codes. 1: something was found wrong, or work failed on its way. 2: what was asked cannot be, and nothing was
changed (as for an option that does not exist). 3: done, but for rows that came back."""
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Limit = Annotated[int, typer.Option(min=1, help="At most this many.")]


def plain(value: DataclassInstance) -> dict[str, Any]:
    """Return a view as what JSON is made of."""
    return asdict(value)


def print_json(value: Any) -> None:
    """Print JSON on one line: moments in UTC, days and everything else as text."""
    print(json.dumps(value, ensure_ascii=False, default=text))


def text(value: Any) -> str:
    """Return a value JSON has no kind for as text: a moment in UTC, a day, a path."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)


@contextmanager
def steps_bar(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a bar while something goes on; yield what is told the steps done and the steps in all."""
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=_BESIDE, disable=quiet, transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task(what, total=None)
        yield lambda done, steps: bar.update(task, completed=done, total=steps)
