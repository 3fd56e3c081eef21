"""Mortality: a worker's process is the first to die when memory runs out, and does not outlive its gateway."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

_SET_PARENT_DEATH_SIGNAL = 1
"""``PR_SET_PDEATHSIG`` of prctl(2)."""
_SCORE = 900
"""Of at most 1000; see proc(5). The gateway, the database and the user's desktop are to be spared."""


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the one that started it dies, even if no Python can run then.

    Elsewhere than on Linux the end of the pipe has to do.

    Args:
        parent: the process that started this one; if it is gone already, this one ends here.

    """
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def go_first() -> None:
    """Ask the kernel to take this process before others when memory runs out."""
    with contextlib.suppress(OSError):  # a kernel without that file, or a container that forbids it
        Path("/proc/self/oom_score_adj").write_text(str(_SCORE), encoding="ascii")


def leave_signals_to_the_gateway() -> None:
    """Do nothing on Ctrl-C and on a request to end: a service manager sends those to every process of a service.

    The gateway has the worker end once what runs has had its time. What nodes start gets the signals as usual, which it
    would not if they were ignored instead.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)
