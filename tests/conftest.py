"""The real PostgreSQL every test runs against: one embedded server for the whole session."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs in the test's own thread


def pytest_configure(config: pytest.Config) -> None:
    """Start the embedded server once, in the controller; workers of xdist find it running."""
    from thapsang.kit.db.embedded import EmbeddedServer
    from thapsang.kit.db.place import embedded_place, is_embedded

    if hasattr(config, "workerinput") or not is_embedded():
        return
    server = EmbeddedServer(embedded_place(), small=True)
    server.start()
    config.stash[_SERVER] = server


_SERVER: pytest.StashKey[object] = pytest.StashKey()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server this session started."""
    server = config.stash.get(_SERVER, None)
    if server is not None:
        server.stop()  # type: ignore[attr-defined]


@pytest.fixture(scope="session", autouse=True)
def _emptying_passes_append_only_triggers() -> Iterator[None]:
    """Let tests with real commits empty the tables afterwards, append-only ones included."""
    from django.db.backends.postgresql.operations import DatabaseOperations

    original = DatabaseOperations.execute_sql_flush

    def flush(self: DatabaseOperations, statements: list[str]) -> None:
        original(self, ["SET LOCAL session_replication_role = replica", *statements])

    DatabaseOperations.execute_sql_flush = flush  # type: ignore[method-assign]
    yield
    DatabaseOperations.execute_sql_flush = original  # type: ignore[method-assign]
