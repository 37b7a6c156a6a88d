"""Starting, stopping, being killed: `up`, the locks, the containers, and what production refuses."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command, get_commands, load_command_class

from config import bootstrap, celery, check_all, checks, local, processes, services
from config.bootstrap import ROOT
from tests.factories import make_user

pytestmark = pytest.mark.xdist_group("start")
OURS = (
    "HANDRAIL_",
    "DATABASE_URL",
    "REDIS_URL",
    "DJANGO_",
    "EMAIL_",
    "SECRET_KEY",
    "DEBUG",
    "ALLOWED_HOSTS",
    "PYTEST_",
)
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")


def plain_environment(**more):
    """The environment of somebody who has set nothing for Handrail."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | more


# --- The locks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["requirements", "requirements-local", "requirements-dev", "requirements-bootstrap"])
def test_every_wanted_package_is_locked_with_hashes_and_no_source_is_named(name):
    wanted, lock = (ROOT / f"{name}.in").read_text(), (ROOT / f"{name}.txt").read_text()
    plain = re.sub(r"(?m)(\s+#|^#).*$", "", wanted)
    for package, version in re.findall(r"(?m)^([\w-]+)(?:\[[\w,]+\])?(==[\w.]+)?\s*$", plain):
        assert re.search(rf"(?mi)^{package}(\[[\w,]+\])?{re.escape(version) or '=='}", lock), package
    pins = re.findall(r"(?m)^[\w-]+(?:\[[\w,]+\])?==.*(?:\n    .*)*", lock)
    assert pins
    assert [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin] == []
    assert "://" not in wanted + lock
    assert "--index" not in lock


def test_pips_own_sources_are_handed_on_to_uv(tmp_path, monkeypatch):
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = file:///one\nextra-index-url = file:///two\n    file:///three\n")
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("HOME", str(tmp_path))

    handed_on = bootstrap._sources_for_uv()

    assert handed_on["UV_DEFAULT_INDEX"] == "file:///one"
    assert "file:///two file:///three" in handed_on["UV_INDEX"]


# --- .venv -------------------------------------------------------------------------------------------


@pytest.fixture
def venv(tmp_path, monkeypatch):
    """A `.venv` elsewhere, into which nothing is installed but what Python brings."""
    installed = []
    monkeypatch.setattr(bootstrap, "_install", lambda locks: installed.append(list(locks)))
    _put_venv(tmp_path / ".venv", monkeypatch)
    return installed


def _put_venv(folder, monkeypatch):
    monkeypatch.setattr(bootstrap, "VENV", folder)
    monkeypatch.setattr(bootstrap, "PYTHON", folder / "bin" / "python")
    monkeypatch.setattr(bootstrap, "STAMP", folder / "locks.json")
    monkeypatch.setattr(bootstrap, "UNFINISHED", folder / "unfinished")


def test_venv_is_made_once_then_kept_then_repaired(venv, tmp_path, monkeypatch, capsys):
    bootstrap.ensure_venv(["requirements.txt"])
    bootstrap.ensure_venv(["requirements.txt"])
    assert venv == [["requirements.txt"]]

    (tmp_path / ".venv").rename(tmp_path / "moved")
    _put_venv(tmp_path / "moved", monkeypatch)
    bootstrap.ensure_venv(["requirements.txt"])
    assert len(venv) == 1, "a moved project folder needs nothing"

    bootstrap.PYTHON.unlink()
    bootstrap.PYTHON.symlink_to(tmp_path / "a-python-that-is-gone")
    bootstrap.ensure_venv(["requirements.txt"])
    assert len(venv) == 2
    assert bootstrap._works()
    assert "making it anew" in capsys.readouterr().out


