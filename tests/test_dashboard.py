"""Every figure is the length of its list, and both equal a recount by hand."""

import datetime as dt
import re
from contextlib import contextmanager
from statistics import median
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.permissions import Role
from admissions.enums import Channel, Stage
from admissions.models import Inquiry
from core.times import instant
from people.models import ReadEvent
from programs.enums import Category, UseKind
from programs.models import Stay
from reports import dashboard, lists
from reports.definitions import FIGURES
from reports.periods import Period
from tests import factories as make
from work.models import Task

HOUR = dt.timedelta(hours=1)
# Half past eight in the evening in Chicago on the day the clocks went back: already tomorrow in Auckland, and in UTC.
AFTER_DST = dt.datetime(2026, 11, 2, 2, 30, tzinfo=dt.UTC)
AFTER_SPRING = dt.datetime(2026, 3, 9, 2, 30, tzinfo=dt.UTC)


@pytest.fixture(params=[AFTER_DST, AFTER_SPRING], ids=["clocks went back", "clocks went forward"])
def world(request):
    """Two facilities half a day apart, and a row of everything at each side of every midnight that matters."""
    now = request.param
    facilities = (make.make_facility(zone="America/Chicago"), make.make_facility(zone="Pacific/Auckland"))
    for facility in facilities:
        today = facility.today(now)
        edges = [
            instant(today - dt.timedelta(days=n), dt.time(0), facility.zone) for n in (-1, 0, 1, 6, 7, 29, 30, 89, 90)
        ]
        for number, at in enumerate(at for edge in edges for at in (edge - dt.timedelta(minutes=1), edge)):
            _inquiry(facility, at, number)
            _stay(facility, at, number)
            _promise(facility, at, number, now)
    return Period(facilities, 7, now)


def _inquiry(facility, at, number):
    """Every third by telephone, reached at once; the others after 5, 20 … minutes or not yet."""
    channel = [Channel.CALL, Channel.WEB, Channel.REFERRAL][number % 3]
    wait = {Channel.CALL: 0}.get(channel, [5, 20, None, 14][number % 4])
    reached = None if wait is None else at + dt.timedelta(minutes=wait)
    values = {"channel": channel, "opened_at": at, "first_attempt_at": reached, "first_reached_at": reached}
    if number % 5 == 1:
        values |= {"stage": Stage.ADMITTED, "admitted_at": at + HOUR}
    elif number % 7 == 2:
        values |= {"stage": Stage.CLOSED, "closed_at": at + HOUR, "closed_because": "spam"}
    elif number % 7 == 3:
        values |= {"is_suspect": True}
    make.make_inquiry(facility=facility, source=["search", "family", "unknown"][number % 3], **values)


def _stay(facility, at, number):
    ended = {"discharged_at": at, "discharge_type": "completed"} if number % 2 else {}
    Stay.objects.create(
        facility=facility,
        person=make.make_person(at=facility),
        admitted_at=at - 50 * HOUR if number % 2 else at,
        **ended,
    )


def _promise(facility, at, number, now):
    state = ["kept", "broken", "open", "cancelled"][number % 4]
    closed = {} if state == "open" else {"state": state, "closed_at": at, "outcome": "Told"}
    make.make_task(facility=facility, due_at=at if state != "open" else now - dt.timedelta(minutes=number), **closed)
    make.make_task(facility=facility, kind="decision", due_at=now - HOUR)


