"""32 clients after 5 beds (I-01, I-03 to I-05; F-01): no overlap, nobody sees an error, and the harness can fail.

The same threads run three times: as the product is, with the lock taken away (the constraint alone must hold), and
against copies of the tables without the constraint and without the lock, where overlaps must appear.
"""

import datetime as dt
import random
import threading
import time
import uuid
from collections import Counter
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.permissions import Role
from admissions import journey
from core.errors import Refused
from programs import services
from programs.enums import Category, UseState
from programs.models import Bed, BedHold, BedUse, Placement, Stay
from reports.invariants import INVARIANTS
from tests import factories as make

CLIENTS, BEDS = 32, 5
SERVICE_ROUNDS, HTTP_ROUNDS = 8, 4
SEED = 20261121

pytestmark = [
    pytest.mark.fault,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(180),
    pytest.mark.xdist_group("faults"),
]


@pytest.fixture
def house():
    """Five detox beds, five residential beds, and for each client a supervisor and an inquiry."""
    facility = make.make_facility()
    detox = make.make_program(facility=facility)
    residential = make.make_program(facility=facility, category=Category.RES_HIGH)
    return SimpleNamespace(
        facility=facility,
        detox=detox,
        beds=[make.make_bed(program=detox) for _ in range(BEDS)],
        next_beds=[make.make_bed(program=residential) for _ in range(BEDS)],
        users=[make.make_user(at=facility, role=Role.CLINICIAN, flags=["supervisor"]) for _ in range(CLIENTS)],
        inquiries=[make.make_inquiry(facility=facility) for _ in range(CLIENTS)],
        clinician=make.make_user(at=facility, role=Role.CLINICIAN, flags=["supervisor"]),
    )


