"""The state folder of one's own machine (`.local/`): lock, secrets, and who may use its services."""

import contextlib
import fcntl
import json
import os
import secrets
import signal
import sys
from pathlib import Path

from config import services
from config.bootstrap import ROOT


def state_folder(default=".local"):
    """The folder of data, logs, sockets and secrets, made on first use and private to its owner."""
    state = Path(os.environ.get("HANDRAIL_STATE_DIR") or ROOT / default).resolve()
    for part in (state, state / "logs", state / "beat"):
        part.mkdir(mode=0o700, parents=True, exist_ok=True)
    return state


def environment(state):
    """What every local process gets beside the addresses of the services. The user's own values win."""
    told = {
        "HANDRAIL_MODE": "local",
        "HANDRAIL_STATE_DIR": str(state),
        "PYTHONUNBUFFERED": "1",
        **_secrets(state),
    }
    return {name: os.environ.get(name) or value for name, value in told.items()}


def _secrets(state):
    """Keys and the demo password, made once per state folder and readable by its owner only."""
    file = state / "secrets.json"
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        pass
    letters = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike
    made = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "HANDRAIL_SALT_KEYS": secrets.token_hex(32),
        "HANDRAIL_DEMO_PASSWORD": "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4)),
    }
    with open(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
        json.dump(made, out, indent=1)
    return made


class Taken(Exception):
    """Another process holds the state folder; `info` is what it wrote about itself."""

    def __init__(self, info):
        self.info = info


class Hold:
    """The one process that may run services over a state folder. The kernel frees it when that process ends."""

    def __init__(self, state, what):
        self.file = open(os.open(state / "lock", os.O_CREAT | os.O_RDWR, 0o600), "r+")  # noqa: SIM115
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Taken(_read(self.file)) from None
        self.tell(what=what, pid=os.getpid())

    def tell(self, **info):
        """Write what others may need to know: who, the address, the environment to connect with."""
        self.file.seek(0)
        self.file.truncate()
        json.dump(info, self.file)
        self.file.flush()

    def free(self):
        self.file.seek(0)
        self.file.truncate()
        self.file.close()


def _read(file):
    file.seek(0)
    try:
        return json.load(file)
    except ValueError:
        return {}


@contextlib.contextmanager
def borrowed_services(what):
    """Services for one command: those of a running `up`, else our own for as long as it takes."""
    state = state_folder()
    os.environ.update(environment(state))
    with open(state / "borrowers", "w") as borrowers:
        try:
            hold = Hold(state, what)
        except Taken as taken:
            if "env" not in taken.info:
                sys.exit("Handrail is just starting or stopping here; try again in a moment.")
            fcntl.flock(borrowers, fcntl.LOCK_SH)  # a command that owns the services waits for us
            os.environ.update(taken.info["env"])
            yield
            return
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        running, env = start_services(state)
        try:
            os.environ.update(env)
            hold.tell(what=what, pid=os.getpid(), env=env)
            yield
        finally:
            fcntl.flock(borrowers, fcntl.LOCK_EX)
            stop_services(running)
            hold.free()


def start_services(state, *, durable=True, told=lambda service: None):
    """Start whichever of the two services the environment does not name; return them and their addresses."""
    running, env = [], {}
    try:
        for variable, start in (
            ("DATABASE_URL", lambda: services.start_postgresql(state, durable=durable)),
            ("REDIS_URL", lambda: services.start_valkey(state)),
        ):
            env[variable] = os.environ.get(variable, "")
            if not env[variable]:
                service = start()
                running.append(service)
                env[variable] = service.url
                told(service)
    except BaseException:
        stop_services(running)
        raise
    return running, env


def stop_services(running):
    for service in reversed(running):
        service.stop()
