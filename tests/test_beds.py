"""A bed is held, taken and given back by rules that the database keeps."""

import datetime as dt
import itertools

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.permissions import Role
from core.errors import Stale
from core.models import Happening
from messaging.models import Message
from people.models import ReadEvent
from programs import services
from programs.board import Board
from programs.enums import BedKind, Category, TakenBy, UseKind, UseState
from programs.forms import codes_of
from programs.models import Appointment, Bed, BedBlock, BedHold, BedUse, Placement, Program, Stay, Unit
from tests import factories as make

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
_keys = itertools.count(1)


@pytest.fixture
def facility():
    return make.make_facility()


@pytest.fixture
def coordinator(facility):
    return make.make_user(at=facility)


@pytest.fixture
def bed(facility):
    return make.make_bed(facility=facility)


@pytest.fixture
def person(facility):
    return make.make_person(at=facility)


def hold(bed, by, person=None, **given):
    person = person or make.make_person(at=bed.unit.program.facility)
    return services.hold(bed, person=person, by=by, **{"reason": "On the line"} | given)


def key():
    """A fresh key, as the page would carry."""
    return {"idempotency_key": f"test-key-{next(_keys):06d}"}


def asked(queries):
    """What was asked, without savepoints; the history's settings travel with the statement they belong to."""
    return [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"]]


def poll(client, etag="", **query):
    headers = {"X-Handrail-Poll": "1"} | ({"If-None-Match": etag} if etag else {})
    return client.get(reverse("programs:board"), query, headers=headers)


# The database is the law ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [UseKind.HOLD, UseKind.PLACEMENT, UseKind.BLOCK, UseKind.CLEANING])
def test_no_bed_has_two_firm_uses_at_one_instant(bed, kind):
    make.make_use(bed)

    with pytest.raises(IntegrityError, match="one_at_a_time"), transaction.atomic():
        make.make_use(bed, kind=kind, expires_at=timezone.now() + HOUR if kind == UseKind.HOLD else None)


def test_a_tentative_use_is_exclusive_among_its_own_kind_only(bed):
    make.make_use(bed)
    make.make_use(bed, kind=UseKind.TENTATIVE)

    with pytest.raises(IntegrityError, match="one_next_occupant"), transaction.atomic():
        make.make_use(bed, kind=UseKind.TENTATIVE)


@pytest.mark.parametrize(
    "given, name",
    [
        ({"kind": UseKind.HOLD}, "hold_expires"),
        ({"kind": UseKind.PLACEMENT, "expires_at": timezone.now() + DAY}, "only_holds_expire"),
        ({"kind": UseKind.BLOCK, "state": UseState.RELEASED}, "only_holds_end_early"),
        ({"start": timezone.now(), "end": timezone.now() - HOUR}, "lower bound"),
    ],
)
def test_a_use_says_what_it_is(bed, given, name):
    with pytest.raises((IntegrityError, Exception), match=name), transaction.atomic():
        make.make_use(bed, **given)


def test_a_range_is_never_empty_and_never_endless_to_the_left(bed):
    now = timezone.now()
    for start, end in [(now, now), (None, now)]:
        with pytest.raises(IntegrityError, match="programs_beduse_period"), transaction.atomic():
            BedUse.objects.create(bed=bed, kind=UseKind.BLOCK, period=(start, end))


def test_nobody_has_two_primary_placements_at_one_facility(facility):
    placement = make.make_placement(facility=facility)

    with pytest.raises(IntegrityError, match="one_primary"), transaction.atomic():
        make.make_placement(bed=make.make_bed(facility=facility), person=placement.person, stay=placement.stay)


def test_nobody_has_two_open_stays_at_one_facility_but_may_at_two(facility):
    placement = make.make_placement(facility=facility)
    Stay.objects.create(facility=make.make_facility(), person=placement.person, admitted_at=timezone.now())

    with pytest.raises(IntegrityError, match="one_open"), transaction.atomic():
        Stay.objects.create(facility=facility, person=placement.person, admitted_at=timezone.now())


@pytest.mark.parametrize(
    "given, name",
    [
        ({"discharged_at": timezone.now()}, "discharge_has_type"),
        ({"discharge_type": "completed"}, "discharge_has_type"),
        ({"discharged_at": timezone.now() - 2 * DAY, "discharge_type": "completed"}, "in_order"),
    ],
)
def test_a_stay_ends_with_a_type_and_after_it_began(facility, person, given, name):
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Stay.objects.create(facility=facility, person=person, admitted_at=timezone.now(), **given)


@pytest.mark.parametrize(
    "given, name",
    [
        ({"level_code": "3.7"}, "code_with_edition"),
        ({"level_edition": "4"}, "code_with_edition"),
        ({"hold_minutes": 0}, "hold_limits"),
        ({"hold_minutes": 60, "hold_max_minutes": 30}, "hold_limits"),
    ],
)
def test_a_program_has_a_code_with_its_edition_and_limits_that_can_be_met(facility, given, name):
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        make.make_program(facility=facility, **given)


def test_names_are_unique_where_staff_read_them(bed):
    unit = bed.unit
    for make_it in (
        lambda: Program.objects.create(facility=unit.program.facility, name=unit.program.name, category="iop"),
        lambda: Unit.objects.create(program=unit.program, name=unit.name),
        lambda: Bed.objects.create(unit=unit, code=bed.code),
    ):
        with pytest.raises(IntegrityError, match="_once"), transaction.atomic():
            make_it()


@pytest.mark.parametrize("minutes", [4, 481])
def test_an_appointment_has_a_length_one_can_believe(facility, minutes):
    with pytest.raises(IntegrityError, match="appointment_length"), transaction.atomic():
        make.make_appointment(facility=facility, minutes=minutes)


# A hold that is over takes nothing ------------------------------------------------------------------------


def lapsed_hold(bed, by, person=None):
    """A hold made three hours ago that ended an hour ago; nothing has run since."""
    now = timezone.now()
    return hold(bed, by, person, at=now - 3 * HOUR, until=now - HOUR)


def test_a_lapsed_hold_is_free_although_every_job_is_stopped(bed, coordinator, facility):
    over = lapsed_hold(bed, coordinator)
    assert over.use.state == UseState.FIRM

    assert [offer.bed for offer in services.best_beds([facility.pk])] == [bed]
    assert services.free_counts([facility.pk]) == {bed.unit.program_id: (1, 1)}
    assert Board(facility).free_count == 1
    assert not BedHold.objects.open().exists()

    hold(bed, coordinator)
    over.use.refresh_from_db()
    assert over.use.state == UseState.LAPSED


def test_the_trigger_alone_makes_a_lapsed_hold_give_way(bed, coordinator):
    """Also what no service wrote: a use as an import would insert it."""
    now = timezone.now()
    over = make.make_use(bed, kind=UseKind.HOLD, start=now - 3 * HOUR, expires_at=now - HOUR)  # open-ended

    make.make_use(bed)

    over.refresh_from_db()
    assert over.state == UseState.LAPSED


@pytest.mark.parametrize("state", [UseState.FIRM, UseState.FULFILLED])
def test_the_database_revives_no_hold(bed, coordinator, state):
    over = lapsed_hold(bed, coordinator).use
    for before in (UseState.FIRM, UseState.LAPSED):
        if before == UseState.LAPSED:
            BedUse.objects.filter(pk=over.pk).update(state=before)
        with pytest.raises(IntegrityError, match="over"), transaction.atomic():
            BedUse.objects.filter(pk=over.pk).update(state=state, expires_at=timezone.now() + HOUR)


def test_a_lapsed_hold_is_not_confirmed_even_when_the_bed_is_free(bed, coordinator, facility, person):
    over = lapsed_hold(bed, coordinator, person)

    with pytest.raises(services.HoldOver, match="ended"):
        services.start_stay(facility=facility, person=person, by=coordinator, hold=over)

    assert not Stay.objects.exists()


@pytest.mark.parametrize("verb", ["extend", "release"])
def test_a_lapsed_hold_is_neither_extended_nor_let_go(bed, coordinator, verb):
    over = lapsed_hold(bed, coordinator)

    told = {"until": timezone.now() + HOUR, "version": 1} if verb == "extend" else {"reason": "They chose another day"}

    with pytest.raises(services.HoldOver, match=bed.code):
        getattr(services, verb)(over, by=coordinator, **told)


# Holding --------------------------------------------------------------------------------------------------


def test_a_hold_lasts_as_long_as_the_program_says(bed, coordinator, person):
    at = timezone.now()
    Program.objects.update(hold_minutes=45)

    held = hold(bed, coordinator, person, at=at)

    assert (held.use.expires_at, held.use.period.upper) == (at + dt.timedelta(minutes=45),) * 2
    happening = Happening.objects.get(verb="bed.held")
    assert (happening.about_id, happening.place_id, happening.subject_id) == (
        person.pk,
        bed.unit.program.facility_id,
        held.pk,
    )


def test_a_taken_bed_is_refused_with_who_until_when_and_what_else(bed, coordinator, facility):
    other = make.make_bed(program=bed.unit.program)
    colleague = make.make_user(at=facility, flags=["supervisor"], first_name="Maya", last_name="Lindqvist")
    until = make.at_local(facility, facility.today() + DAY, dt.time(11, 30))
    hold(bed, colleague, until=until)

    with pytest.raises(services.BedTaken) as refusal:
        hold(bed, coordinator)

    assert str(refusal.value) == (
        f"{bed.code} is held by Maya Lindqvist until tomorrow 11:30\N{NO-BREAK SPACE}am. Free now: {other.code}."
    )
    assert refusal.value.until == until
    assert [offer.bed for offer in refusal.value.alternatives] == [other]


def test_the_holder_is_not_named_to_somebody_who_may_not_know(bed, coordinator):
    hold(bed, coordinator)
    stranger = make.make_user(at=make.make_facility())

    with pytest.raises(services.BedTaken) as refusal:
        hold(bed, stranger)

    assert str(coordinator) not in str(refusal.value)


def test_alternatives_are_three_at_most_and_only_where_the_user_may_hold(facility, coordinator):
    program = make.make_program(facility=facility)
    first, *_ = [make.make_bed(program=program) for _ in range(6)]
    make.make_bed(facility=make.make_facility())
    hold(first, coordinator)

    with pytest.raises(services.BedTaken) as refusal:
        hold(first, coordinator)

    offered = [offer.bed for offer in refusal.value.alternatives]
    assert len(offered) == 3
    assert {bed.unit.program_id for bed in offered} == {program.pk}


@pytest.mark.parametrize("flags, allowed", [((), False), (("supervisor",), True)])
def test_longer_than_the_program_allows_takes_a_supervisor(bed, facility, flags, allowed):
    user = make.make_user(at=facility, flags=flags)
    until = timezone.now() + dt.timedelta(hours=25)

    if allowed:
        assert hold(bed, user, until=until).use.expires_at == until
    else:
        supervisor = make.make_user(at=facility, flags=["supervisor"], first_name="Inge", last_name="Sol")
        with pytest.raises(services.BeyondLimits, match=f"24 h at most. {supervisor} may do more"):
            hold(bed, user, until=until)


@pytest.mark.parametrize("flags, allowed", [((), False), (("supervisor",), True)])
def test_a_fourth_open_hold_takes_a_supervisor(facility, flags, allowed):
    program = make.make_program(facility=facility)
    user = make.make_user(at=facility, flags=flags)
    for _ in range(3):
        hold(make.make_bed(program=program), user)

    if allowed:
        assert hold(make.make_bed(program=program), user)
    else:
        with pytest.raises(services.BeyondLimits, match="You hold 3 beds"):
            hold(make.make_bed(program=program), user)
        assert hold(make.make_bed(facility=facility), user), "another program has limits of its own"


def test_a_hold_that_lapsed_does_not_count_against_the_limit(facility, coordinator):
    program = make.make_program(facility=facility, holds_each=1)
    lapsed_hold(make.make_bed(program=program), coordinator)

    assert hold(make.make_bed(program=program), coordinator)


@pytest.mark.parametrize(
    "taken_by, sex, fits",
    [
        (TakenBy.WOMEN, "male", False),
        (TakenBy.MEN, "female", False),
        (TakenBy.WOMEN, "female", True),
        (TakenBy.WOMEN, "", True),
        (TakenBy.WOMEN, "other", True),
        (TakenBy.ANYONE, "male", True),
    ],
)
def test_a_unit_takes_whom_it_is_for_as_far_as_that_is_known(bed, coordinator, facility, taken_by, sex, fits):
    Unit.objects.filter(pk=bed.unit_id).update(taken_by=taken_by)
    person = make.make_person(at=facility, sex=sex)

    assert [offer.bed for offer in services.best_beds([facility.pk], person=person)] == ([bed] if fits else [])
    if fits:
        assert hold(bed, coordinator, person)
    else:
        with pytest.raises(services.DoesNotFit, match=f"for {taken_by}"):
            hold(bed, coordinator, person)


def test_the_best_bed_is_near_then_of_its_own_unit_then_keeps_the_elevator_free(facility):
    far = make.make_facility()
    program = make.make_program(facility=facility, category=Category.RES_MED)
    women = Unit.objects.create(program=program, name="Unit A", taken_by=TakenBy.WOMEN)
    anyone = Unit.objects.create(program=program, name="Unit B")
    lift = make.make_bed(unit=women, program=program, is_step_free=True)
    own = make.make_bed(unit=women, program=program)
    mixed = make.make_bed(unit=anyone, program=program)
    away = make.make_bed(facility=far)
    woman = make.make_person(at=facility, sex="female")

    offers = services.best_beds([facility.pk, far.pk], person=woman)
    unknown = services.best_beds([facility.pk], person=make.make_person(at=facility))

    assert [offer.bed for offer in offers] == [own, lift, mixed, away]
    assert offers[0].reasons == ["Unit A, women only"]
    assert offers[1].reasons == ["Unit A, women only", "no stairs"]
    assert offers[3].reasons[0] == f"at {far}"
    assert unknown[0].bed == mixed
    assert unknown[1].reasons == ["Unit A, women only: ask"]


@pytest.mark.parametrize("beds", [1, 3])
def test_best_beds_is_one_query_however_many_there_are(facility, person, django_assert_num_queries, beds):
    for _ in range(beds):
        make.make_bed(facility=facility)

    with django_assert_num_queries(1):
        assert len(services.best_beds([facility.pk], person=person)) == beds


def test_extending_counts_from_now_and_notices_a_stale_form(bed, coordinator):
    held = hold(bed, coordinator)
    until = timezone.now() + 5 * HOUR

    services.extend(held, until=until, by=coordinator, version=1)

    held.refresh_from_db()
    assert (held.version, held.use.__class__.objects.get(pk=held.use_id).expires_at) == (2, until)
    with pytest.raises(Stale):
        services.extend(held, until=until + HOUR, by=coordinator, version=1)
    with pytest.raises(services.BeyondLimits):
        services.extend(held, until=timezone.now() + 30 * HOUR, by=coordinator, version=2)
    with pytest.raises(services.OutOfOrder):
        services.extend(held, until=timezone.now() - HOUR, by=coordinator, version=2)


def test_letting_go_frees_the_bed_and_keeps_the_reason(bed, coordinator):
    held = hold(bed, coordinator)

    services.release(held, reason="They chose another day", by=coordinator)

    held.refresh_from_db()
    assert (held.released_by, held.release_reason) == (coordinator, "They chose another day")
    assert BedUse.objects.get(pk=held.use_id).state == UseState.RELEASED
    assert hold(bed, coordinator)
    with pytest.raises(services.HoldOver, match="let go"):
        services.release(held, reason="Twice", by=coordinator)


# Out of use -----------------------------------------------------------------------------------------------


def test_a_block_lasts_until_somebody_ends_it(bed, coordinator, facility):
    until = timezone.now() + HOUR
    block = services.block(bed, reason="Plumbing", by=coordinator, until=until)

    assert block.use.period.upper is None
    with pytest.raises(services.BedTaken, match=r"out of use until .*: Plumbing"):
        hold(bed, coordinator)

    services.unblock(block, by=coordinator)

    assert hold(bed, coordinator)
    with pytest.raises(services.OutOfOrder, match="back in use"):
        services.unblock(block, by=coordinator)


@pytest.mark.parametrize("how", ["held", "taken"])
def test_a_bed_somebody_counts_on_is_not_blocked(bed, coordinator, how):
    hold(bed, coordinator) if how == "held" else make.make_placement(bed=bed)

    with pytest.raises(services.BedTaken, match=how):
        services.block(bed, reason="Plumbing", by=coordinator)
    with pytest.raises(services.BedTaken, match=how):
        services.set_bed(bed, by=coordinator, is_active=False)


def test_a_bed_switched_off_is_offered_and_held_no_more(bed, coordinator, facility):
    services.set_bed(bed, by=coordinator, is_active=False)

    assert services.best_beds([facility.pk]) == []
    with pytest.raises(services.DoesNotFit, match="not in use"):
        hold(bed, coordinator)


def test_a_program_stops_taking_people_only_when_it_is_empty(bed, coordinator):
    program = bed.unit.program
    held = hold(bed, coordinator)
    program.is_active = False

    with pytest.raises(services.ProgramInUse, match="held"):
        services.set_program(program, version=1, fields=["is_active"], by=coordinator)
    services.release(held, reason="Closing", by=coordinator)
    services.set_program(program, version=1, fields=["is_active"], by=coordinator)

    assert not Program.objects.get().is_active
    with pytest.raises(Stale):
        services.set_program(program, version=1, fields=["name"], by=coordinator)


# Appointments ---------------------------------------------------------------------------------------------


def book(facility, person, by, **given):
    given = {"kind": "assessment", "on": facility.today() + 3 * DAY, "time": dt.time(9, 30)} | given
    return services.book_appointment(facility=facility, person=person, by=by, **given)


def test_an_appointment_reminds_the_day_before_at_the_same_time_on_the_clock(facility, coordinator, person):
    email = make.make_email(person)
    on = facility.today() + 3 * DAY

    row = book(facility, person, coordinator, on=on, remind_at=email)

    message = Message.objects.get(source_id=row.pk)
    assert (message.local_on, message.local_time, message.zone) == (on - DAY, dt.time(9, 30), facility.zone)
    assert (message.contact_point, message.expires_at) == (email, row.starts_at - HOUR)


def test_moving_an_appointment_drops_the_old_reminder_and_plans_the_new(facility, coordinator, person):
    row = book(facility, person, coordinator, remind_at=make.make_email(person))

    moved = services.move_appointment(row, on=row.on + DAY, time=dt.time(14), by=coordinator, version=1)

    states = {m.source_version: m.state for m in Message.objects.filter(source_id=row.pk)}
    assert states == {1: "cancelled", 2: "due"}
    assert moved.version == 2
    with pytest.raises(Stale):
        services.move_appointment(row, on=row.on, time=dt.time(15), by=coordinator, version=1)


def test_a_cancelled_appointment_reminds_nobody(facility, coordinator, person):
    row = book(facility, person, coordinator, remind_at=make.make_email(person))

    services.cancel_appointment(row, reason="Ill", by=coordinator)

    assert Message.objects.get(source_id=row.pk).state == "cancelled"
    with pytest.raises(services.AppointmentOver, match="cancelled"):
        services.keep_appointment(row, by=coordinator)


def test_a_reminder_goes_only_where_the_person_agreed_to(facility, coordinator, person):
    for point in (
        make.make_email(person, ok_to_email=None),
        make.make_email(person, wrong_since=timezone.now()),
        make.make_contact_point(person),
        make.make_email(make.make_person(at=facility)),
    ):
        with pytest.raises(services.Refused):
            book(facility, person, coordinator, remind_at=point)
    assert not Appointment.objects.exists()


def test_nobody_is_late_before_the_time(facility, coordinator, person):
    row = book(facility, person, coordinator)

    with pytest.raises(services.OutOfOrder, match="not time yet"):
        services.miss_appointment(row, by=coordinator)

    services.miss_appointment(row, by=coordinator, at=row.starts_at + HOUR)
    row.refresh_from_db()
    assert row.state == "missed"


@pytest.mark.parametrize("on", [dt.date(2020, 1, 1), dt.date(9999, 12, 31), dt.date.min])
def test_a_day_that_is_over_or_out_of_reach_is_refused(facility, coordinator, person, on):
    if on.year == 9999:
        assert book(facility, person, coordinator, on=on)
    else:
        with pytest.raises(services.OutOfOrder):
            book(facility, person, coordinator, on=on)


# The board ------------------------------------------------------------------------------------------------


def test_each_tile_says_what_its_bed_is(facility, coordinator):
    program = make.make_program(facility=facility)
    free, held, taken, late, leaving, off, cleaning = (make.make_bed(program=program) for _ in range(7))
    hold(held, coordinator)
    today = facility.today()
    make.make_placement(bed=taken, start=timezone.now() - 2 * DAY, planned_end_on=today + 4 * DAY)
    make.make_placement(bed=late, start=timezone.now() - 9 * DAY, planned_end_on=today - DAY)
    make.make_placement(bed=leaving, start=timezone.now() - 5 * DAY, planned_end_on=today)
    services.block(off, reason="Plumbing", by=coordinator)
    services.block(cleaning, reason="After a departure", by=coordinator, kind=UseKind.CLEANING)

    board = Board(facility)

    tiles = {tile.bed: tile for tile in board.tiles}
    said = {bed: (tile.state, tile.who, tile.first) for bed, tile in tiles.items()}
    assert said[free] == ("free", "Free", "never used")
    assert said[held][0] == "held"
    assert said[taken][2] == "day 3 of 6"
    assert said[late][::2] == ("late", "1 day late to leave")
    assert said[leaving][2] == "leaves today"
    assert said[off] == ("off", "Blocked", "Plumbing")
    assert said[cleaning][:2] == ("off", "Cleaning")
    (shown,) = board.programs
    assert dict(shown.tally) == {"free": 1, "held": 1, "taken": 2, "late": 1, "off": 2}
    assert (shown.total, shown.occupied, shown.occupancy_percent) == (7, 3, 60)
    assert shown.ahead[0] == 1
    assert shown.ahead[4] == 4, "the free one, the held one, who leaves today, who leaves in four days"


def test_somebody_with_a_next_bed_says_where_they_go(facility, coordinator):
    placement = make.make_placement(facility=facility)
    next_bed = make.make_bed(program=make.make_program(facility=facility, category=Category.RES_HIGH))
    hold(next_bed, coordinator, placement.person)

    tile = Board(facility).tile(placement.use.bed_id)

    assert tile.second == f"then {next_bed.code}"


@pytest.mark.parametrize("rows", [1, 3])
def test_the_board_is_one_query_however_many_beds(facility, coordinator, django_assert_num_queries, rows):
    for _ in range(rows):
        hold(make.make_bed(facility=facility), coordinator)
        make.make_placement(facility=facility)
        services.block(make.make_bed(facility=facility), reason="Plumbing", by=coordinator)

    with django_assert_num_queries(1):
        board = Board(facility)
        assert len(board.shown) == len(board.tiles) == 3 * rows
        assert [len(board.people), len(board.etag)] == [2 * rows, 34]


@pytest.mark.parametrize("rows", [1, 3, 10, 100])
def test_the_board_page_is_four_queries(signed_in, facility, coordinator, rows):
    program = make.make_program(facility=facility)
    for _ in range(rows):
        hold(make.make_bed(program=program), make.make_user(at=facility))
    make.make_placement(facility=facility)
    services.block(make.make_bed(program=program), reason="Plumbing", by=coordinator)
    client = signed_in(coordinator)
    client.get(reverse("programs:board"))

    with CaptureQueriesContext(connection) as queries:
        assert client.get(reverse("programs:board")).status_code == 200

    assert len(asked(queries)) == 4, "session, user with memberships; the beds; the read event"


def test_an_unchanged_poll_is_304_and_reads_nobody(signed_in, facility, coordinator, bed):
    hold(bed, coordinator)
    client = signed_in(coordinator)
    etag = client.get(reverse("programs:board")).headers["ETag"]
    read = ReadEvent.objects.count()

    answer = poll(client, etag)

    assert (answer.status_code, answer.content, ReadEvent.objects.count()) == (304, b"", read)


def test_a_change_shows_with_the_next_poll_and_is_read(signed_in, facility, coordinator, bed, person):
    client = signed_in(coordinator)
    etag = client.get(reverse("programs:board")).headers["ETag"]
    hold(bed, coordinator, person)
    read = ReadEvent.objects.count()

    answer = poll(client, etag)

    assert answer.status_code == 200
    assert answer.headers["ETag"] != etag
    assert person.short_name in answer.content.decode()
    assert ReadEvent.objects.count() == read + 1


def test_a_hold_that_lapses_changes_the_board_by_the_clock(facility, coordinator, bed):
    now = timezone.now()
    hold(bed, coordinator, at=now, until=now + dt.timedelta(milliseconds=300))
    held = Board(facility).etag
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.35)")

    board = Board(facility)

    assert (board.free_count, board.etag == held) == (1, False)