def recount(period):
    """Every figure again in plain Python, row by row."""

    def day(at, facility):
        return at.astimezone(facility.time_zone).date()

    def within(at, facility):
        today = day(period.now, facility)
        return at is not None and today - dt.timedelta(days=period.days - 1) <= day(at, facility) <= today

    def today(at, facility):
        return at is not None and day(at, facility) == day(period.now, facility)

    cohort = [
        row
        for row in Inquiry.objects.select_related("facility")
        if within(row.opened_at, row.facility)
        and not row.is_suspect
        and row.closed_because not in ("spam", "duplicate")
    ]
    by_us = [row for row in cohort if row.channel in ("web", "referral")]
    waits = [row.first_reached_at - row.opened_at for row in by_us if row.first_reached_at]
    stays = list(Stay.objects.select_related("facility"))
    promises = list(Task.objects.filter(kind="promise").select_related("facility"))
    counted = {
        "inquiries": len(cohort),
        "reached": sum(row.first_reached_at is not None for row in cohort),
        "admitted": sum(row.stage == "admitted" for row in cohort),
        "timed": len(by_us),
        "answered": len(waits),
        "within_goal": sum(wait <= dt.timedelta(minutes=15) for wait in waits),
        "arrivals": sum(within(row.admitted_at, row.facility) for row in stays),
        "departures": sum(within(row.discharged_at, row.facility) for row in stays),
        "arrivals_today": sum(today(row.admitted_at, row.facility) for row in stays),
        "departures_today": sum(today(row.discharged_at, row.facility) for row in stays),
        "promises_kept": sum(row.state == "kept" and within(row.closed_at, row.facility) for row in promises),
        "promises_broken": sum(row.state == "broken" and within(row.closed_at, row.facility) for row in promises),
        "promises_late": sum(
            row.state == "open" and row.due_at < period.now - dt.timedelta(minutes=5) for row in promises
        ),
    }
    return counted, median(waits)


@pytest.mark.parametrize("days", [7, 30, 90])
def test_every_figure_is_the_length_of_its_list_and_equals_a_recount(world, days):
    period = Period(world.facilities, days, world.now)
    expected, middle = recount(period)

    assert {key: FIGURES[key].rows(period).count() for key in expected} == expected
    assert {key: lists.page(FIGURES[key], period, {}, sees=set()).total for key in expected} == expected
    tiles = {tile.label: tile for tile in dashboard.content(period, everywhere=True)["tiles"]}
    for key in expected.keys() - {"answered", "timed", "departures_today"}:
        assert tiles[FIGURES[key].title].value == str(expected[key]), key
    assert tiles["First contact"].value == dashboard.say_duration(middle)
    assert all(expected.values()) or days == 7, "a figure of zero would prove nothing"


def test_the_chart_and_the_sources_add_up_to_the_figures(world):
    expected, _ = recount(world)
    content = dashboard.content(world, everywhere=True)

    table = content["chart"].table
    assert [sum(column) for column in list(zip(*table, strict=True))[1:]] == [
        expected["inquiries"], expected["reached"], expected["admitted"],
    ]  # fmt: skip
    assert sum(row.inquiries for row in content["sources"]) == expected["inquiries"]
    assert sum(row.admitted for row in content["sources"]) == expected["admitted"]
    for row in content["sources"]:
        for key in ("inquiries", "reached", "admitted"):
            asked = {name: values[0] for name, values in parse_qs(urlsplit(row.urls[key]).query).items()}
            assert lists.page(FIGURES[key], world, asked, sees=set()).total == getattr(row, key)


def test_the_days_of_the_chart_are_the_facilitys_days():
    chicago = make.make_facility(zone="America/Chicago")
    make.make_inquiry(facility=chicago, opened_at=instant(dt.date(2026, 11, 1), dt.time(23, 59), chicago.zone))
    make.make_inquiry(facility=chicago, opened_at=instant(dt.date(2026, 10, 31), dt.time(0, 0), chicago.zone))

    table = dashboard.content(Period((chicago,), 7, AFTER_DST), everywhere=False)["chart"].table

    assert [row[:2] for row in table if row[1]] == [("Oct 31", 1), ("Nov 1", 1)]
    assert len(table) == 7


