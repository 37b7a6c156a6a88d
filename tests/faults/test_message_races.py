"""A stop, and the limit of one message a day, hold when everything happens at the same instant (I-13, F-08, F-13)."""

import datetime as dt
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from django.db import connection, transaction

from core.times import instant
from messaging import engine, purposes, services
from messaging.models import Attempt, Message
from messaging.purposes import No, Say
from tests import factories as make

pytestmark = [
    pytest.mark.fault,
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("faults"),
]
NOON = instant(dt.date(2026, 11, 20), dt.time(13), "America/New_York")


@pytest.fixture(autouse=True)
def _noon(monkeypatch, settings):
    settings.LOCAL_MAIL = True
    spoken = purposes.Purpose(lambda message: Say("Reminder", "x"), "Spoken")
    monkeypatch.setitem(purposes._purposes, "spoken", spoken)
    with time_machine.travel(NOON, tick=True):
        yield


def in_threads(*functions):
    """Run the functions at once, each with a connection of its own; their answers in order."""

    def alone(function):
        try:
            return function()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(functions)) as pool:
        return [future.result(timeout=20) for future in [pool.submit(alone, function) for function in functions]]


def to(email):
    return make.make_message(
        contact_point=email,
        purpose="spoken",
        due_at=NOON - dt.timedelta(seconds=1),
        expires_at=NOON + dt.timedelta(days=2),
    )


def test_a_stop_that_is_being_written_down_is_waited_for():
    email = make.make_email(make.make_person(zone="America/New_York"))
    to(email)
    (claimed,) = engine.claim(1)
    is_written = threading.Event()

    def stop():
        with transaction.atomic():
            services.opt_out(email, source="said on the phone", by=None)
            is_written.set()
            time.sleep(0.5)  # written, and not yet committed

    def gate():
        is_written.wait()
        began = time.monotonic()
        return engine.gate(claimed), time.monotonic() - began

    _, (verdict, waited) = in_threads(stop, gate)

    assert verdict == No("opted_out")
    assert waited > 0.3
    assert not Attempt.objects.exists()


def test_a_yes_taken_back_at_the_same_instant_is_waited_for():
    email = make.make_email(make.make_person(zone="America/New_York"))
    to(email)
    (claimed,) = engine.claim(1)
    is_written = threading.Event()

    def take_back():
        with transaction.atomic():
            type(email).objects.filter(pk=email.pk).update(ok_to_email=False)
            is_written.set()
            time.sleep(0.3)

    def gate():
        is_written.wait()
        return engine.gate(claimed)

    assert in_threads(take_back, gate)[1] == No("no_consent")


def test_of_two_messages_to_one_person_at_the_same_instant_one_waits_for_tomorrow():
    rounds = 8
    for _ in range(rounds):
        person = make.make_person(zone="America/New_York")
        for _ in range(2):
            to(make.make_email(person))
    claimed = engine.claim(2 * rounds)
    pairs = [[m for m in claimed if m.person_id == pk] for pk in {m.person_id for m in claimed}]

    for pair in pairs:
        together = threading.Barrier(2)

        def gate(message, together=together):
            together.wait()
            return engine.gate(message)

        verdicts = in_threads(*(lambda message=message: gate(message) for message in pair))
        assert sorted(type(verdict).__name__ for verdict in verdicts) == ["Later", "Say"]


def test_without_the_lock_on_the_person_both_would_leave(monkeypatch):
    """The control: the same race is lost when nobody waits for the other."""
    monkeypatch.setattr(
        type(make.make_person()).objects.none().__class__, "select_for_update", lambda self, **how: self
    )
    lost = 0
    for _ in range(8):
        person = make.make_person(zone="America/New_York")
        for _ in range(2):
            to(make.make_email(person))
    claimed = list(Message.objects.select_related("facility", "user", "contact_point", "person"))
    pairs = [[m for m in claimed if m.person_id == pk] for pk in {m.person_id for m in claimed}]
    for pair in pairs:
        together = threading.Barrier(2)

        def gate(message, together=together):
            with transaction.atomic():
                verdict = engine._verdict(message, NOON)
                together.wait(10)  # both have looked, none has written
            return verdict

        verdicts = in_threads(*(lambda message=message: gate(message) for message in pair))
        lost += all(isinstance(verdict, Say) for verdict in verdicts)
    assert lost == 8