def test_a_filter_shows_fewer_tiles_and_reads_fewer_people(signed_in, facility, coordinator):
    make.make_bed(facility=facility)
    taken = make.make_placement(facility=facility)

    page = signed_in(coordinator).get(reverse("programs:board"), {"show": "free"}).content.decode()

    assert taken.person.short_name not in page
    assert not ReadEvent.objects.exists()


@pytest.mark.parametrize("show", ["nonsense", "\x00", "ü" * 500, "free' OR 1=1"])
def test_any_filter_is_answered(signed_in, coordinator, bed, show):
    assert signed_in(coordinator).get(reverse("programs:board"), {"show": show}).status_code == 200


def test_the_bar_of_a_bed_offers_what_the_role_may_do(signed_in, facility, bed):
    page = reverse("programs:peek", args=[bed.pk])
    for role, may in [
        (Role.COORDINATOR, (True, False)),
        (Role.CLINICIAN, (True, True)),
        (Role.MANAGER, (False, True)),
    ]:
        answer = signed_in(make.make_user(at=facility, role=role)).get(page).content.decode()
        assert (f"Hold {bed.code}" in answer, "block the chosen bed" in answer) == may


@pytest.mark.parametrize("name", ["bed", "peek", "block"])
def test_another_facilitys_bed_does_not_exist(signed_in, facility, name):
    elsewhere = make.make_bed()
    clinician = make.make_user(at=facility, role=Role.CLINICIAN, is_superuser=True)

    assert signed_in(clinician).get(reverse(f"programs:{name}", args=[elsewhere.pk])).status_code == 404