def test_beds_are_counted_by_what_takes_them_now():
    facility = make.make_facility()
    program = make.make_program(facility=facility, category=Category.RES_MED)
    beds = [make.make_bed(program=program) for _ in range(7)]
    now = timezone.now()
    make.make_placement(bed=beds[0])
    make.make_placement(bed=beds[1])
    make.make_hold(bed=beds[2])
    make.make_hold(bed=beds[3], expires_at=now - dt.timedelta(seconds=1))
    make.make_use(beds[4], kind=UseKind.CLEANING)
    make.make_use(beds[5], kind=UseKind.TENTATIVE)
    make.make_bed(program=program, is_active=False)
    period = Period((facility,))

    (row,) = dashboard.content(period, everywhere=False)["programs"]

    assert (row.taken, row.held, row.out, row.free, row.total) == (2, 1, 1, 3, 7)
    for key, number in {"beds_taken": 2, "beds_held": 1, "beds_out": 1, "beds_free": 3}.items():
        page = lists.page(FIGURES[key], period, {"program": str(program.pk)}, sees={facility.pk})
        assert (page.total, len(page.rows)) == (number, number)
    taken = lists.page(FIGURES["beds_taken"], period, {}, sees={facility.pk})
    assert {person.pk for person in taken.persons} == {bed.uses.get().placement.person_id for bed in beds[:2]}


def test_every_figure_on_the_page_opens_a_list_of_that_length(signed_in):
    facility = make.make_facility()
    manager = make.make_user(at=facility, role=Role.MANAGER)
    now = timezone.now()
    for number in range(3):
        make.make_inquiry(facility=facility, opened_at=now, first_attempt_at=now, first_reached_at=now)
        make.make_placement(facility=facility, start=now)
        make.make_task(facility=facility, state="kept", closed_at=now, outcome="Told", due_at=now)
        make.make_task(facility=facility, due_at=now - HOUR * (number + 1))
    client = signed_in(manager)

    tiles = client.get(reverse("reports:dashboard"), {"days": "7"}).context["tiles"]

    opened = {tile.label: client.get(tile.url).context["page"].total for tile in tiles}
    assert {tile.label: str(opened[tile.label]) for tile in tiles if tile.label != "First contact"} == {
        tile.label: tile.value for tile in tiles if tile.label != "First contact"
    }
    assert opened["Inquiries"] == opened["Arrivals"] == opened["Promises kept"] == opened["Promises late"] == 3


@contextmanager
def asked():
    """The SQL of a request, once it is over, without the savepoints that stand for its transaction in a test."""
    with CaptureQueriesContext(connection) as queries:
        yield lambda: [query["sql"][:90] for query in queries if "SAVEPOINT" not in query["sql"]]


@pytest.mark.parametrize("rows", [1, 3])
def test_the_dashboard_takes_eight_queries_at_most_whatever_the_rows(signed_in, rows):
    facility, other = make.make_facility(), make.make_facility()
    manager = make.make_user(at=facility, role=Role.MANAGER)
    make.Membership.objects.create(user=manager, facility=other, role=Role.MANAGER)
    for place in (facility, other):
        for _ in range(rows):
            make.make_inquiry(facility=place)
            make.make_placement(facility=place)
    client = signed_in(manager)
    client.get(reverse("reports:dashboard"))

    with asked() as queries:
        response = client.get(reverse("reports:dashboard"), {"at": "all"})

    assert response.status_code == 200
    assert len(queries()) == 5, queries()  # session, user with memberships, and three of ours


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("figure", sorted(FIGURES))
def test_a_list_takes_the_same_queries_whatever_the_rows(signed_in, figure, rows):
    facility = make.make_facility()
    manager = make.make_user(at=facility, role=Role.MANAGER)
    now = timezone.now()
    for _ in range(rows):
        make.make_inquiry(
            facility=facility, channel=Channel.WEB, opened_at=now, first_attempt_at=now, first_reached_at=now,
            stage=Stage.ADMITTED, admitted_at=now,
        )  # fmt: skip
        make.make_placement(facility=facility, start=now)
        make.make_hold(facility=facility)
        make.make_bed(facility=facility)
        make.make_use(make.make_bed(facility=facility), kind=UseKind.BLOCK)
        _stay(facility, now, 1)
        for state in ("kept", "broken"):
            make.make_task(facility=facility, state=state, closed_at=now, outcome="Told", due_at=now)
        make.make_task(facility=facility, due_at=now - HOUR)
    client = signed_in(manager)
    client.get(reverse("reports:list", args=[figure]))

    with asked() as queries:
        page = client.get(reverse("reports:list", args=[figure])).context["page"]

    assert page.total >= rows
    bed = figure.startswith("beds_")
    expected = 4 + bed + bool(page.persons)  # session, user; count, rows; what takes the beds; the read event
    assert len(queries()) == expected, queries()


