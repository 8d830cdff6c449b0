"""The pages' own files (styles, fonts, icons), collected, compressed and named by their content."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders


class PageFilesError(RuntimeError):
    """The files could not be collected; the message says where to."""


def collect() -> None:
    """Collect the files into `STATIC_ROOT` unless they lie there as they are now. Raises PageFilesError."""
    mark, files = Path(settings.STATIC_ROOT) / ".collected", _mark_of_files()
    if mark.exists() and mark.read_text() == files:
        return
    _collect()
    mark.write_text(files)


def _mark_of_files() -> str:
    """Return a mark that changes with any static file: collecting is for when one did."""
    found = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list(None):
            status = Path(storage.path(name)).stat()
            found.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return found.hexdigest()


def _collect() -> None:
    """Collect and compress in a process of its own that has the manifest switched on."""
    words = [sys.executable, "-m", "django", "collectstatic", "--no-input", "--verbosity=0"]
    done = subprocess.run(
        words, env={**os.environ, "THAPSANG_MANIFEST": "1"}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PageFilesError(
            f"The pages' files could not be collected into {settings.STATIC_ROOT} (THAPSANG_STATIC names "
            f"another folder): {done.stderr.strip().splitlines()[-1]}"
        )