def test_another_facilitys_bed_cannot_be_named_in_a_form_either(signed_in, facility, coordinator):
    inquiry = make.make_inquiry(facility=facility)
    elsewhere = make.make_bed()

    answer = signed_in(coordinator).post(
        reverse("admissions:hold", args=[inquiry.pk]), key() | {"bed": elsewhere.pk, "lasts": "120"}
    )

    assert answer.status_code == 200
    assert not BedHold.objects.exists()


# The pages ------------------------------------------------------------------------------------------------


def test_a_stale_extension_is_told_next_to_the_field_and_changes_nothing(signed_in, bed, coordinator):
    held = hold(bed, coordinator)
    client, page = signed_in(coordinator), reverse("programs:extend", args=[held.pk])
    assert client.post(page, {"lasts": "240", "version": "1"}).status_code == 302
    after = BedUse.objects.get().expires_at

    answer = client.post(page, {"lasts": "30", "version": "1"})

    assert "Nothing was overwritten" in answer.content.decode()
    assert BedUse.objects.get().expires_at == after


def test_a_double_click_blocks_once(signed_in, bed, facility):
    client = signed_in(make.make_user(at=facility, role=Role.CLINICIAN))
    data = key() | {"kind": "cleaning", "reason": "After a departure"}

    answers = [client.post(reverse("programs:block", args=[bed.pk]), data) for _ in range(2)]

    assert [(a.status_code, a.headers["Location"]) for a in answers] == [
        (302, reverse("programs:bed", args=[bed.pk]))
    ] * 2
    assert BedBlock.objects.count() == 1


