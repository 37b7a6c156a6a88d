"""Workers are killed while they send: nothing is lost, nothing is delivered twice (I-10 to I-12, F-05, F-06).

The sink knows the moment: it kills the worker while a mail is on the wire, or when it was kept and the
worker does not know yet. Two loops that are broken on purpose run under the same kills and must fail;
without them a pass would say nothing about the harness.
"""

import contextlib
import datetime as dt
import os
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from admissions import reminders
from config import processes, services
from messaging import engine, providers
from messaging import services as messaging
from messaging.models import Attempt, Heartbeat, Message
from messaging.purposes import ask
from messaging.tasks import app
from tests import factories as make
from tests.fakes import smtp

ROOT = Path(__file__).resolve().parent.parent.parent
FULL = bool(os.environ.get("HANDRAIL_FULL"))
MESSAGES, KILLS = (900, 90) if FULL else (60, 8)
CALL_SECONDS, LEASE_SECONDS = 1, 3

pytestmark = [
    pytest.mark.fault,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(1200 if FULL else 120),
    pytest.mark.xdist_group("faults"),
]


# --- The rig ---------------------------------------------------------------------------------------------


@pytest.fixture
def sink(settings, tmp_path):
    settings.STATE_DIR, settings.OUTGOING = tmp_path, "on"
    settings.OUTGOING_CALL_SECONDS, settings.OUTGOING_LEASE_SECONDS = CALL_SECONDS, LEASE_SECONDS
    settings.LOCAL_MAIL, settings.EMAIL_HOST = True, "127.0.0.1"
    with smtp.running() as (sink, settings.EMAIL_PORT):
        yield sink


@pytest.fixture
def valkey(tmp_path):
    """A Valkey of our own, so that it may be killed and wiped."""
    state = tmp_path / "valkey-state"
    (state / "logs").mkdir(parents=True)
    service = services.start_valkey(state)
    yield service
    service.stop()


@pytest.fixture
def start(tmp_path, settings):
    """`start(command, REDIS_URL=…)` runs a process against the test database; all end with the test."""
    started = []

    def run(command, *, can_be_asked=True, **env):
        connection.close()  # the clean-up of the test must not wait for us
        base = {
            **os.environ,
            "DATABASE_URL": _test_database_url(),
            "HANDRAIL_MODE": "test",
            "HANDRAIL_BOOTSTRAP": "off",
            "HANDRAIL_STATE_DIR": str(settings.STATE_DIR),
            "HANDRAIL_TEST_CALL_SECONDS": str(CALL_SECONDS),
            "HANDRAIL_TEST_LEASE_SECONDS": str(LEASE_SECONDS),
            "EMAIL_PORT": str(settings.EMAIL_PORT),
            "C_FORCE_ROOT": "1",
        }
        base.pop("EMAIL_HOST", None)
        if not can_be_asked:
            base["EMAIL_HOST"] = "127.0.0.1"
        child = processes.start(command, log=tmp_path / "process.log", cwd=ROOT, env=base | env)
        started.append(child)
        return child

    yield run
    processes.stop(started, patience=0.5)


def _test_database_url():
    url = urlsplit(os.environ["DATABASE_URL"])
    folder = url.path.rpartition("/")[0]
    return url._replace(path=f"{folder}/{connection.settings_dict['NAME']}").geturl()


WORKER = [sys.executable, "-m", "celery", "-A", "config.celery", "worker", "--concurrency", "2"]
WORKER += ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
TICKER = [sys.executable, "manage.py", "ticker", "--every", "0.2", "--late", "0.5"]


def promises(count):
    """`count` reminders that are due now, each of an open promise of its own."""
    facility = make.make_facility()
    owner, person = make.make_user(at=facility), make.make_person(at=facility)
    soon = timezone.now() + dt.timedelta(minutes=5)
    return [
        reminders.remind_owner(make.make_task(facility=facility, owner=owner, person=person, due_at=soon))
        for _ in range(count)
    ]


def children_of(pid):
    """Process ids whose parent is `pid`."""
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


