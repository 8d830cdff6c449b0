"""The real PostgreSQL every test runs against: one embedded server for the whole session."""

from __future__ import annotations

import os

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
