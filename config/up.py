"""`manage.py up`: everything Handrail needs on one machine, under one supervisor."""

import argparse
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import sys
import time
from dataclasses import dataclass, field

from config import local, processes, services
from config.bootstrap import ROOT

PYTHON = sys.executable
MANAGE = [PYTHON, "manage.py"]
CELERY = [PYTHON, "-m", "celery", "-A", "config.celery"]
FIRST_PORT, FIRST_MAIL_PORT = 8000, 2525
LOG_LIMIT = 10_000_000  # bytes; a longer log is set aside at the next start
DEMO_ACCOUNTS = """\
Sign in as   coordinator, clinician, manager, admin         at the first facility
             coordinator2, clinician2, manager2             at the second
Password     {password}"""


@dataclass
class Child:
    """One process that belongs to a running Handrail."""

    name: str
    command: list
    env: dict = field(default_factory=dict)
    pass_fds: tuple = ()


def children(listener, state):
    """Everything that runs beside PostgreSQL and Valkey; another one is another line."""
    web = [PYTHON, "-m", "gunicorn", "-c", "python:config.gunicorn_conf", "--no-control-socket"]
    web += ["--bind", f"fd://{listener.fileno()}", "config.wsgi:application"]
    listed = [
        Child("web", web, pass_fds=(listener.fileno(),)),  # always the first
        Child("worker", [*CELERY, "worker", "--concurrency", "2", "--without-gossip", "--without-mingle"]),
        Child("beat", [*CELERY, "beat", "--schedule", state / "beat" / "schedule"]),
        Child("ticker", [*MANAGE, "ticker"]),
    ]
    if "EMAIL_HOST" not in os.environ:  # else mail goes where the user says
        listed.append(Child("mail", [*MANAGE, "local_mail"]))
    return listed


def main(args):
    parser = argparse.ArgumentParser(prog="manage.py up", description=__doc__)
    parser.add_argument("--port", type=int, default=FIRST_PORT, help="first port to try (default %(default)s)")
    parser.add_argument("--no-demo", action="store_true", help="start without demo accounts and data")
    wanted = parser.parse_args(args)
    if os.environ.get("HANDRAIL_MODE", "local") != "local":
        sys.exit("`up` is for one's own machine; production runs from docker-compose.yml (docs/operations.md).")

    state = local.state_folder()
    try:
        hold = local.Hold(state, "up")
    except local.Taken as taken:
        return _say_who_runs(taken.info, state)

    for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked, _leave)
    supervisor = Supervisor(state, hold)
    try:
        return supervisor.run(first_port=wanted.port, with_demo=not wanted.no_demo)
    except Stopped:
        return 0
    finally:
        supervisor.stop()


class Stopped(BaseException):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


def _leave(number, frame):
    for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked, signal.SIG_IGN)  # once is enough: we are on our way
    raise Stopped


def _say_who_runs(info, state):
    where = f" at {info['address']}" if "address" in info else ""
    who = "Handrail is" if info.get("what") == "up" else f"`{info.get('what', 'another command')}` is"
    print(f"{who} already running here{where} (process {info.get('pid', 'unknown')}, data in {state}).", flush=True)
    return 1


