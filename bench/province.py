"""A demonstration province in a database of its own, for the benchmarks that need one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

import psycopg
from django.core.management import call_command
from django.db import connection

from thapsang.kit.bulk.copy import url
from thapsang.kit.db.embedded import running
from thapsang.kit.db.place import embedded_place, is_embedded

CUSTOMERS = int(os.environ.get("THAPSANG_BENCH_CUSTOMERS", "100000"))
AT = datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))


@contextmanager
def database(name: str) -> Iterator[None]:
    """Have an empty, migrated database of this name for the block; the server is started if it does not run."""
    if is_embedded():
        with running(embedded_place()):
            yield from _made(name)
    else:
        yield from _made(name)


def _made(name: str) -> Iterator[None]:
    home = url()
    with psycopg.connect(home, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        admin.execute(f'CREATE DATABASE "{name}"')
        connection.close()
        before, connection.settings_dict["NAME"] = connection.settings_dict["NAME"], name
        try:
            call_command("migrate", verbosity=0, interactive=False)
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = before
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
