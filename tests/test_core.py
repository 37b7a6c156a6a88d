"""Times as people type them, keys that make one row, edits that notice each other, logs without people."""

import datetime as dt
import logging
import threading
import zoneinfo

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.http import HttpResponse, HttpResponseRedirect
from django.test import RequestFactory
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Stale
from core.idempotency import idempotent
from core.logs import NoPersonalData
from core.models import Happening, IdempotencyKey
from core.times import instant, parse_date, parse_time, wall_clock
from people.models import Organization
from tests import factories as make

TODAY = dt.date(2026, 11, 20)  # a Friday


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2pm", (14, 0)),
        ("2 PM", (14, 0)),
        ("930", (9, 30)),
        ("9:30", (9, 30)),
        ("9.30 p.m.", (21, 30)),
        ("1430", (14, 30)),
        ("14h30", (14, 30)),
        ("12am", (0, 0)),
        ("12 pm", (12, 0)),
        ("noon", (12, 0)),
        ("midnight", (0, 0)),
        ("3", (15, 0)),
        ("03:15", (3, 15)),
        ("7", (7, 0)),
        ("0815", (8, 15)),
    ],
)
def test_a_time_is_taken_as_people_type_it(typed, meant):
    assert parse_time(typed) == dt.time(*meant)


@pytest.mark.parametrize("typed", ["", "25:00", "9:75", "13pm", "0am", "soon", "9::30", "\x00", "9" * 50, "２pm ago"])
def test_what_is_no_time_is_refused_with_a_sentence(typed):
    with pytest.raises(ValueError, match=r"\."):
        parse_time(typed)


@pytest.mark.parametrize(
    ("typed", "past", "meant"),
    [
        ("7/9/81", True, (1981, 7, 9)),
        ("07091981", True, (1981, 7, 9)),
        ("7-9-1981", True, (1981, 7, 9)),
        ("1981-07-09", True, (1981, 7, 9)),
        ("Jul 9, 1981", True, (1981, 7, 9)),
        ("9 July 81", True, (1981, 7, 9)),
        ("1/5/26", True, (2026, 1, 5)),
        ("12/24/26", True, (1926, 12, 24)),
        ("12/24", False, (2026, 12, 24)),
        ("1/5", False, (2027, 1, 5)),
        ("11/20", False, (2026, 11, 20)),
        ("2/29", False, (2028, 2, 29)),
        ("today", False, (2026, 11, 20)),
        ("tomorrow", False, (2026, 11, 21)),
        ("fri", False, (2026, 11, 27)),
        ("Monday", False, (2026, 11, 23)),
        ("mon", True, (2026, 11, 16)),
    ],
)
def test_a_date_is_taken_as_people_type_it(typed, past, meant):
    assert parse_date(typed, TODAY, past=past) == dt.date(*meant)


@pytest.mark.parametrize(
    "typed", ["", "13/40/81", "2/30/2020", "soon", "0/0/0", "9999999", "\x00", "1/1/99999", "²/3/81"]
)
def test_what_is_no_date_is_refused_with_a_sentence(typed):
    with pytest.raises(ValueError, match="Enter a date"):
        parse_date(typed, TODAY)


@given(st.text(max_size=30))
@settings(max_examples=300, deadline=None)
def test_any_typed_text_is_a_date_or_a_sentence(text):
    for parse in (parse_time, lambda t: parse_date(t, TODAY)):
        answer = _answer(parse, text)
        assert isinstance(answer, dt.date | dt.time) or answer.endswith(".")


def _answer(parse, text):
    try:
        return parse(text)
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize(
    ("zone", "local", "utc"),
    [
        ("America/New_York", (2026, 3, 8, 2, 30), (2026, 3, 8, 7, 0)),  # skipped: 3:00 EDT
        ("America/New_York", (2026, 11, 1, 1, 30), (2026, 11, 1, 5, 30)),  # twice: the first
        ("America/Phoenix", (2026, 3, 8, 2, 30), (2026, 3, 8, 9, 30)),
        ("Australia/Lord_Howe", (2026, 10, 4, 2, 15), (2026, 10, 3, 15, 30)),  # half an hour skipped
        ("Europe/London", (2026, 3, 29, 1, 0), (2026, 3, 29, 1, 0)),
    ],
)
def test_every_wall_clock_time_is_one_instant(zone, local, utc):
    *day, hour, minute = local

    assert instant(dt.date(*day), dt.time(hour, minute), zone) == dt.datetime(*utc, tzinfo=dt.UTC)


ZONES = sorted(zone for zone in zoneinfo.available_timezones() if "/" in zone and not zone.startswith("Etc"))