class Killer:
    """Kills whoever is sending at chosen moments of chosen mails, and counts where the kills landed.

    From every third mail on it waits for the window whose turn it is. One kill in six takes the whole
    process group of the worker, the others its pool processes, which the worker replaces by itself.
    `revive` starts a new worker where none is left.
    """

    def __init__(self, sink, revive, *, kills, groups=True):
        self.sink, self.revive, self.kills, self.groups = sink, revive, kills, groups
        self.windows, self.mails, self.done = Counter(), 0, 0
        self.lock = threading.Lock()
        self.child = revive()
        sink.at = self.at

    def at(self, window):
        """Called by the sink in the middle of a mail; True when somebody was killed."""
        with self.lock:
            self.mails += window == "on the wire"
            is_its_turn = window == ("on the wire", "kept")[self.done % 2]
            if self.done == self.kills or self.mails < 3 or not is_its_turn:
                return False
            victims = children_of(self.child.pid)
            if self.groups and self.done % 6 == 3:
                os.killpg(self.child.pid, signal.SIGKILL)
            for victim in victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
            self.done += 1
            self.mails = 0
            self.windows[window] += 1
            return True

    def watch(self):
        if self.child.poll() is not None:
            self.child = self.revive()


def finish(hint, killer, *, seconds=50):
    """Play beat and reaper until nothing is under way, the last of it as the ticker; returns what was settled."""
    settled = Counter()
    deadline = time.monotonic() + seconds * (20 if FULL else 1)
    while time.monotonic() < deadline:
        hint()
        killer.watch()
        settled += engine.reap()
        if not Message.objects.filter(state__in=["due", "sending"]).exists():
            return settled
        if killer.done == killer.kills:
            messaging.tick(late_seconds=-1)
        time.sleep(0.1)
    states = Counter(Message.objects.values_list("state", flat=True))
    raise AssertionError(f"not finished in {seconds} s: {dict(states)}, {killer.windows}")


def hinter(valkey):
    """Publishes the argument-free hint into `valkey`, as beat does."""
    line = app.connection_for_write(url=valkey.url)
    return lambda: app.send_task("messaging.tasks.deliver_due_messages", connection=line, expires=60)


# --- The product under kills -----------------------------------------------------------------------------