@pytest.mark.parametrize(
    "typed",
    [
        {"kind": "nonsense", "reason": "x"},
        {"kind": "block", "reason": ""},
        {"kind": "block", "reason": "\x00"},
        {"kind": "block", "reason": "x" * 10_000},
        {"kind": "block", "reason": "x", "on": "tomorrow"},
        {"kind": "block", "reason": "x", "on": "31/31/31", "time": "2pm"},
        {"kind": "block", "reason": "x", "on": "12/31/9999", "time": "11:59 pm"},
        {"kind": "block", "reason": "x", "on": "1/1/0001", "time": "0:00"},
    ],
)
def test_no_input_breaks_the_block_form(signed_in, bed, facility, typed):
    client = signed_in(make.make_user(at=facility, role=Role.CLINICIAN))

    assert client.post(reverse("programs:block", args=[bed.pk]), key() | typed).status_code in (200, 302)


def test_an_administrator_builds_a_program_in_three_steps(signed_in, facility):
    client = signed_in(make.make_user(at=facility, role=Role.ADMIN))
    program = {
        "name": "Detox", "category": "res_med", "level_edition": "4", "level_code": "3.7", "planned_days": "6",
        "hold_minutes": "120", "hold_max_minutes": "1440", "holds_each": "3", "position": "10", "is_active": "on",
    }  # fmt: skip

    to_unit = client.post(reverse("programs:program_new"), key() | program)
    to_beds = client.post(
        to_unit.headers["Location"], key() | {"name": "Unit A", "taken_by": "women", "position": "1"}
    )
    client.post(to_beds.headers["Location"], key() | {"codes": "D-01 to D-08, D-11", "kind": "bed"})

    row = Program.objects.get()
    assert (row.facility, row.level_edition, row.level_code) == (facility, "4", "3.7")
    assert list(Bed.objects.values_list("code", "kind")) == [
        (f"D-{n:02d}", BedKind.BED) for n in [1, 2, 3, 4, 5, 6, 7, 8, 11]
    ]


