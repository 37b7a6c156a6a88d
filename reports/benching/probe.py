"""What is measured inside one process on the benchmark's database: raw queries, the service, and SQL counts."""

import json
import random
import statistics
import time

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse

from accounts.models import Facility, User
from admissions.lists import _key
from admissions.models import Inquiry, IntakeCall

CALLS = 50


def prepare(out):
    """Sessions of a coordinator and a manager, one record with 50 calls, keys of deep pages. Prints one object."""
    facility = Facility.objects.get(slug="bench-1")
    inquiry = Inquiry.objects.filter(facility=facility, stage="closed", channel="web").order_by("opened_at")[0]
    some = inquiry.calls.all()[0]
    missing = CALLS - inquiry.calls.count()
    for _ in range(missing):
        some.pk, some.notes = None, "Asked about visiting times."
        some._state.adding = True
        some.id = IntakeCall().id
        some.save(force_insert=True)
    rows = Inquiry.objects.filter(facility=facility).order_by("-opened_at", "-id")
    count = rows.count()
    deep = [_key(rows[int(count * part)]) for part in (0.3, 0.5, 0.7, 0.9)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), current_setting('fsync'),"
            " current_setting('synchronous_commit'), current_setting('shared_buffers')"
        )
        postgres = dict(
            zip(["version", "fsync", "synchronous_commit", "shared_buffers"], cursor.fetchone(), strict=True)
        )
    out(
        postgres=postgres,
        cookies={name: f"{settings.SESSION_COOKIE_NAME}={_session(name)}" for name in ("bench0", "bench1")},
        facility=str(facility.pk),
        record=str(inquiry.pk),
        person=str(inquiry.person_id),
        deep=deep,
        inquiries=Inquiry.objects.count(),
    )


def _session(username):
    user = User.objects.get(username=username)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session["facility"] = str(user.home_facility_id)
    session.save()
    return session.session_key


def queries(out):
    """SQL statements of each page, the second time it is asked for in a process."""
    facility = Facility.objects.get(slug="bench-1")
    inquiry = Inquiry.objects.filter(facility=facility, stage="closed", channel="web").order_by("opened_at")[0]
    pages = {
        "inquiry list": ("bench0", "admissions:inquiries", [], 8),
        "inquiry record, 50 calls": ("bench0", "admissions:inquiry", [inquiry.pk], 12),
        "person": ("bench0", "admissions:person", [inquiry.person_id], 12),
        "workbench": ("bench0", "admissions:workbench", [], None),
        "bed board": ("bench0", "programs:board", [], 4),
        "dashboard": ("bench1", "reports:dashboard", [], 8),
    }
    for page, (username, name, args, goal) in pages.items():
        try:
            path = reverse(name, args=args)
        except NoReverseMatch:
            continue
        client = Client(SERVER_NAME="127.0.0.1")
        client.force_login(User.objects.get(username=username))
        client.get(path)
        with CaptureQueriesContext(connection) as asked:
            status = client.get(path).status_code
        count = sum(not query["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")) for query in asked)
        out(operation=f"queries: {page}", status=status, queries=count, goal=goal, met=goal is None or count <= goal)


def raw(out, repeat):
    """The raw queries behind the record and the creation, and the creation by the service the public form calls."""
    from admissions.public import receive_web_inquiry

    facility = Facility.objects.get(slug="bench-1")
    rng = random.Random(1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM admissions_inquiry ORDER BY id LIMIT 500")
        ids = [pk for (pk,) in cursor.fetchall()]
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS bench_row (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, word text)"
        )

    def record():
        pk = rng.choice(ids)
        _ask("SELECT * FROM admissions_inquiry i JOIN people_person p ON p.id = i.person_id WHERE i.id = %s", pk)
        _ask("SELECT * FROM admissions_intakecall WHERE inquiry_id = %s ORDER BY began_at DESC LIMIT 50", pk)

    def insert():
        _ask("INSERT INTO bench_row (word) VALUES (%s) RETURNING id", str(rng.random()))

    def search():
        part = rng.choice(["wood", "lowe", "devin", "nakam", "ziegl", "hart", "sorens", "mario"])
        _ask("SELECT id FROM people_person WHERE search_name LIKE %s LIMIT 20", f"%{part}%")

    def create():
        n = rng.randrange(10**6)
        fields = {
            "who": "self",
            "first": "Devin",
            "last": f"Oakes{n}",
            "reach": f"+1999{n:07d}",
            "message": "I would like to stop.",
        }
        receive_web_inquiry(facility, fields, suspect="")

    found = {name: [] for name in ("record", "insert", "search", "create")}
    cpu = {name: [] for name in found}
    jobs = {"record": record, "insert": insert, "search": search, "create": create}
    for _ in range(repeat):
        for name, job in jobs.items():
            times, used = [], time.process_time()
            for turn in range(23):
                began = time.perf_counter()
                with transaction.atomic():
                    job()
                if turn >= 3:
                    times.append((time.perf_counter() - began) * 1000)
            found[name].append(sorted(times))
            cpu[name].append((time.process_time() - used) * 1000 / 23)
    for name, rounds in found.items():
        out(
            raw=name,
            p50=round(statistics.median(statistics.median(times) for times in rounds), 3),
            p95=round(statistics.median(times[-2] for times in rounds), 3),
            cpu=round(statistics.median(cpu[name]), 3),
        )


def _ask(sql, value):
    with connection.cursor() as cursor:
        cursor.execute(sql, [value])
        cursor.fetchall()


def run(what, repeat, write):
    """`what` is prepare, queries or raw; prints JSON lines."""

    def out(**line):
        write(json.dumps(line))

    {"prepare": prepare, "queries": queries}[what](out) if what != "raw" else raw(out, repeat)
