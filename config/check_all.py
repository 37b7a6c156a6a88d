"""`manage.py check_all`: lint, types, migrations and all tests, on services and data of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import time

from config import browser, local, processes
from config.bootstrap import ROOT

PYTHON = sys.executable
LINTERS = {
    "ruff check": [PYTHON, "-m", "ruff", "check", "."],
    "ruff format": [PYTHON, "-m", "ruff", "format", "--check", "."],
    "templates": [PYTHON, "-m", "djlint", "--lint", "--quiet", "templates"],
    "migrations": [PYTHON, "manage.py", "makemigrations", "--check", "--dry-run"],
    "system check": [PYTHON, "manage.py", "check"],
    "types": [PYTHON, "-m", "mypy", "."],
}
PYTEST = [PYTHON, "-m", "pytest", "-n", "2", "--dist", "loadgroup"]


def main(args):
    """Run everything, report every failure, end with pytest's own last line; 0 only when all passed.

    `--full` adds the long fault profiles; all other arguments go to pytest.
    """
    full = "--full" in args
    args = [arg for arg in args if arg != "--full"]
    os.environ.setdefault("HANDRAIL_STATE_DIR", str(ROOT / ".local-test"))
    state = local.state_folder()
    try:
        hold = local.Hold(state, "check_all")
    except local.Taken as taken:
        sys.exit(f"`check_all` is already running here (process {taken.info.get('pid', 'unknown')}).")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    (state / "static").mkdir(exist_ok=True)  # the tests serve static files from their sources
    with contextlib.suppress(OSError):
        (state / "logs" / "postgresql.log").unlink()

    tests_env = browser.environment()
    running, addresses = local.start_services(state, durable=False)
    env = {
        **os.environ,
        **addresses,
        "HANDRAIL_MODE": "test",
        "HANDRAIL_STATE_DIR": str(state),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    try:
        failed = lint({**env, "HANDRAIL_BOOTSTRAP": "off"})
        command = [*PYTEST, *(["-m", ""] if full else []), *args]
        tests_env |= {"HANDRAIL_FULL": "1"} if full else {}
        if failed:
            print(f"\nFAILED before the tests: {', '.join(failed)}\n", flush=True)
        tests = run(command, {**env, **tests_env})
    finally:
        local.stop_services(running)
        hold.free()
    return tests or (1 if failed else 0)


def lint(env):
    """Run the linters beside one another and print the words of those that complain."""
    began = time.monotonic()
    log = local.state_folder() / "logs"
    started = {}
    for name, command in LINTERS.items():
        file = log / f"{name.replace(' ', '-')}.log"
        file.unlink(missing_ok=True)
        started[name] = (processes.start(command, log=file, cwd=ROOT, env=env), file)
    failed = []
    try:
        for name, (child, file) in started.items():
            passed = child.wait() == 0
            print(f"{'ok    ' if passed else 'FAILED'}  {name}", flush=True)
            if not passed:
                failed.append(name)
                print(file.read_text(errors="replace"), flush=True)
    finally:
        processes.stop([child for child, _ in started.values()], patience=1)
    print(f"lint and types: {time.monotonic() - began:.0f} s", flush=True)
    return failed


def run(command, env):
    """Run pytest in front: its words are ours, its last line is the last."""
    parent = os.getpid()
    child = subprocess.Popen(command, cwd=ROOT, env=env, preexec_fn=lambda: processes.die_with_parent(parent))
    try:
        return child.wait()
    except BaseException:
        processes.stop([child], with_signal=signal.SIGINT)
        raise