def test_a_changed_lock_or_an_interrupted_setup_installs_again(venv, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(bootstrap, "_works", lambda: True)
    monkeypatch.setattr(bootstrap, "_make_venv", lambda: made.append(True))
    bootstrap.VENV.mkdir()

    bootstrap.ensure_venv(["requirements.txt"])
    bootstrap.STAMP.write_text(json.dumps({"requirements.txt": "another"}))
    bootstrap.ensure_venv(["requirements.txt"])
    assert (len(venv), len(made)) == (2, 0)

    bootstrap.UNFINISHED.touch()
    bootstrap.ensure_venv(["requirements.txt"])
    assert (len(venv), len(made)) == (3, 1)


def test_without_ensurepip_a_plain_user_is_told_the_exact_command(tmp_path, monkeypatch):
    python = tmp_path / "python3"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(SystemExit, match=r"(?m)^    apt-get install python3-venv$"):
        bootstrap._ensure_ensurepip()


# --- Ending with the parent --------------------------------------------------------------------------

STARTS_AND_WAITS = """
import sys, time
from pathlib import Path
from config import local, processes
if "without" in sys.argv:
    processes.die_with_parent = lambda parent=None: None
    from config import services
    guise = services._not_uid_0
    def without(*args):
        found = guise(*args)
        found.prefix = [part for part in found.prefix if part not in ("setpriv", "--pdeathsig", "KILL")]
        if found.prefix:
            found.prefix = found.prefix[:found.prefix.index("--") + 1]
        return found
    services._not_uid_0 = without
running, _ = local.start_services(local.state_folder(), durable=False)
print(*[service.child.pid for service in running], flush=True)
time.sleep(60)
"""


def alive(pids):
    """Those of `pids` that still run; a zombie does not."""
    found = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state not in "ZX":
            found.append(pid)
    return found


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def family(pid):
    """A process and everything below it."""
    children = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for member in found:
        found += children.get(member, [])
    return found


@needs_linux
@pytest.mark.fault
@pytest.mark.parametrize(("how", "survive"), [("with", False), ("without", True)])
def test_services_end_with_a_killed_parent_and_only_because_we_ask_the_kernel(tmp_path, how, survive):
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTS_AND_WAITS, how],
        env=plain_environment(HANDRAIL_STATE_DIR=str(tmp_path)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    everyone = family(parent.pid)
    assert len(pids) == 2
    try:
        parent.kill()
        parent.wait()
        gone = wait_until(lambda: not alive(everyone), seconds=1.5 if survive else 10)
        assert gone is not survive
        assert alive(pids) == (pids if survive else [])
    finally:
        for pid in alive(pids):
            os.kill(pid, signal.SIGTERM if pid == pids[1] else signal.SIGINT)
    assert wait_until(lambda: not alive(everyone))


@needs_linux
@pytest.mark.parametrize(("parent", "said"), [("os.getppid()", "lives\n"), ("os.getpid()", "")])
def test_a_process_that_asks_after_its_parent_was_killed_ends_at_once(parent, said):
    asks = f"import os; from config import processes; processes.die_with_parent({parent}); print('lives')"
    asked = subprocess.run([sys.executable, "-c", asks], cwd=ROOT, capture_output=True, text=True)

    assert (asked.stdout, asked.returncode) == (said, 0 if said else 1)


def test_stop_ends_what_a_child_left_behind(tmp_path):
    log = tmp_path / "log"
    child = processes.start(["sh", "-c", "sleep 60 & echo $!; exec sleep 61"], log=log)
    assert wait_until(lambda: log.read_text().strip().isdigit())
    everyone = [child.pid, int(log.read_text())]

    processes.stop([child])

    assert wait_until(lambda: not alive(everyone))


# --- Services ----------------------------------------------------------------------------------------


def test_a_long_path_gets_a_private_socket_folder_elsewhere(tmp_path):
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)

    folder = services._socket_folder(deep, owner=os.geteuid())

    assert len(str(folder)) < 80
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    with pytest.raises(SystemExit, match="not ours alone"):
        services._socket_folder(deep, owner=os.geteuid())
    folder.rmdir()


