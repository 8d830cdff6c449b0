"""Every command of `thapsang` explains itself, and every one that prints data prints it as JSON too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

from thapsang.interfaces.cli import main

FOLDER = Path(main.__file__).parent
WITHOUT_DATA = {"migrate", "serve", "worker", "twins", "demo run", "api schema"}
"""Commands that run until they are stopped, or whose only outcome is that they are done."""
JSON_HELP = "Print JSON instead of text."


def commands(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command below this one with its name in full."""
    for own, below in getattr(command, "commands", {}).items():
        whole = f"{name} {own}".strip()
        if hasattr(below, "commands"):
            assert (below.help or "").strip().endswith("."), f"{whole}: the group says nothing about itself"
            yield from commands(below, whole)
        else:
            yield whole, below


def everything() -> dict[str, click.Command]:
    """Return all commands by name."""
    main.attach()
    return dict(commands(typer.main.get_command(main.app)))


COMMANDS = everything()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_explains_itself_and_its_options(name: str) -> None:
    command = COMMANDS[name]
    first = (command.help or "").split("\n\n")[0].strip()
    assert first.endswith("."), f"{name}: its help is no sentence: {first!r}"
    assert len(first.split()) >= 5, f"{name}: {first!r} says too little"
    silent = [
        p.name for p in command.params if p.name != "help" and not (getattr(p, "help", "") or "").strip()
    ]
    assert silent == [], f"{name}: without a word of help: {silent}"


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - WITHOUT_DATA))
def test_a_command_that_prints_data_prints_json_too(name: str) -> None:
    found = [p for p in COMMANDS[name].params if "--json" in p.opts]
    assert [getattr(p, "help", "") for p in found] == [JSON_HELP], name


def test_commands_without_json_are_there() -> None:
    assert WITHOUT_DATA - COMMANDS.keys() == set()
    odd = [name for name in WITHOUT_DATA if any("--json" in p.opts for p in COMMANDS[name].params)]
    assert odd == []


def test_json_is_printed_in_one_place_and_exit_codes_have_names() -> None:
    for file in sorted(FOLDER.glob("*.py")):
        text = file.read_text(encoding="utf-8")
        if file.name != "printing.py":
            assert not re.search(r"(print|echo)\(\s*json\.dumps", text), (
                f"{file.name}: use printing.print_json"
            )
            assert '"--json"' not in text, f"{file.name}: use printing.AsJson"
        assert not re.search(r"Exit\(code=[1-9]|Exit\([1-9]", text), f"{file.name}: use the names in printing"
