"""What a command says when the installation, not the command, is at fault: no database, no tables, a bad setting."""

from __future__ import annotations

import adbc_driver_manager as adbc
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, OperationalError

from thapsang.interfaces.cli.page_files import PageFilesError
from thapsang.kit.db.embedded import EmbeddedServerError

NO_ANSWER = (
    "Start that server, or mend DATABASE_URL (postgresql://user:password@host:port/database); "
    "without DATABASE_URL the embedded server is used."
)
"""What to do when no server answers."""
_NO_TABLES = frozenset({"42P01", "42703"})
"""SQLSTATE of a table and of a column that is not there."""


def told(error: BaseException) -> str | None:
    """Return what happened and what to do, or None for an error that is a fault of the program."""
    if isinstance(error, ImproperlyConfigured | EmbeddedServerError | PageFilesError):
        return str(error)
    if not isinstance(error, DatabaseError | adbc.Error):
        return None
    state = _sqlstate(error)
    if state in _NO_TABLES:
        return f"The database's tables are not there, or not up to date ({_first_line(error)}): run `thapsang migrate`."
    if isinstance(error, OperationalError | adbc.OperationalError) and not state:
        return f"The database does not answer: {_first_line(error)}. {NO_ANSWER}"
    return None


def _sqlstate(error: BaseException) -> str:
    """Return the server's code for the error; empty when no server spoke."""
    found = getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None)
    return str(found or "")


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].removeprefix("IO: [libpq] ").rstrip(".")