def test_without_any_server_one_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setattr(services.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(services.shutil, "which", lambda name: None)
    monkeypatch.setattr(services.Path, "glob", lambda self, pattern: iter(()))

    with pytest.raises(SystemExit, match=r"apt-get install postgresql.*DATABASE_URL"):
        services._postgresql_binaries()
    with pytest.raises(SystemExit, match=r"apt-get install redis-server.*REDIS_URL"):
        services._valkey_binary()


def test_secrets_are_made_once_and_only_their_owner_may_read_them(tmp_path):
    first, second = local._secrets(tmp_path), local._secrets(tmp_path)

    assert first == second
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert len(first["HANDRAIL_DEMO_PASSWORD"]) >= 15
    assert len(first["SECRET_KEY"]) >= 50


# --- up ----------------------------------------------------------------------------------------------


class Up:
    """A running `manage.py up` and what it says."""

    def __init__(self, state, port):
        self.output = state.parent / f"output-{secrets.token_hex(4)}"
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--no-demo", "--port", str(port)],
            cwd=ROOT,
            env=plain_environment(HANDRAIL_STATE_DIR=str(state)),
            stdout=open(self.output, "wb"),  # noqa: SIM115
            stderr=subprocess.STDOUT,
        )

    @property
    def says(self):
        return self.output.read_text()

    def wait_for_address(self):
        assert wait_until(lambda: "Ctrl-C" in self.says or self.process.poll() is not None, 100)
        assert self.process.poll() is None, self.says
        return re.search(r"http://127\.0\.0\.1:\d+", self.says)[0]

    def running(self, word):
        """Its processes that have `word` among their arguments."""
        members = family(self.process.pid)
        return [pid for pid in members if word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return tmp_path_factory.mktemp("up") / "state"


@pytest.fixture(scope="module")
def taken_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.fixture
def start(state, taken_port):
    started = []

    def start():
        started.append(Up(state, taken_port))
        return started[-1]

    yield start
    for up in started:
        if up.process.poll() is None:
            up.process.terminate()
            up.process.wait(30)


@pytest.mark.timeout(180)
def test_up_starts_says_where_and_stops_on_sigterm(start, state, taken_port):
    up = start()
    address = up.wait_for_address()

    assert address != f"http://127.0.0.1:{taken_port}"
    assert f"port {taken_port} is taken" in up.says
    assert str(state / "logs") in up.says
    assert "database migrations ready" in up.says
    assert urllib.request.urlopen(f"{address}/healthz").status == 200
    assert state.stat().st_mode & 0o777 == 0o700

    beside = start()
    assert beside.process.wait(30) == 1
    assert f"already running here at {address}" in beside.says

    borrowed = subprocess.run(
        [
            sys.executable,
            "manage.py",
            "shell",
            "-v0",
            "-c",
            "from django.conf import settings; print(settings.EMAIL_PORT)",
        ],
        **{"cwd": ROOT, "capture_output": True, "text": True},
        env=plain_environment(HANDRAIL_STATE_DIR=str(state)),
    )
    assert borrowed.returncode == 0, borrowed.stderr
    assert borrowed.stdout.strip() == json.loads((state / "lock").read_text())["env"]["EMAIL_PORT"]

    everyone = family(up.process.pid)
    up.process.terminate()
    assert up.process.wait(30) == 0
    assert alive(everyone) == []


@needs_linux
@pytest.mark.fault
def test_a_second_up_goes_on_with_the_same_data_and_a_killed_child_stops_the_rest(start, state):
    up = start()
    up.wait_for_address()
    assert "migrations" not in up.says
    assert "static" not in up.says

    everyone = family(up.process.pid)
    os.kill(up.running("beat")[0], signal.SIGKILL)

    assert up.process.wait(30) == 1
    assert "beat ended by itself (SIGKILL)" in up.says
    assert str(state / "logs" / "beat.log") in up.says
    assert alive(everyone) == []


@needs_linux
@pytest.mark.fault
def test_a_killed_up_leaves_nothing_running(start, state):
    up = start()
    address = up.wait_for_address()
    assert wait_until(lambda: len(up.running("worker")) == 3, 60), "its pool has forked"
    everyone = family(up.process.pid)
    assert len(up.running("config.wsgi:application")) == 3

    up.process.kill()
    up.process.wait()

    assert wait_until(lambda: not alive(everyone), 5), [
        Path(f"/proc/{pid}/cmdline").read_text() for pid in alive(everyone)
    ]
    with pytest.raises(OSError):
        urllib.request.urlopen(f"{address}/healthz", timeout=2)


# --- check_all ---------------------------------------------------------------------------------------


def test_every_failing_linter_is_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HANDRAIL_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(
        check_all, "LINTERS", {"one": ["false"], "two": ["true"], "three": ["sh", "-c", "echo line 3 is long; exit 2"]}
    )

    assert check_all.lint(dict(os.environ)) == ["one", "three"]
    assert "line 3 is long" in capsys.readouterr().out


# --- Production --------------------------------------------------------------------------------------

SAFE: dict[str, Any] = {
    "MODE": "production",
    "SECRET_KEY": secrets.token_urlsafe(60),
    "SALT_KEY": [secrets.token_hex(32)],
    "DEBUG": False,
    "ALLOWED_HOSTS": ["crm.example.org"],
    "DEMO_ACCOUNTS": False,
    "SECOND_FACTOR_REQUIRED": True,
    "SECURE_SSL_REDIRECT": True,
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
    "SECURE_HSTS_SECONDS": 31536000,
    "PUBLIC_URL": "https://crm.example.org",
}
SAFE_ENVIRONMENT = {
    "SECRET_KEY": SAFE["SECRET_KEY"],
    "HANDRAIL_SALT_KEYS": SAFE["SALT_KEY"][0],
    "ALLOWED_HOSTS": "crm.example.org",
    "HANDRAIL_PUBLIC_URL": "https://crm.example.org",
    "HANDRAIL_BOOTSTRAP": "off",
}


@pytest.mark.parametrize(
    ("unsafe", "said"),
    [
        ({"SECRET_KEY": "insecure-for-local-use-only-" + "x" * 40}, "SECRET_KEY is the default"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is the default, short"),
        ({"SECRET_KEY": "ab" * 40}, "guessable"),
        ({"SALT_KEY": ["insecure-local-salt"]}, "HANDRAIL_SALT_KEYS"),
        ({"SALT_KEY": []}, "HANDRAIL_SALT_KEYS"),
        ({"DEBUG": True}, "DEBUG is on"),
        ({"ALLOWED_HOSTS": []}, "ALLOWED_HOSTS is empty"),
        ({"ALLOWED_HOSTS": ["*"]}, "wildcard"),
        ({"ALLOWED_HOSTS": [".example.org"]}, "wildcard"),
        ({"DEMO_ACCOUNTS": True}, "HANDRAIL_DEMO_ACCOUNTS is on"),
        ({"SECOND_FACTOR_REQUIRED": False}, "HANDRAIL_SECOND_FACTOR is off"),
        ({"SECURE_SSL_REDIRECT": False}, "SECURE_SSL_REDIRECT is off"),
        ({"SESSION_COOKIE_SECURE": False}, "SESSION_COOKIE_SECURE"),
        ({"CSRF_COOKIE_SECURE": False}, "CSRF_COOKIE_SECURE"),
        ({"SECURE_HSTS_SECONDS": 0}, "SECURE_HSTS_SECONDS is 0"),
        ({"PUBLIC_URL": "http://crm.example.org"}, "HANDRAIL_PUBLIC_URL"),
        ({"MODE": "prod"}, "HANDRAIL_MODE is 'prod'"),
    ],
)
def test_production_refuses(unsafe, said):
    with pytest.raises(ImproperlyConfigured, match=re.escape(said)) as refusal:
        checks.refuse_unsafe(SAFE | unsafe)
    assert len(str(refusal.value).splitlines()) <= 2, "one reason, one sentence"


def test_production_accepts_safe_settings_and_other_modes_anything():
    checks.refuse_unsafe(SAFE)
    checks.refuse_unsafe(SAFE | {"MODE": "local", "DEBUG": True, "SECRET_KEY": "short"})


@pytest.mark.parametrize(
    "command",
    [
        ["manage.py", "check"],
        ["manage.py", "migrate"],
        ["-m", "gunicorn", "--check-config", "-c", "python:config.gunicorn_conf", "config.wsgi:application"],
        ["-m", "celery", "-A", "config.celery", "worker"],
        ["-m", "celery", "-A", "config.celery", "beat"],
    ],
    ids=["check", "migrate", "web", "worker", "beat"],
)
def test_no_process_starts_in_unsafe_production(command):
    env = plain_environment(**SAFE_ENVIRONMENT) | {"ALLOWED_HOSTS": "*"}  # production is the default mode
    tried = subprocess.run([sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)

    assert tried.returncode != 0
    assert "ALLOWED_HOSTS has a wildcard" in tried.stdout + tried.stderr


def test_safe_production_settings_load():
    env = plain_environment(**SAFE_ENVIRONMENT)
    tried = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "ERROR"],
        **{"cwd": ROOT, "env": env, "capture_output": True, "text": True, "timeout": 60},
    )
    assert tried.returncode == 0, tried.stderr


def test_production_refuses_a_database_with_active_demo_accounts(settings, monkeypatch):
    user = make_user(username="manager2")
    monkeypatch.setenv("DATABASE_URL", "postgres://set")
    monkeypatch.setattr(sys, "argv", ["manage.py", "ticker"])
    assert checks.no_demo_accounts(None) == []

    settings.IS_PRODUCTION = True
    assert [error.id for error in checks.no_demo_accounts(None)] == ["handrail.E001"]
    monkeypatch.setattr(processes, "close_connections", lambda: None)  # or the test would lose its own
    with pytest.raises(ImproperlyConfigured, match="manager2"):
        checks.refuse_demo_accounts()

    with pytest.raises(SystemExit, match="manager2"):  # Celery would log any other exception and go on
        celery.refuse_demo_accounts()

    user.is_active = False
    user.save()
    checks.refuse_demo_accounts()
    assert checks.no_demo_accounts(None) == []


def test_refusals_name_variables_and_commands_that_exist():
    everything_wrong = SAFE | {
        "SECRET_KEY": "short",
        "SALT_KEY": [],
        "DEBUG": True,
        "ALLOWED_HOSTS": [],
        "DEMO_ACCOUNTS": True,
        "SECOND_FACTOR_REQUIRED": False,
        "SECURE_SSL_REDIRECT": False,
        "SESSION_COOKIE_SECURE": False,
        "SECURE_HSTS_SECONDS": 0,
        "PUBLIC_URL": "http://crm.example.org",
    }
    reasons = [*checks.unsafe(everything_wrong), checks._sentence(["admin"])]
    assert len(reasons) == 11

    named = {name for reason in reasons for name in re.findall(r"\b[A-Z]+_[A-Z_]+\b|^DEBUG\b", reason)}
    read = set(re.findall(r'env(?:\.\w+)?\("(\w+)"', (ROOT / "config" / "settings.py").read_text()))
    assert named - read == set()
    commands = [found for reason in reasons for found in re.findall(r"manage\.py (\w+) (--\w+)", reason)]
    assert commands
    for command, option in commands:
        asked = load_command_class(get_commands()[command], command).create_parser("manage.py", command)
        assert option in asked.format_help()


def test_the_way_out_that_the_refusal_names_works(settings, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://set")
    make_user(username="admin")
    settings.IS_PRODUCTION = True
    monkeypatch.setattr(sys, "argv", ["manage.py", "migrate"])
    assert checks.no_demo_accounts(None) == []

    settings.IS_PRODUCTION = False  # HANDRAIL_MODE=local
    monkeypatch.setattr(sys, "argv", ["manage.py", "seed_demo", "--remove"])
    call_command("seed_demo", "--remove", skip_checks=False)


HAS_A_POOL = """
import os, threading
import django
django.setup()
from django.db import connection
from config import processes
def sockets():
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    return sum(os.readlink(link).startswith("socket:") for link in links if os.path.lexists(link))
before = sockets()
connection.cursor().execute("SELECT 1")
print(sockets() > before, threading.active_count() > 1)
processes.close_connections()
print(sockets() > before, threading.active_count() > 1)
"""


@needs_linux
def test_nothing_of_the_database_is_open_when_processes_fork():
    env = {**os.environ, "HANDRAIL_PROCESS": "web"}
    tried = subprocess.run([sys.executable, "-c", HAS_A_POOL], cwd=ROOT, env=env, capture_output=True, text=True)

    assert tried.returncode == 0, tried.stderr
    assert tried.stdout.split() == ["True", "True", "False", "False"]


# --- Containers --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_compose_runs_every_part_on_named_volumes(compose):
    assert set(compose["services"]) == {"postgres", "valkey", "migrate", "web", "worker", "beat", "ticker"}
    assert compose["services"]["postgres"]["image"] == "postgres:18"
    assert compose["services"]["valkey"]["image"] == "valkey/valkey:9"
    assert compose["services"]["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]
    assert compose["services"]["valkey"]["volumes"] == ["valkey:/data"]
    assert set(compose["volumes"]) == {"postgres", "valkey"}
    assert compose["networks"]["inside"] == {"internal": True}


def test_compose_gives_no_process_more_than_it_needs(compose):
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        assert "cap_add" not in service or name == "postgres"
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert list(published) == ["web"]
    assert all(port.startswith("127.0.0.1:") for port in published["web"])


def test_compose_waits_for_health_and_for_the_migrations(compose):
    for name, service in compose["services"].items():
        assert "healthcheck" in service or name == "web", name  # the image has the web server's
    for name in ["web", "worker", "beat", "ticker"]:
        waits = {on: rule["condition"] for on, rule in compose["services"][name]["depends_on"].items()}
        assert waits == {
            "migrate": "service_completed_successfully",
            "postgres": "service_healthy",
            "valkey": "service_healthy",
        }
    assert compose["services"]["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert compose["services"]["migrate"]["restart"] == "no"


def test_compose_holds_no_secret_and_starts_nothing_without_them(compose):
    for service in compose["services"].values():
        for name, value in service["environment"].items():
            if re.search("SECRET|PASSWORD|AUTH|SALT|DATABASE_URL|REDIS_URL", name):
                assert re.fullmatch(r"(postgres://handrail:|redis://:)?\$\{\w+(:\?[^}]+|:-)\}(@.*)?", value), name
    settings = compose["services"]["web"]["environment"]
    assert settings["HANDRAIL_MODE"] == "production"
    assert {"SECRET_KEY", "HANDRAIL_SALT_KEYS", "ALLOWED_HOSTS", "HANDRAIL_PUBLIC_URL"} <= set(settings)
    assert not {"DEBUG", "HANDRAIL_DEMO_ACCOUNTS", "SECURE_SSL_REDIRECT"} & set(settings)


def test_the_image_is_locked_and_unprivileged():
    image = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"(?m)^FROM (\S+)", image) == ["python:3.11-slim", "python:3.11-slim"]
    assert "--require-hashes" in image
    assert "HANDRAIL_BOOTSTRAP=off" in image
    assert re.findall(r"(?m)^USER (\S+)", image) == ["10001"]
    assert "\nHEALTHCHECK " in image
    assert re.findall(r"requirements\S*\.txt", image) == ["requirements.txt", "requirements.txt"]