def together(work, clients):
    """Run `work(n)` in `clients` threads that start at one barrier. Answers (Counter of outcomes, errors, seconds)."""
    barrier, counted, errors, lock = threading.Barrier(clients), Counter(), [], threading.Lock()

    def run(n):
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            outcome = work(n)
        except Exception as error:  # whatever it is, a client would have seen it
            outcome = Counter(error=1)
            with lock:
                errors.append(repr(error))
        finally:
            connection.close()
        with lock:
            counted.update(outcome)

    began = time.monotonic()
    threads = [threading.Thread(target=run, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    return counted, errors, time.monotonic() - began


def overlaps(schema="public"):
    """Pairs of firm uses of one bed that meet in time; what must be 0."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT count(*) FROM {schema}.programs_beduse a JOIN {schema}.programs_beduse b
                    ON a.bed_id = b.bed_id AND a.id < b.id AND a.period && b.period
                 WHERE a.state = 'firm' AND b.state = 'firm'"""
        )
        return cursor.fetchone()[0]


def violations():
    """Names of the invariants of beds and stays that do not hold."""
    broken = {}
    with connection.cursor() as cursor:
        for name, sql in INVARIANTS.items():
            if any(word in name for word in ("bed", "placement", "stay", "hold")):
                cursor.execute(sql)
                if count := cursor.fetchone()[0]:
                    broken[name] = count
    return broken


def said(title, counted, seconds):
    told = ", ".join(f"{name} {count}" for name, count in sorted(counted.items()))
    print(f"\n{title}: {told}; {sum(counted.values())} attempts in {seconds:.1f} s")


def at_random(house, *, rounds):
    """A client's life: hold, extend, confirm, let go, move, leave, in an order the seed decides."""

    def live(n):
        dice, counted = random.Random(SEED + n), Counter()
        user, inquiry = house.users[n], house.inquiries[n]
        for _ in range(rounds):
            held = BedHold.objects.open().filter(held_by=user).with_bed().first()
            stay = Stay.objects.current().filter(person=inquiry.person_id).select_related("person", "facility").first()
            verb, act = _next(dice, house, user, inquiry, held, stay)
            try:
                act()
                counted[f"{verb} done"] += 1
            except Refused as refusal:
                counted[f"refused {refusal.code}"] += 1
        return counted

    return live


def _next(dice, house, user, inquiry, held, stay):
    if stay:
        if dice.random() < 0.6:
            bed = dice.choice(house.next_beds + house.beds)
            return "move", lambda: journey.step_down(stay, bed=bed, by=user, cleaning=False)
        # Without the aftercare and the closing of the inquiry, so that the bed comes back into the race.
        return "leave", lambda: services.end_stay(stay, type="completed", by=user)
    if held:
        choice = dice.random()
        until = timezone.now() + dt.timedelta(hours=3)
        if choice < 0.3:
            return "release", lambda: services.release(held, reason="Changed", by=user)
        if choice < 0.5:
            return "extend", lambda: services.extend(held, until=until, by=user, version=held.version)
        return "confirm", lambda: services.start_stay(
            facility=house.facility, person=inquiry.person, hold=held, by=user
        )
    bed = dice.choice(house.beds)
    lasts = dt.timedelta(milliseconds=dice.choice([5, 40, 7_200_000]))  # some lapse while others try

    def hold():
        now = timezone.now()
        services.hold(bed, person=inquiry.person, by=user, reason="Race", at=now, until=now + lasts)

    return "hold", hold


@pytest.mark.parametrize("has_lock", [True, False], ids=["as it is", "the constraint alone"])
def test_32_clients_after_5_beds_never_overlap_and_never_see_an_error(house, monkeypatch, has_lock):
    if not has_lock:
        monkeypatch.setattr(services, "_lock", _look_without_locking)

    counted, errors, seconds = together(at_random(house, rounds=SERVICE_ROUNDS), CLIENTS)

    said(f"services, {'lock and constraint' if has_lock else 'constraint alone'}", counted, seconds)
    assert errors == []
    assert counted["hold done"] >= BEDS
    assert counted["refused bed_taken"] > 0, "without contention this shows nothing"
    if has_lock:
        assert counted["refused race"] == 0, "who waits for the lock is told facts, not to try again"
    assert overlaps() == 0
    assert violations() == {}


def _look_without_locking(*beds):
    ids = [bed.pk for bed in beds if bed is not None]
    return {bed.pk: bed for bed in Bed.objects.select_related("unit__program__facility").filter(pk__in=ids)}


def test_without_lock_and_constraint_the_same_clients_do_overlap(house, monkeypatch):
    """The negative control: if this stays at 0, the tests above show nothing."""
    monkeypatch.setattr(services, "_lock", _look_without_locking)
    tables = ("programs_beduse", "programs_bedhold")
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS unguarded CASCADE; CREATE SCHEMA unguarded")
        for table in tables:  # columns only: no constraint, no index, no trigger
            cursor.execute(f"CREATE TABLE unguarded.{table} (LIKE public.{table})")

    def hold(n):
        with connection.cursor() as cursor:
            cursor.execute("SET search_path = unguarded, public")
        dice, counted = random.Random(SEED + n), Counter()
        for _ in range(SERVICE_ROUNDS):
            try:
                services.hold(
                    dice.choice(house.beds), person=house.inquiries[n].person, by=house.users[n], reason="Race"
                )
                counted["hold done"] += 1
            except Refused as refusal:
                counted[f"refused {refusal.code}"] += 1
        return counted

    try:
        counted, errors, seconds = together(hold, CLIENTS)
        found = overlaps("unguarded")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA unguarded CASCADE")

    said(f"negative control, {found} overlapping pairs", counted, seconds)
    assert errors == []
    assert found > 0


def test_50_at_once_want_the_last_bed_and_one_gets_it(house):
    """Every other one is told by whom it is held and until when."""
    last, *others = house.beds
    for bed in others:
        services.block(bed, reason="Painting", by=house.clinician)
    people = [make.make_person(at=house.facility) for _ in range(50)]
    refusals, users = [], house.users

    def want(n):
        try:
            services.hold(last, person=people[n], by=users[n % CLIENTS], reason="Race")
        except services.BedTaken as refusal:
            refusals.append(refusal)
            return Counter(refused=1)
        return Counter(held=1)

    counted, errors, seconds = together(want, 50)

    said("the last bed", counted, seconds)
    held = BedHold.objects.select_related("use", "held_by").get()
    assert (errors, counted) == ([], Counter(held=1, refused=49))
    assert {refusal.until for refusal in refusals} == {held.use.expires_at}
    assert {str(refusal) for refusal in refusals} == {
        f"{last} is held by {held.held_by} until {services._said(held.use.expires_at, house.facility)}. "
        "No other bed in Detox is free now."
    }


def test_the_limit_of_three_holds_outlives_ten_forms_sent_at_once(house):
    coordinator = make.make_user(at=house.facility)
    beds = house.beds + [make.make_bed(program=house.detox) for _ in range(5)]
    person = house.inquiries[0].person

    def hold(n):
        try:
            services.hold(beds[n], person=person, by=coordinator, reason="Race")
        except services.BeyondLimits:
            return Counter(refused=1)
        return Counter(held=1)

    counted, errors, _ = together(hold, 10)

    assert (errors, counted) == ([], Counter(held=3, refused=7))


def test_one_hold_is_confirmed_let_go_or_lapses_but_never_two_of_them(house):
    """Confirm and release of each hold race each other; exactly one of them wins."""
    wins = Counter()
    for n in range(4):
        bed, inquiry = house.beds[n % BEDS], house.inquiries[n]
        held = services.hold(bed, person=inquiry.person, by=house.users[n], reason="Race")

        def act(who, held=held, inquiry=inquiry):
            verb = (
                (lambda: services.start_stay(
                    facility=house.facility, person=inquiry.person, hold=held, by=house.clinician
                ))
                if who % 2
                else (lambda: services.release(held, reason="Changed", by=house.clinician))
            )  # fmt: skip
            try:
                verb()
            except Refused:
                return Counter(refused=1)
            return Counter({"confirmed" if who % 2 else "released": 1})

        counted, errors, _ = together(act, 6)
        assert errors == []
        assert counted["refused"] == 5
        assert counted["confirmed"] + counted["released"] == 1
        assert BedUse.objects.get(hold=held).state in (UseState.FULFILLED, UseState.RELEASED)
        wins.update(counted)
        for stay in Stay.objects.current().select_related("person"):
            services.end_stay(stay, type="other", by=house.clinician)
    assert violations() == {}


def test_two_moves_of_one_person_make_one(house):
    stay = services.start_stay(
        facility=house.facility, person=house.inquiries[0].person, bed=house.beds[0], by=house.clinician,
        at=timezone.now() - dt.timedelta(hours=1),
    )  # fmt: skip
    before = stay.placements.get()

    def move(n):
        try:
            journey.step_down(stay, bed=house.next_beds[n], by=house.users[n], expected=before)
        except Refused as refusal:
            return Counter({refusal.code: 1})
        return Counter(moved=1)

    counted, errors, _ = together(move, BEDS)

    assert (errors, counted) == ([], Counter(moved=1, not_in_care=BEDS - 1))
    assert Placement.objects.current().count() == 1
    assert BedUse.objects.taking_now().filter(kind="placement").count() == 1


def test_32_browsers_after_5_beds_get_a_page_or_a_redirect_and_never_overlap(house):
    """The same through addresses, sessions, forms and idempotency keys: no 500 for anybody."""
    for inquiry in house.inquiries:
        journey.decide(inquiry, outcome="accepted", program=house.detox, reason="Fits", by=house.clinician)

    def browse(n):
        client = Client(raise_request_exception=False)
        client.force_login(house.users[n])
        dice, counted, inquiry = random.Random(SEED + n), Counter(), house.inquiries[n]
        for _ in range(HTTP_ROUNDS):
            held = BedHold.objects.open().filter(held_by=house.users[n]).with_bed().first()
            data = {"idempotency_key": uuid.uuid4().hex}
            if held and dice.random() < 0.5:
                name, args = "programs:release", [held.pk]
                data |= {"reason": "Changed"}
            elif held:
                name, args = "admissions:admit", [inquiry.pk]
                data |= {"bed": held.use.bed_id, "hold": held.pk}
            else:
                name, args = "admissions:hold", [inquiry.pk]
                data |= {"bed": dice.choice(house.beds).pk, "lasts": "120"}
            status = client.post(reverse(name, args=args), data).status_code
            counted[f"{name.split(':')[1]} {status}"] += 1
        return counted

    counted, errors, seconds = together(browse, CLIENTS)

    said("HTTP", counted, seconds)
    assert errors == []
    assert {key.split()[1] for key in counted} <= {"200", "302"}
    assert counted["hold 302"] >= BEDS
    assert counted["hold 200"] > 0, "without contention this shows nothing"
    assert overlaps() == 0
    assert violations() == {}
