"""Translations without gettext's programs: collect what is translatable, and compile the English catalogue.

`tools/messages.py missing` lists strings without English; `tools/messages.py compile` writes django.mo.
Vietnamese is the language of the source; the English in locale/en/LC_MESSAGES/django.po is written by hand.
"""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

SOURCE = Path(__file__).resolve().parents[1] / "src/thapsang"
FOLDERS = ("interfaces/portal", "interfaces/shared", "interfaces/console")
PO = SOURCE / "interfaces/shared/locale/en/LC_MESSAGES/django.po"
WAITING: tuple[str, ...] = ()
"""Pages of the console, by the beginning of their files' names, whose English is still to be written: none."""
KEYWORDS = {
    "gettext": None, "_": None, "gettext_lazy": None, "lazy": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2),
}  # fmt: skip
"""Functions whose first argument is translatable; `lazy` is what views with both call gettext_lazy."""


def collect(folders: tuple[str, ...] = FOLDERS) -> Catalog:
    """Return every translatable string of the pages and of the Python beside them, with its places."""
    found = Catalog(
        locale="en",
        project="Thắp Sáng",
        version="0.1",
        header_comment="# English of the pages. Written by hand; see tools/messages.py.",
        last_translator="the maintainers",
        language_team="English",
        msgid_bugs_address="see SECURITY.md and CONTRIBUTING.md",
        revision_date=datetime(2026, 11, 23, tzinfo=UTC),
        creation_date=datetime(2026, 11, 23, tzinfo=UTC),
        charset="utf-8",
        fuzzy=False,
    )
    for folder in folders:
        for path in sorted((SOURCE / folder).rglob("*")):
            if path.suffix not in {".html", ".py"}:
                continue
            text = path.read_text(encoding="utf-8")
            code = _flat(templatize(text)) if path.suffix == ".html" else text
            for line, function, messages, _ in extract_python(io.BytesIO(code.encode()), KEYWORDS, (), {}):
                if function in KEYWORDS and messages:
                    plural = function == "ngettext" and isinstance(messages, tuple)
                    first = messages[:2] if plural else messages if isinstance(messages, str) else messages[0]
                    if first:
                        found.add(first, locations=[(str(path.relative_to(SOURCE)), line)])
    return found


def _flat(code: str) -> str:
    """Take a template's indentation off: to Python it would be blocks that do not fit."""
    return "\n".join(line.lstrip() for line in code.splitlines())


def written() -> Catalog:
    """Return the English catalogue as written."""
    with PO.open("rb") as file:
        return read_po(file, locale="en")


def missing(folders: tuple[str, ...] = FOLDERS) -> list[str]:
    """Return translatable strings without English, but for those of pages that wait for it."""
    english = written()
    wanted = (m.id for m in collect(folders) if m.id and not all(_waits(path) for path, _ in m.locations))
    return [
        str(i) for i in wanted if i not in english or not english[i].string or "fuzzy" in english[i].flags
    ]


def _waits(path: str) -> bool:
    return path.startswith("interfaces/console/") and Path(path).name.startswith(WAITING)


def compile_catalogue() -> bytes:
    """Return the compiled English catalogue."""
    out = io.BytesIO()
    write_mo(out, written())
    return out.getvalue()


def renew() -> None:
    """Write the .po again in the order of the pages, keeping the English; add what is new without English."""
    english, fresh = written(), collect()
    for message in fresh:
        if message.id and message.id in english:
            message.string = english[message.id].string
    out = io.BytesIO()
    write_po(out, fresh, width=110, omit_header=False, sort_output=False, include_lineno=False)
    PO.write_bytes(out.getvalue())


if __name__ == "__main__":
    command = sys.argv[1] if len(sys.argv) > 1 else "compile"
    if command == "missing":
        print("\n".join(missing()))
    elif command == "renew":
        renew()
    else:
        PO.with_suffix(".mo").write_bytes(compile_catalogue())
