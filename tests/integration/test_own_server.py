"""DATABASE_URL: the whole way on a server of one's own, over TCP with a password, on PostgreSQL 16."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from thapsang.kit.db import embedded

PASSWORD = "p@ss/word 1"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def own_server() -> Iterator[str]:
    """A PostgreSQL 16 that asks for a password; yields its DATABASE_URL."""
    binaries = embedded.programs().parent.parent / "pginstall" / "bin"
    user = embedded._server_user()
    run_as = embedded._run_as(user)
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="own-server-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "password").write_text(PASSWORD)
        if user:
            os.chown(folder, user.pw_uid, user.pw_gid)
        (folder / "password").chmod(0o644)
        subprocess.run(
            [binaries / "initdb", "-D", folder / "data", "--encoding=UTF8", "--locale=C.UTF-8", "--username=owner",
             "--auth=scram-sha-256", f"--pwfile={folder / 'password'}"],
            check=True, capture_output=True, cwd="/", **run_as,
        )  # fmt: skip
        server = subprocess.Popen(
            [binaries / "postgres", "-D", folder / "data", "-h", "127.0.0.1", "-p", str(port), "-k", str(folder)],
            cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **run_as,
        )  # fmt: skip
        try:
            _create_database(port)
            yield f"postgresql://owner:p%40ss%2Fword%201@127.0.0.1:{port}/elsewhere"
        finally:
            server.terminate()
            server.wait(30)


def _create_database(port: int) -> None:
    for _ in range(100):
        try:
            with psycopg.connect(
                host="127.0.0.1",
                port=port,
                user="owner",
                password=PASSWORD,
                dbname="postgres",
                autocommit=True,
            ) as connection:
                connection.execute("CREATE DATABASE elsewhere")
                return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


def _thapsang(url: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "thapsang.interfaces.cli.main", *words],
        env={**os.environ, "DATABASE_URL": url}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_the_whole_way_on_a_server_of_ones_own(own_server: str) -> None:
    _thapsang(own_server, "migrate")
    _thapsang(own_server, "demo", "load", "--customers", "600")
    _thapsang(own_server, "bills", "run", "--period", "2026-10", "--json")
    _thapsang(own_server, "bills", "check", "--period", "2026-10")
    findings = json.loads(_thapsang(own_server, "doctor", "--json"))
    assert {f["name"]: f["ok"] for f in findings}["PostgreSQL"]
