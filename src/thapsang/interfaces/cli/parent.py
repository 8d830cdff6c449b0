"""A child process that does not outlive the one that started it, however that one ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal

PARENT = "THAPSANG_PARENT"
"""Environment: the number of the process to end with."""
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, prctl(2)


def end_with_parent() -> None:
    """Have the kernel send us SIGTERM when the parent named in the environment is gone, killed with -9 as well.

    Does nothing without that name, and where there is no prctl (Linux has it).
    """
    parent = os.environ.pop(PARENT, "")
    if not parent:
        return
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):  # it was gone before we asked
        os.kill(os.getpid(), signal.SIGTERM)
