"""Child processes that never outlive their parent. Standard library only, until Django is there."""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent(parent=None):
    """Have the kernel SIGKILL this process when the one that started it ends, however it ends.

    Linux only; elsewhere a killed parent leaves its children to be stopped at the next start.
    """
    if sys.platform != "linux":
        return
    _libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if parent is not None and os.getppid() != parent:  # it ended before the request
        os._exit(1)


def start(command, *, log, **how):
    """Start `command` in a session of its own, writing to the file `log`.

    The calling thread must be the main one: the kernel watches the thread, not the process.
    """
    parent = os.getpid()
    with open(log, "ab") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(parent),
            **how,
        )


def stop(children, *, with_signal=signal.SIGTERM, patience=10):
    """Ask the children to end, wait at most `patience` seconds for all, then end their whole groups."""
    for child in children:
        if child.poll() is None:
            child.send_signal(with_signal)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and any(child.poll() is None for child in children):
        time.sleep(0.02)
    for child in children:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        child.wait()


def close_connections():
    """Close every database connection and pool of this process, so that none is shared across a fork."""
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()


def keep_what_is_loaded():
    """Take all that is loaded so far, mostly code, out of the garbage collection.

    Forked processes go on sharing it, and leaving takes a third of a second of work less for each process.
    """
    gc.freeze()


def tail(log, lines=20):
    """The last lines of a log file."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.path.getsize(log) - 20_000))
            return file.read().decode(errors="replace").splitlines()[-lines:]
    except OSError:
        return []