@pytest.mark.parametrize("can_be_asked, kills", [(True, KILLS), (False, KILLS // 2)])
def test_killed_workers_lose_nothing_and_repeat_nothing(sink, valkey, start, settings, can_be_asked, kills, capsys):
    settings.LOCAL_MAIL = can_be_asked
    messages = promises(MESSAGES)
    sink.pace = 0.02
    began = time.monotonic()
    killer = Killer(sink, lambda: start(WORKER, REDIS_URL=valkey.url, can_be_asked=can_be_asked), kills=kills)

    settled = finish(hinter(valkey), killer)
    killer.windows["claimed, not called"] = settled["never called"]

    states = Counter(Message.objects.values_list("state", flat=True))
    copies = sink.copies()
    reviewed = set(Message.objects.filter(state="review").values_list("pk", flat=True))
    lost = [m.pk for m in messages if not copies[m.pk] and m.pk not in reviewed]
    twice = [number for number, count in copies.items() if count > 1]
    with capsys.disabled():
        print(
            f"\n{'can be asked' if can_be_asked else 'cannot be asked'}: {MESSAGES} messages, "
            f"kills {dict(killer.windows)}, {dict(states)}, lost {len(lost)}, twice {len(twice)}, "
            f"in review though delivered {sum(1 for pk in reviewed if copies[pk])}, {time.monotonic() - began:.0f} s"
        )
    assert (lost, twice) == ([], [])
    assert min(killer.windows["on the wire"], killer.windows["kept"]) >= kills // 2
    if can_be_asked:
        assert states == {"sent": MESSAGES}
        outcomes = Counter(Attempt.objects.values_list("outcome", flat=True))
        assert outcomes["resolved_sent"] >= killer.windows["kept"]
        assert outcomes["resolved_not_sent"] >= killer.windows["on the wire"]
        assert settled["retry"] == outcomes["resolved_not_sent"]
    else:
        # A pool of two may have had two mails in hand at each kill.
        assert kills <= states["review"] <= 2 * kills
        assert states["sent"] == MESSAGES - states["review"]
    assert Attempt.objects.filter(outcome__in=["accepted", "resolved_sent"]).count() == states["sent"]
    assert Heartbeat.objects.get(name="worker").claimed > 0


# --- The same kills, two orders that are known to be broken ------------------------------------------------


def mark_then_send(message, say, provider):
    """The row says sent before anybody was called: a kill in between loses it."""
    Message.objects.filter(pk=message.pk).update(
        state="sent", sent_at=timezone.now(), lease_token=None, lease_until=None
    )
    provider.send(message, say, message.key)


def send_then_mark(message, say, provider):
    """The row says due until the call has answered: a kill in between sends it again."""
    Message.objects.filter(pk=message.pk).update(state="due", lease_token=None, lease_until=None)
    provider.send(message, say, message.key)
    Message.objects.filter(pk=message.pk).update(state="sent", sent_at=timezone.now())


def run_broken(name):
    """A worker of one process, replaced when it is killed, that sends in the broken order `name`."""
    order = {"mark_then_send": mark_then_send, "send_then_mark": send_then_mark}[name]
    while True:
        if pid := os.fork():
            os.waitpid(pid, 0)
            continue
        processes.die_with_parent()
        while True:
            for message in engine.claim(1):
                order(message, ask(message), providers.for_channel(message.channel))
            time.sleep(0.005)


@pytest.mark.parametrize("order", ["mark_then_send", "send_then_mark"])
def test_under_the_same_kills_a_broken_order_fails(sink, start, order, capsys):
    messages = promises(MESSAGES)
    sink.pace = 0.02
    code = (
        f"import django; django.setup(); from tests.faults.test_kill_worker import run_broken; run_broken({order!r})"
    )
    killer = Killer(sink, lambda: start([sys.executable, "-c", code]), kills=KILLS, groups=False)
    deadline = time.monotonic() + 40 * (20 if FULL else 1)
    while Message.objects.filter(state__in=["due", "sending"]).exists() and time.monotonic() < deadline:
        killer.watch()
        engine.reap()
        time.sleep(0.1)

    time.sleep(0.3)
    copies = sink.copies()
    lost = [m.pk for m in messages if not copies[m.pk]]
    twice = [number for number, count in copies.items() if count > 1]
    with capsys.disabled():
        print(f"\n{order}: kills {dict(killer.windows)}, lost {len(lost)}, twice {len(twice)}")
    if order == "mark_then_send":
        assert (len(lost) >= killer.windows["on the wire"] > 0, twice) == (True, [])
    else:
        assert (lost, len(twice) >= killer.windows["kept"] > 0) == ([], True)


# --- Redis gone, wiped, poisoned ---------------------------------------------------------------------------


def arrive(sink, messages, *, seconds=20):
    """Wait until each message arrived once; fail when one did not, or came twice."""
    deadline = time.monotonic() + seconds
    while len(sink.copies()) < len(messages) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sink.copies() == {message.pk: 1 for message in messages}


def test_without_redis_and_workers_the_ticker_sends_and_stops_when_asked(sink, valkey, start):
    os.kill(valkey.child.pid, signal.SIGKILL)
    messages = promises(20)

    ticker = start(TICKER, REDIS_URL=valkey.url)

    arrive(sink, messages)
    ticker.send_signal(signal.SIGTERM)
    assert ticker.wait(5) == 0
    assert Heartbeat.objects.get(name="ticker").finished == 20


def test_a_ticker_whose_database_goes_away_comes_back(sink, start):
    ticker = start(TICKER)
    first = promises(3)
    arrive(sink, first)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0] >= 1

    arrive(sink, first + promises(3))
    assert ticker.poll() is None


def test_a_wiped_and_poisoned_queue_costs_lateness_only(sink, valkey, start):
    import redis

    server = redis.Redis(unix_socket_path=urlsplit(valkey.url).path)
    server.lpush("celery", b"no hint at all", b"{}", b'{"body": "bm8=", "headers": {}, "properties": {}}')
    hint = hinter(valkey)
    messages = promises(10)
    for _ in range(300):
        hint()
    server.flushall()
    for _ in range(300):
        hint()
    start(WORKER, REDIS_URL=valkey.url)
    start(TICKER, REDIS_URL=valkey.url)

    arrive(sink, messages)


def test_a_hint_into_a_broken_redis_takes_no_time(monkeypatch, tmp_path):
    import socket

    from messaging import tasks

    silent = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(silent))
        server.listen(8)
        for url in (f"redis+socket://{silent}?virtual_host=0", f"redis+socket://{tmp_path}/nothing?virtual_host=0"):
            monkeypatch.setattr(tasks, "_no_hints_until", 0.0)
            monkeypatch.setitem(app.conf, "broker_url", url)
            began = time.monotonic()
            assert tasks.hint() is False
            assert time.monotonic() - began < 0.5
            assert tasks.hint() is False  # and the next one does not even try


def test_leases_and_calls_keep_their_distance_in_production():
    assert django_settings.OUTGOING_LEASE_SECONDS >= 4 * django_settings.OUTGOING_CALL_SECONDS
