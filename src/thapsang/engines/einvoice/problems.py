"""How something wrong in a file is told."""

from __future__ import annotations

from dataclasses import dataclass

from thapsang.engines.einvoice.tree import Node


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file. `severity` is error or warning; `line` is the line of the file, 0 for the whole."""

    element: str
    problem: str
    remedy: str
    severity: str = "error"
    code: str = "schema"
    line: int = 0


def path_of(node: Node) -> str:
    """Return the path of an element, with a number where siblings share its name."""
    steps = []
    at: Node | None = node
    while at is not None:
        same = at.parent.elements(at.local) if at.parent else [at]
        steps.append(at.name if len(same) == 1 else f"{at.name}[{same.index(at) + 1}]")
        at = at.parent
    return "/".join(reversed(steps))
