"""`python -m thapsang.interfaces.worker [JOBS]`: the worker as a process of its own; `thapsang worker` becomes it."""

from __future__ import annotations

import os
import sys

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thapsang.config.settings")
    django.setup()
    from thapsang.interfaces.worker.main import run_worker

    run_worker(concurrency=int(sys.argv[1]) if len(sys.argv) > 1 else 2)
