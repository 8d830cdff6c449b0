"""Child processes of `thapsang demo run`: started together, watched, and all stopped together."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from thapsang.interfaces.cli.parent import PARENT


class PortTakenError(RuntimeError):
    """Another program listens on a port we need; the message says how to choose another."""


def refuse_taken_port(port: int, *, option: str) -> None:
    """Raise PortTakenError if something listens on `port` of this machine."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise PortTakenError(
                f"Port {port} is taken by another program. Stop it, "
                f"or choose another port: make demo {option}={port + 10}"
            )


@dataclass
class Children:
    """The processes under one roof; leaving the block stops them in reverse order, and killing us ends them too."""

    logs: Path
    _running: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)

    def __enter__(self) -> Children:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *failure: object) -> None:
        for _, process in reversed(self._running):
            _stop(process)

    def start(self, name: str, *words: str, environment: dict[str, str] | None = None) -> None:
        """Start `thapsang <words>` with its output in a log file of its name."""
        with (self.logs / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "thapsang.interfaces.cli.main", *words],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, PARENT: str(os.getpid()), **(environment or {})},
            )  # fmt: skip
        self._running.append((name, process))

    def ended(self) -> str | None:
        """Return the name of a process that ended by itself, if any did."""
        return next((name for name, process in self._running if process.poll() is not None), None)

    def log_end(self, name: str, lines: int = 15) -> str:
        """Return the last lines of a process's log."""
        return "\n".join((self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-lines:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and everything it started: first politely, after ten seconds by force."""
    with contextlib.suppress(psutil.NoSuchProcess):
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        with contextlib.suppress(psutil.NoSuchProcess):
            family[0].send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=10)
        for one in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(alive, timeout=5)
    process.poll()


def wait_for_page(url: str, children: Children, *, seconds: int = 60) -> None:
    """Wait until `url` answers 200. Raises RuntimeError when a process dies first, or at the limit."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if name := children.ended():
            raise RuntimeError(f"{name} ended. The end of its log:\n{children.log_end(name)}")
        if _answers(url):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{url} did not answer within {seconds} seconds.")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
