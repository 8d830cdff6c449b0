"""`thapsang doctor`: is this installation sound, and if not, what to do."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import typer
from django.conf import settings
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from packaging.version import Version
from rich.console import Console
from rich.table import Table

from thapsang.domain.tariffs import queries as tariffs
from thapsang.engines.rating import PolicyError
from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import WRONG, AsJson, print_json
from thapsang.interfaces.cli.refusing import NO_ANSWER
from thapsang.journeys.watch_key import key_state
from thapsang.kit.db.place import ROOT

MINIMUM_SERVER = 16


@dataclass(frozen=True)
class Finding:
    """One thing looked at: sound or not, what was seen, what to do."""

    name: str
    ok: bool
    seen: str
    remedy: str = ""


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info >= (3, 11), version, "Install Python 3.11 or newer.")


def _packages() -> Finding:
    lock = ROOT / "requirements" / "lock.txt"
    pinned = dict(re.findall(r"^([a-z0-9_.-]+)==(\S+)", lock.read_text(), re.M)) if lock.exists() else {}
    wrong = [name for name, version in pinned.items() if _installed(name) != Version(version)]
    return Finding(
        "packages",
        not wrong,
        f"{len(pinned)} pinned, {len(wrong)} differ {wrong[:5] or ''}",
        "Run `make install`.",
    )


def _installed(name: str) -> Version | None:
    try:
        return Version(metadata.version(name))
    except metadata.PackageNotFoundError:
        return None


def _server() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000"
        )
        text, major = cursor.fetchone() or ("?", 0)
    return Finding(
        "PostgreSQL",
        major >= MINIMUM_SERVER,
        text,
        f"Use PostgreSQL {MINIMUM_SERVER} or newer (18 is embedded).",
    )


def _durability() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting(s) FROM unnest(ARRAY['fsync','synchronous_commit','full_page_writes']) s"
        )
        values = [value for (value,) in cursor.fetchall()]
    return Finding(
        "durability", all(v in {"on", "remote_apply", "remote_write"} for v in values), ", ".join(values),
        "Switch fsync, synchronous_commit and full_page_writes on in the server's settings.",
    )  # fmt: skip


def _migrations() -> Finding:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return Finding("tables", not waiting, f"{len(waiting)} migrations wait", "Run `thapsang migrate`.")


def _encoding() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_encoding')")
        (encoding,) = cursor.fetchone() or ("?",)
    return Finding("encoding", encoding == "UTF8", encoding, "Create the database with ENCODING 'UTF8'.")


def _policies() -> Finding:
    try:
        book = tariffs.current_book()
    except PolicyError as problem:
        return Finding(
            "policies", False, str(problem), "Mend the file named; `thapsang policy check` looks again."
        )
    return Finding("policies", True, f"{settings.DISTRIBUTOR} {book.sha256[:12]}")


def _signing_key() -> Finding:
    state = key_state(at=timezone.now())
    if state.problem:
        return Finding("signing key", False, state.problem, "See docs/operations/invoices.md.")
    seen = f"{state.subject}: {state.days_left} days left"
    return Finding("signing key", state.notice is None, seen, "Renew the certificate with its provider now.")


def _mail() -> Finding:
    named, own = settings.EMAIL, not settings.EMAIL["sender"].endswith(".invalid")
    safe = named["security"] in {"tls", "starttls"} or named["host"] in {"127.0.0.1", "localhost", "::1"}
    known = named["security"] in {"none", "tls", "starttls"}
    password = not named["user"] or Path(named["password_file"] or "/nowhere").is_file()
    return Finding(
        "e-mail",
        known and safe and password and (own or not settings.PRODUCTION),
        f"{named['host']}:{named['port']}, {named['security']}, from {named['sender']}",
        "Set THAPSANG_EMAIL_HOST, THAPSANG_EMAIL_SENDER, THAPSANG_EMAIL_SECURITY (tls or starttls), and with "
        "THAPSANG_EMAIL_USER the file THAPSANG_EMAIL_PASSWORD_FILE.",
    )


def _files() -> Finding:
    folder = settings.FILES
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free // 2**30
    return Finding(
        "files",
        os.access(folder, os.W_OK) and free >= 2,
        f"{free} GiB free",
        "Free space, or set THAPSANG_FILES.",
    )


def _secrets() -> Finding:
    own = settings.SECRET_KEY != settings.DEFAULT_SECRET and settings.DATA_KEYS != settings.DEFAULT_DATA_KEYS
    seen = "own" if own else f"the public defaults ({settings.ENV})"
    return Finding(
        "secrets",
        own or not settings.PRODUCTION,
        seen,
        "Set THAPSANG_SECRET_KEY, THAPSANG_DATA_KEYS, THAPSANG_INDEX_KEY.",
    )


def _addresses() -> Finding:
    hosts, public = [host for host in settings.ALLOWED_HOSTS if host], settings.PUBLIC_URL
    sound = bool(hosts) and public.startswith("https://")
    return Finding(
        "addresses",
        sound or not settings.PRODUCTION,
        f"{public}, hosts {', '.join(hosts) or 'none'}",
        "Set THAPSANG_HOSTS to the host names that are served, THAPSANG_PUBLIC_URL to the portal's https address.",
    )


CHECKS: list[Callable[[], Finding]] = [
    _python, _packages, _server, _durability, _encoding, _migrations, _policies, _files, _secrets, _signing_key,
    _mail, _addresses,
]  # fmt: skip


def findings() -> Iterator[Finding]:
    """Look at each thing in turn; a look that fails is a finding as well."""
    for check in CHECKS:
        try:
            yield check()
        except (OSError, DatabaseError) as problem:
            remedy = NO_ANSWER if isinstance(problem, OperationalError) else "See the message."
            yield Finding(check.__name__.strip("_"), False, str(problem).splitlines()[0], remedy)


def doctor(as_json: AsJson = False) -> None:
    """Check the installation and say what is wrong and how to mend it. Exit 1 when something is."""
    with database():
        found = list(findings())
    if as_json:
        print_json([asdict(f) for f in found])
    else:
        table = Table("", "what", "seen", "what to do", box=None)
        for one in found:
            table.add_row(
                "[green]ok[/]" if one.ok else "[red]✗[/]", one.name, one.seen, "" if one.ok else one.remedy
            )
        Console().print(table)
    raise typer.Exit(0 if all(f.ok for f in found) else WRONG)