def test_a_list_is_a_read_and_is_written_down(signed_in):
    facility = make.make_facility()
    inquiry = make.make_inquiry(facility=facility)
    client = signed_in(make.make_user(at=facility, role=Role.MANAGER))

    client.get(reverse("reports:dashboard"))
    assert not ReadEvent.objects.exists()
    client.get(reverse("reports:list", args=["inquiries"]))

    event = ReadEvent.objects.get()
    assert (event.page, event.person_ids) == ("reports:list", [inquiry.person_id])


def test_who_may_see_figures_but_no_people_sees_no_names():
    facility = make.make_facility()
    make.make_inquiry(facility=facility, person=make.make_person(at=facility, given_name="Unseen"))

    page = lists.page(FIGURES["inquiries"], Period((facility,)), {}, sees=set())

    assert (page.total, page.persons, page.rows[0].url) == (1, [], "")
    assert "Unseen" not in repr(page)


def test_pages_of_a_long_list_hold_every_row_once():
    facility = make.make_facility()
    at = timezone.now()
    made = {str(make.make_inquiry(facility=facility, opened_at=at).pk) for _ in range(lists.PAGE * 2 + 3)}
    period, seen, after = Period((facility,)), [], ""
    for _ in range(4):
        page = lists.page(FIGURES["inquiries"], period, {"after": after}, sees={facility.pk})
        seen += [row.url.rstrip("/").rsplit("/", 1)[-1] for row in page.rows]
        after = page.older
        if after is None:
            break

    assert (len(seen), set(seen)) == (len(made), made)


@pytest.mark.parametrize(
    "odd",
    [
        "days=-1",
        "days=9e9",
        "days=%00",
        "at=%F0%9F%92%A9",
        "after=%00",
        "after=x",
        "source=%00",
        "program=1",
        "days=7&days=x",
    ],
)
def test_odd_parameters_mean_the_default(signed_in, odd):
    facility = make.make_facility()
    client = signed_in(make.make_user(at=facility, role=Role.MANAGER))

    assert client.get(f"{reverse('reports:dashboard')}?{odd}").status_code == 200
    assert client.get(f"{reverse('reports:list', args=['inquiries'])}?{odd}").status_code == 200
    assert client.get(f"{reverse('reports:list', args=['beds_taken'])}?{odd}").status_code == 200


def test_an_unknown_figure_does_not_exist(signed_in):
    client = signed_in(make.make_user(at=make.make_facility(), role=Role.MANAGER))

    assert client.get(reverse("reports:list", args=["no-such-figure"])).status_code == 404


def test_all_my_facilities_are_those_where_i_may_see_figures(signed_in):
    facility, other, foreign = make.make_facility(), make.make_facility(), make.make_facility()
    manager = make.make_user(at=facility, role=Role.MANAGER)
    make.Membership.objects.create(user=manager, facility=other, role=Role.COORDINATOR)
    for place in (facility, other, foreign):
        make.make_inquiry(facility=place)
    client = signed_in(manager)

    response = client.get(reverse("reports:dashboard"), {"at": "all"})

    assert response.context["period"].facilities == (facility,)
    assert response.context["tiles"][0].value == "1"


def test_an_empty_house_has_a_dashboard_with_a_kind_word(signed_in):
    client = signed_in(make.make_user(at=make.make_facility(), role=Role.MANAGER))

    text = client.get(reverse("reports:dashboard")).content.decode()

    assert "The figures fill as calls are logged." in text
    assert "No programs yet" in text
    assert not re.search(r"\bNone\b|\bnan\b", text)