class Supervisor:
    """Starts everything in order, watches it, and stops it in the opposite order."""

    def __init__(self, state, hold):
        self.state, self.hold = state, hold
        self.services, self.running = [], {}
        self.env = {}
        self.started = time.monotonic()

    def run(self, *, first_port, with_demo):
        print(f"Starting Handrail in {ROOT}", flush=True)
        for log in (self.state / "logs").glob("*.log"):
            if log.stat().st_size > LOG_LIMIT:
                log.replace(log.with_suffix(".log.old"))
        self.env = {**os.environ, **local.environment(self.state), "HANDRAIL_BOOTSTRAP": "off"}
        self.services, addresses = local.start_services(self.state, told=lambda service: self.say(service.title))
        listener, port = _listen(first_port)
        address = f"http://127.0.0.1:{port}"
        addresses["HANDRAIL_PUBLIC_URL"] = os.environ.get("HANDRAIL_PUBLIC_URL", address)
        if "EMAIL_HOST" not in os.environ:
            addresses["EMAIL_PORT"] = str(_free_port(FIRST_MAIL_PORT))
        self.env |= addresses

        demo = self.prepare(with_demo=with_demo)
        web, *others = children(listener, self.state)
        self.start(web)  # alone, so that the page comes first on a small machine
        self.wait_for_page(port)
        self.say("web server")
        for child in others:
            self.start(child)
        self.hold.tell(what="up", pid=os.getpid(), address=address, env=addresses)
        print(f"           {', '.join(child.name for child in others)} starting", flush=True)

        print(f"\nHandrail is running:  {address}\n", flush=True)
        if demo:
            print(DEMO_ACCOUNTS.format(password=self.env["HANDRAIL_DEMO_PASSWORD"]))
        print(f"Data         {self.state}\nLogs         {self.state / 'logs'}")
        print("Ctrl-C stops everything; the data stays.\n", flush=True)
        while True:
            self.see_that_all_live()
            time.sleep(0.2)

    def say(self, what):
        print(f"  {time.monotonic() - self.started:5.1f} s  {what} ready", flush=True)

    # --- Before the first page ---

    def prepare(self, *, with_demo):
        """Migrate, collect static files and fill in the demo, each only when something changed.

        Returns whether there are demo accounts.
        """
        done_file = self.state / "prepared.json"
        try:
            done = json.loads(done_file.read_text())
        except (OSError, ValueError):
            done = {}
        migrations, static = _migrations_hash(), _static_hash()

        collecting = None
        if done.get("static") != static or not (self.state / "static" / "staticfiles.json").exists():
            shutil.rmtree(self.state / "static", ignore_errors=True)
            collecting = self.begin("collectstatic", "--noinput")
        if done.get("migrations") != [migrations, self.migrated()]:
            self.finish(self.begin("migrate", "--noinput"), "database migrations")
        if collecting:
            self.finish(collecting, "static files")
        database = self.migrated()
        done |= {"static": static, "migrations": [migrations, database]}
        if with_demo and done.get("demo") != database[-1]:
            self.finish(self.begin("seed_demo", "--if-empty"), "demo data")
            done["demo"] = database[-1]
        done_file.write_text(json.dumps(done))
        return done.get("demo") == database[-1]

    def migrated(self):
        """Which migrations the database says it has, and since when it exists; None for an empty one."""
        with services.connect(self.env["DATABASE_URL"]) as connection:
            if connection.execute("SELECT to_regclass('django_migrations')").fetchone()[0] is None:
                return None
            asked = "SELECT count(*), max(id), min(applied)::text FROM django_migrations"
            return list(connection.execute(asked).fetchone())

    def begin(self, *command):
        self.start(Child(command[0], [*MANAGE, *command]))
        return command[0]

    def finish(self, name, title):
        child = self.running[name]
        while child.poll() is None:
            self.see_that_all_live(but=self.running)
            time.sleep(0.02)
        del self.running[name]
        if child.returncode != 0:
            raise SystemExit(self.epitaph(name, child.returncode, self.log(name)))
        self.say(title)

    # --- While it runs ---

    def log(self, name):
        return self.state / "logs" / f"{name}.log"

    def start(self, child):
        env = {**self.env, **child.env}
        how = {"cwd": ROOT, "env": env, "pass_fds": child.pass_fds}
        self.running[child.name] = processes.start(child.command, log=self.log(child.name), **how)

    def wait_for_page(self, port):
        """Wait until the web server answers; it has a minute, because a slow machine is not a broken one."""
        deadline = time.monotonic() + 60
        while not _answers(port):
            self.see_that_all_live()
            if time.monotonic() > deadline:
                raise SystemExit(self.epitaph("web", "no answer", self.log("web")))
            time.sleep(0.05)

    def see_that_all_live(self, but=()):
        """One missing process is a broken Handrail: stop, and say why."""
        alive = [(service.name, service.child, service.log) for service in self.services]
        alive += [(name, child, self.log(name)) for name, child in self.running.items() if name not in but]
        for name, child, log in alive:
            if child.poll() is not None:
                raise SystemExit(self.epitaph(name, child.returncode, log))

    def epitaph(self, name, code, log):
        why = code if isinstance(code, str) else f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        lines = "\n".join(f"{name} | {line}" for line in processes.tail(log))
        return f"\n{name} ended by itself ({why}). The end of {log}:\n{lines}\n"

    def stop(self):
        """The askers first, what they ask last."""
        for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(asked, signal.SIG_IGN)
        print("Stopping …", flush=True)
        processes.stop(list(self.running.values()))
        local.stop_services(self.services)
        self.hold.free()
        print(f"Stopped. The data is kept in {self.state}.", flush=True)


def _listen(first):
    """A listening socket on the first free port; the web server inherits it, so nobody can come between."""
    for port in range(first, first + 100):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(512)
        except OSError:
            listener.close()
            continue
        if port != first:
            print(f"  port {first} is taken, using {port}", flush=True)
        return listener, port
    sys.exit(f"No free port between {first} and {first + 99}; name another with --port.")


def _free_port(first):
    for port in range(first, first + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    sys.exit(f"No free port between {first} and {first + 99}.")


def _answers(port):
    """Whether the page is served. The listener accepts before gunicorn does, hence the timeout."""
    try:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        line.request("GET", "/healthz")
        return line.getresponse().status == 200
    except OSError:
        return False
    finally:
        line.close()


def _migrations_hash():
    """Changes when a migration, of ours or of a package, comes, goes or is edited."""
    files = sorted(ROOT.glob("[!.]*/migrations/*.py"))
    return _hash([ROOT / "requirements.txt", *files], lambda file: file.read_bytes())


def _static_hash():
    folders = [ROOT / "static", *sorted(ROOT.glob("[!.]*/static"))]
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    stat = lambda file: f"{file.stat().st_size} {file.stat().st_mtime_ns}".encode()  # noqa: E731
    return _hash(files, stat) + _hash([ROOT / "requirements.txt"], lambda file: file.read_bytes())


def _hash(files, content):
    total = hashlib.sha256()
    for file in files:
        total.update(str(file.relative_to(ROOT)).encode() + b"\0" + content(file) + b"\0")
    return total.hexdigest()
