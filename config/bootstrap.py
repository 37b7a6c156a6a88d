"""From a bare Python to the right interpreter and the right command. Standard library only.

`.venv` is made from the hash-locked requirements and remembers which locks it was made from, so a
second start only compares hashes. HANDRAIL_BOOTSTRAP=off (the production image) skips all of it.
"""

import ast
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "locks.json"
UNFINISHED = VENV / "unfinished"
RUN_LOCKS = ["requirements.txt", "requirements-local.txt"]
CHECK_LOCKS = [*RUN_LOCKS, "requirements-dev.txt"]
NEEDS_NO_DATABASE = {"help", "version", "check", "collectstatic", "startapp", "diffsettings"}


def run(argv):
    """Do what the command line asks, in `.venv` and with the local services where they are wanted."""
    command = argv[1] if len(argv) > 1 else "help"
    if os.environ.get("HANDRAIL_BOOTSTRAP") == "off":
        if command in {"up", "check_all"}:
            sys.exit(f"`{command}` sets up a machine of one's own; here HANDRAIL_BOOTSTRAP is off.")
        return django(argv)

    ensure_venv(CHECK_LOCKS if command == "check_all" else RUN_LOCKS)
    if Path(sys.prefix).resolve() != VENV.resolve():
        os.execv(PYTHON, [str(PYTHON), *argv])

    if command == "up":
        from config import up

        return sys.exit(up.main(argv[2:]))
    if command == "check_all":
        from config import check_all

        return sys.exit(check_all.main(argv[2:]))
    mode = os.environ.get("HANDRAIL_MODE", "local")
    if mode != "local" or os.environ.get("DATABASE_URL"):
        return django(argv)

    from config import local

    if command in NEEDS_NO_DATABASE or command.startswith("-"):
        os.environ.update(local.environment(local.state_folder()))
        return django(argv)
    with local.borrowed_services(" ".join(argv)):
        django(argv)


def django(argv):
    """Hand over to Django; from here on `manage.py` is an ordinary one."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from config import processes

    try:
        execute_from_command_line(argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    finally:
        processes.keep_what_is_loaded()


# --- .venv -----------------------------------------------------------------------------------------


def ensure_venv(locks):
    """Make `.venv` hold exactly what `locks` name; rebuild it when it is broken or half made."""
    wanted = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in locks}
    if _holds(wanted):
        return
    with open(ROOT / ".venv.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `up` and `check_all` may both be starting
        if _holds(wanted):
            return
        started = time.monotonic()
        print("Installing packages into .venv (only after a change of the locks) …", flush=True)
        if not _works() or UNFINISHED.exists():
            _make_venv()
        UNFINISHED.touch()
        _install(locks)
        STAMP.write_text(json.dumps({**_stamp(), **wanted}, indent=1))
        UNFINISHED.unlink()
        print(f"  packages ready after {time.monotonic() - started:.0f} s", flush=True)


def _stamp():
    try:
        return json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}


def _holds(wanted):
    return not UNFINISHED.exists() and wanted.items() <= _stamp().items() and _works()


def _works():
    """Whether `.venv` has an interpreter that runs and finds its own packages.

    A moved folder is fine; a removed or upgraded base Python, or another user's `.venv`, is not.
    """
    try:
        asked = subprocess.run(
            [PYTHON, "-c", "import sys, pip; print(sys.prefix)"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return Path(asked.stdout.strip()).resolve() == VENV.resolve()


def _make_venv():
    _ensure_ensurepip()
    if VENV.exists():
        print("  .venv is incomplete or belongs to another Python: making it anew", flush=True)
        try:
            shutil.rmtree(VENV)
        except OSError as error:
            sys.exit(f"{VENV} is unusable and cannot be removed ({error}); remove it, then run this again.")
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)


def _ensure_ensurepip():
    """Debian leaves ensurepip out of python3. As root install it, otherwise say how."""
    can_pip = [sys.executable, "-c", "from ensurepip import version"]
    if subprocess.run(can_pip, capture_output=True).returncode == 0:
        return
    command = "apt-get install python3-venv"
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"  Python's venv module is incomplete here: {command}", flush=True)
        apt_install(["python3-venv"])
        if subprocess.run(can_pip, capture_output=True).returncode == 0:
            return
    sys.exit(
        "Python's venv module is incomplete here (ensurepip is missing). Install it, then run this again:\n"
        f"    {command}"
    )


def apt_install(packages):
    """Install Debian packages quietly, as root; True when that worked."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = ["-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]
    for step in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", *options, *step], env=quiet, capture_output=True, text=True)
        if done.returncode != 0:
            print(done.stdout + done.stderr, end="", flush=True)
            return False
    return True


def _install(locks):
    """Install with uv, which is about ten times faster; with pip wherever uv cannot."""
    requirements = [part for name in locks for part in ("-r", str(ROOT / name))]
    exact = ["--require-hashes", "--only-binary", ":all:"]
    pip = [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check", *exact]
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "-q", "--python", str(PYTHON), *exact]
    has_uv = _quietly([*pip, "-r", str(ROOT / "requirements-bootstrap.txt")])
    if has_uv and _quietly([*uv, *requirements], env={**os.environ, **_sources_for_uv()}):
        return
    print("  uv could not install them here; using pip, which is slower", flush=True)
    if subprocess.run([*pip, *requirements]).returncode != 0:
        sys.exit("The packages could not be installed (see above). Check the network and `pip config list`.")


def _quietly(command, **how):
    try:
        return subprocess.run(command, capture_output=True, **how).returncode == 0
    except OSError:
        return False


def _sources_for_uv():
    """uv does not read pip's configuration; hand on what the user wrote there."""
    listed = subprocess.run([PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    pip = {}
    for section in ("global.", "install.", ":env:."):  # the later one wins, as with pip
        for line in listed.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(section):
                pip[name.removeprefix(section)] = str(ast.literal_eval(value)).split()
    uv = {
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_LINK_MODE": "copy",
        "UV_SYSTEM_CERTS": "1",
        # Every file is pinned by hash, so it does not matter which source has it.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    for option, variable, between in (
        ("index-url", "UV_DEFAULT_INDEX", " "),
        ("extra-index-url", "UV_INDEX", " "),
        ("find-links", "UV_FIND_LINKS", ","),
        ("trusted-host", "UV_INSECURE_HOST", " "),
        ("cert", "SSL_CERT_FILE", " "),
        ("no-index", "UV_NO_INDEX", " "),
    ):
        if option in pip and variable not in os.environ:
            uv[variable] = between.join(pip[option])
    return uv
