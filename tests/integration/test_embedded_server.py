"""The embedded server is the real thing, durable, and never left behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from django.db import IntegrityError, connection
from django.db.transaction import atomic

from thapsang.kit.db.embedded import EmbeddedServer, EmbeddedServerError
from thapsang.kit.db.place import embedded_place, is_embedded

STARTER = """
import sys, time
from thapsang.kit.db.embedded import EmbeddedServer
from thapsang.kit.db.place import embedded_place
print(EmbeddedServer(embedded_place(key=sys.argv[1]), small=True).start(), flush=True)
time.sleep(60)
"""


@pytest.mark.django_db
def test_it_is_postgresql_18_with_fsync_on() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
        assert cursor.fetchone() == ("on", "on")
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
        version = cursor.fetchone()
    assert version is not None
    assert version[0] == 18 if is_embedded() else version[0] >= 15


@pytest.mark.django_db
@pytest.mark.skipif(not is_embedded(), reason="a server of one's own logs as its owner wishes")
def test_a_refused_row_does_not_stand_in_the_servers_log() -> None:
    with pytest.raises(IntegrityError, match="twice"), atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE person (name text, CONSTRAINT twice UNIQUE (name))")
        cursor.execute("INSERT INTO person SELECT 'Nguyễn Thị Bí Mật ' || 7 FROM generate_series(1, 2)")
    log = (embedded_place().data.parent / "postgres.log").read_text(errors="replace")
    assert 'violates unique constraint "twice"' in log
    assert "Bí Mật 7" not in log


def test_a_server_whose_starter_was_killed_is_taken_over_and_stopped() -> None:
    key = f"takeover-{os.getpid()}"
    server = EmbeddedServer(embedded_place(key=key), small=True)
    try:
        starter = subprocess.Popen([sys.executable, "-c", STARTER, key], stdout=subprocess.PIPE)
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"True\n"
        starter.kill()
        starter.wait()
        assert server.answers()  # an orphan now
        assert server.start() is True
        pid = int((server.place.data / "postmaster.pid").read_text().split()[0])
        server.stop()
        time.sleep(0.1)
        assert not psutil.pid_exists(pid)
    finally:
        server.remove()


def test_a_second_starter_leaves_the_first_ones_server_alone() -> None:
    key = f"second-{os.getpid()}"
    first = EmbeddedServer(embedded_place(key=key), small=True)
    second = EmbeddedServer(embedded_place(key=key), small=True)
    try:
        assert first.start() is True
        assert second.start() is False
        second.stop()
        assert first.answers()
    finally:
        first.remove()


def test_nobody_else_reaches_the_socket_and_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    key = f"socket-{os.getpid()}"
    place = embedded_place(key=key)
    server = EmbeddedServer(place, small=True)
    try:
        place.socket.symlink_to(tmp_path)
        with pytest.raises(EmbeddedServerError, match="somebody else's: remove it"):
            server.start()
        assert list(tmp_path.iterdir()) == []
        place.socket.unlink()
        server.start()
        assert place.socket.stat().st_mode & 0o777 == 0o700
    finally:
        server.remove()