@pytest.mark.parametrize(
    "changed, sentence",
    [
        ({"level_edition": ""}, "together with its edition"),
        ({"hold_max_minutes": "60"}, "at least as long"),
        ({"hold_minutes": "0"}, ""),
        ({"planned_days": "99999999999999"}, ""),
        ({"weekly_hours": "1e400"}, ""),
        ({"position": "-1"}, ""),
        ({"name": "\x00"}, "Null characters"),
        ({"holds_each": "NaN"}, "whole number"),
    ],
)
def test_a_program_that_makes_no_sense_is_told_so_and_kept_as_typed(signed_in, facility, changed, sentence):
    program = {
        "name": "Detox", "category": "res_med", "level_edition": "4", "level_code": "3.7", "planned_days": "6",
        "hold_minutes": "120", "hold_max_minutes": "1440", "holds_each": "3", "position": "10",
    }  # fmt: skip
    client = signed_in(make.make_user(at=facility, role=Role.ADMIN))

    answer = client.post(reverse("programs:program_new"), key() | program | changed)

    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert not Program.objects.exists()


@pytest.mark.parametrize(
    "text, codes",
    [
        ("D-01 to D-03", ["D-01", "D-02", "D-03"]),
        ("8-11", ["8", "9", "10", "11"]),
        ("D-7 – 9", ["D-7", "D-8", "D-9"]),
        ("Room A", ["Room A"]),
        ("D-03 to D-01", ["D-03 to D-01"]),
        ("D-1 to E-3", ["D-1 to E-3"]),
        ("", []),
    ],
)
def test_a_row_of_beds_is_written_the_way_people_write_it(text, codes):
    assert codes_of(text) == codes


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_of_people_in_care_asks_no_more_for_more(signed_in, facility, rows):
    for _ in range(rows):
        make.make_assignment(placement=make.make_placement(facility=facility))
    client = signed_in(make.make_user(at=facility, role=Role.CLINICIAN))
    client.get(reverse("programs:placements"))

    with CaptureQueriesContext(connection) as queries:
        page = client.get(reverse("programs:placements")).content.decode()

    assert len(asked(queries)) == 7, "session, user; people, therapies and their two; the read event"
    assert all(placement.person.name in page for placement in Placement.objects.select_related("person"))


def test_no_person_is_on_the_set_up_page(signed_in, facility):
    placement = make.make_placement(facility=facility)

    page = signed_in(make.make_user(at=facility, role=Role.ADMIN)).get(reverse("programs:setup")).content.decode()

    assert placement.person.given_name not in page
    assert not ReadEvent.objects.exists()