@given(
    st.sampled_from(ZONES),
    st.dates(dt.date(2026, 1, 1), dt.date(2031, 12, 31)),
    st.integers(0, 95),
)
@settings(max_examples=500, deadline=None)
def test_the_instant_of_a_wall_clock_time_shows_that_time_or_the_end_of_the_gap(zone, day, quarter):
    time = dt.time(quarter // 4, quarter % 4 * 15)

    shown = wall_clock(instant(day, time, zone), zone)

    assert shown >= (day, time)
    assert shown == (day, time) or shown <= wall_clock(instant(day, time, zone) + dt.timedelta(seconds=1), zone)


# --- one create request, one row -----------------------------------------------------------------

KEY = "0f0e0d0c-0b0a-4908-8706-050403020100"


@idempotent
def create(request):
    """A create view of the tests: refuses an empty name with the form, else makes an organization."""
    name = request.POST.get("name", "")
    if not name:
        return HttpResponse("Enter a name.", status=200)
    row = Organization.objects.create(name=name, kind="other")
    return HttpResponseRedirect(f"/made/{row.pk}")


def send(user=None, key=KEY, name="Elm", **headers):
    request = RequestFactory().post("/make", {"name": name, "idempotency_key": key}, headers=headers)
    request.user = user or AnonymousUser()
    request.session = {}

    class match:
        view_name = "test:make"

    request.resolver_match = match
    return create(request)


def test_a_repeat_makes_one_row_and_gets_the_first_answer():
    user = make.make_user()

    first, second = send(user), send(user)

    assert first["Location"] == second["Location"]
    assert Organization.objects.count() == 1
    assert [h.verb for h in Happening.objects.filter(actor=user)] == ["form.repeated"]


def test_the_header_serves_as_well_as_the_field():
    user = make.make_user()

    first = send(user, key="", **{"Idempotency-Key": KEY})

    assert send(user)["Location"] == first["Location"]


def test_other_content_under_the_same_key_is_refused():
    user = make.make_user()
    send(user)

    assert send(user, name="Oak").status_code == 409
    assert Organization.objects.count() == 1


def test_a_key_belongs_to_its_user():
    first = send(make.make_user(), name="Elm")

    second = send(make.make_user(), name="Oak")

    assert (first.status_code, second.status_code, Organization.objects.count()) == (302, 302, 2)


def test_only_successes_are_kept():
    user = make.make_user()

    assert send(user, name="").status_code == 200
    assert IdempotencyKey.objects.count() == 0
    assert send(user, name="Elm").status_code == 302


@pytest.mark.parametrize("key", ["", "short", "x" * 65, "nul\x00nul-nul"])
def test_a_create_without_a_usable_key_is_refused(key):
    assert send(make.make_user(), key=key).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_a_double_click_makes_one_row_even_at_the_same_instant():
    user = make.make_user()
    answers, start = [], threading.Barrier(8)

    def click():
        start.wait()
        answers.append(send(user)["Location"])
        connection.close()

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 8
    assert len(set(answers)) == 1
    assert Organization.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_key_a_double_click_makes_several_rows():
    """The negative control of the test above."""
    start, view = threading.Barrier(4), create.__wrapped__

    def click():
        request = RequestFactory().post("/make", {"name": f"Elm {threading.get_ident()}"})
        start.wait()
        view(request)
        connection.close()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Organization.objects.count() > 1


# --- edits and logs --------------------------------------------------------------------------------


def test_a_stale_edit_overwrites_nothing():
    facility = make.make_facility()
    mine, theirs = type(facility).objects.get(pk=facility.pk), type(facility).objects.get(pk=facility.pk)
    theirs.city = "Newer"
    theirs.save_if_current(1, fields=["city"])
    mine.city = "Older"

    with pytest.raises(Stale):
        mine.save_if_current(1, fields=["city"])

    facility.refresh_from_db()
    assert (facility.city, facility.version) == ("Newer", 2)


def test_every_change_is_in_the_history_even_a_bulk_update_and_the_history_cannot_be_changed():
    person = make.make_person()
    type(person).objects.filter(pk=person.pk).update(given_name="Changed")
    history = type(person).pgh_event_models["insert"].objects.filter(pgh_obj_id=person.pk)

    assert [e.pgh_label for e in history.order_by("pgh_id")] == ["insert", "update"]
    with pytest.raises(Exception, match="pgtrigger"):
        history.update(given_name="Forged")


def test_log_lines_blot_out_addresses_and_numbers():
    record = logging.LogRecord("x", 20, "", 0, "to maya@example.org at (312) 555-0142 took 12345 ms", (), None)

    line = NoPersonalData("%(message)s").format(record)

    assert line == "to [removed] at [removed] took 12345 ms"
