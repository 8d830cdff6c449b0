"""Write what documents can be written from the code: docs/cli.md and docs/api/openapi.yaml."""

from __future__ import annotations

import os
import re
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thapsang.config.settings")
ROOT = Path(__file__).resolve().parents[1]


def command_line() -> str:
    """Return the reference of all commands as Markdown."""
    import click
    import typer
    from typer.cli import get_docs_for_click

    from thapsang.interfaces.cli import main

    main.attach()
    command = typer.main.get_command(main.app)
    text = get_docs_for_click(obj=command, ctx=click.Context(command, info_name="thapsang"), name="thapsang")
    return re.sub(r"\n{3,}", "\n\n", text)


def main() -> None:
    """Write both documents."""
    import django

    django.setup()
    (ROOT / "docs" / "cli.md").write_text(command_line())
    from thapsang.interfaces.cli.payments import openapi_yaml

    (ROOT / "docs" / "api" / "openapi.yaml").write_text(openapi_yaml())


if __name__ == "__main__":
    main()
