"""Policy files from disk into plain JSON-able content, refusing what YAML lets slip."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from thapsang.engines.policies.errors import PolicyError

Content = dict[str, Any]
"""{file name relative to the policies folder: parsed content with dates as ISO text}."""


# libyaml reads ten times as fast; where PyYAML was built without it, its own loader reads the same.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_SafeLoader):  # type: ignore[misc]  # one of two classes, chosen at import
    """Safe loader that refuses a key given twice (YAML keeps the last one silently)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"duplicate key {key!r}", key_node.start_mark
                )
            seen.add(key)
        made: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return made


def read_folder(folder: Path, what: str) -> Content:
    """Return the content of every `*.yaml` of a folder, keyed by its last three parts.

    A tariffs folder gives `<distributor>/tariffs/<file>`; `what` names the kind of file in the message.

    Raises PolicyError when the folder is missing or empty, or a file is not readable YAML.
    """
    files = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    if not files:
        raise PolicyError(
            str(folder),
            "",
            f"there is no {what} file here.",
            "Put the distributor's *.yaml files in this folder.",
        )
    return {_name(path): _read(path) for path in files}


def read_text(name: str, text: str) -> Any:
    """Return the content of one file given as text under this name; raises PolicyError as `read_folder` does."""
    return _loaded(name, lambda: text)


def _name(path: Path) -> str:
    return "/".join(path.absolute().parts[-3:])


def _read(path: Path) -> Any:
    return _loaded(_name(path), lambda: path.read_text(encoding="utf-8"))


def _loaded(name: str, text: Callable[[], str]) -> Any:
    try:
        loaded = yaml.load(text(), Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the text"
        raise PolicyError(name, where, f"{error.problem}.", _yaml_remedy(str(error.problem))) from error
    except (UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
        raise PolicyError(name, "the text", f"{error}.", "Save it as UTF-8 YAML with real dates.") from error
    return _plain(loaded)


def _yaml_remedy(problem: str) -> str:
    return "Keep one of the two." if problem.startswith("duplicate key") else "Mend the YAML at that place."


def _plain(value: Any) -> Any:
    """Turn dates into ISO text and keys into text, so that content survives JSON unchanged."""
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def fingerprint(content: Content) -> str:
    """Return the SHA-256 of content in canonical JSON: the same rules give the same hash anywhere."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
