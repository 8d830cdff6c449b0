"""The house's rules that import-linter cannot see."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import ForeignKey

from thapsang.kit.db.place import ROOT

SOURCE = ROOT / "src" / "thapsang"
MODULES = sorted(p for p in SOURCE.rglob("*.py") if "migrations" not in p.parts)
LONG_FUNCTIONS: dict[str, str] = {}
"""Functions over 60 lines and the reason why: `path:name` → reason."""


def _domain_rank() -> dict[str, int]:
    """The row of each domain app in the import contract, the top row highest."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rows = next(c for c in contracts if c["id"] == "domain")["layers"]
    return {name: len(rows) - i for i, row in enumerate(rows) for name in re.findall(r"\w+", row)}


def _foreign_keys() -> Iterator[tuple[str, str, str]]:
    for model in apps.get_models():
        if model.__module__.startswith("thapsang."):
            for field in model._meta.get_fields():
                if isinstance(field, ForeignKey):
                    yield (
                        model._meta.app_label,
                        field.related_model._meta.app_label,
                        f"{model.__name__}.{field.name}",
                    )


def test_foreign_keys_point_down_the_house() -> None:
    rank = _domain_rank()
    wrong = [
        f"{name}: {source} → {target}"
        for source, target, name in _foreign_keys()
        if source != target and source in rank and rank.get(target, 0) >= rank[source]
    ]
    assert wrong == []


def test_kit_has_no_foreign_key_into_the_domain() -> None:
    rank = _domain_rank()
    assert [name for source, target, name in _foreign_keys() if source not in rank and target in rank] == []


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_function_is_longer_than_sixty_lines() -> None:
    long = []
    for path in MODULES:
        for node in _functions(path):
            name = f"{path.relative_to(SOURCE)}:{node.name}"
            if (node.end_lineno or 0) - node.lineno + 1 > 60 and name not in LONG_FUNCTIONS:
                long.append(name)
    assert long == []


def test_the_median_function_is_short() -> None:
    lengths = sorted((n.end_lineno or 0) - n.lineno + 1 for p in MODULES for n in _functions(p))
    assert lengths[len(lengths) // 2] <= 12


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    assert [str(p.relative_to(SOURCE)) for p in MODULES if p.read_text().count("\n") > 400] == []


def test_no_drawers() -> None:
    drawers = {"utils.py", "helpers.py", "common.py", "misc.py", "signals.py"}
    assert [str(p) for p in MODULES if p.name in drawers] == []


def test_migrations_are_named_by_hand() -> None:
    automatic = re.compile(r"\d{4}_(auto|alter|remove|initial|rename|add_field)")
    assert [str(p) for p in SOURCE.rglob("migrations/0*.py") if automatic.match(p.name)] == []


def _clock_calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            if called in {
                "timezone.now",
                "datetime.now",
                "date.today",
                "datetime.today",
                "time.time",
                "datetime.date.today",
            }:
                yield f"{path.relative_to(SOURCE)}:{node.lineno} {called}"


def test_the_domain_and_the_engines_are_told_the_time() -> None:
    rooms = (SOURCE / "domain", SOURCE / "engines")
    assert [c for p in MODULES if any(r in p.parents for r in rooms) for c in _clock_calls(p)] == []


def test_money_is_never_a_float_column() -> None:
    floats = [
        f"{m.__name__}.{f.name}"
        for m in apps.get_models()
        if m.__module__.startswith("thapsang.")
        for f in m._meta.get_fields()
        if getattr(f, "get_internal_type", lambda: "")() in {"FloatField", "DecimalField"}
    ]
    assert floats == []


@pytest.mark.parametrize("room", ["domain", "kit", "interfaces", "journeys", "adapters"])
def test_no_signal_carries_business(room: str) -> None:
    found = [str(p) for p in (SOURCE / room).rglob("*.py") if "@receiver" in p.read_text()]
    assert found == []
