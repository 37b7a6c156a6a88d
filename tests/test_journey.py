"""From the hold to the discharge: each verb happens wholly, or not at all."""

import datetime as dt
import itertools

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership
from accounts.permissions import Role
from admissions import journey
from admissions.enums import ClosedBecause, DecisionOutcome, Stage
from admissions.journey import Fate
from admissions.models import AdmissionDecision
from core.errors import Refused
from core.models import Happening
from people.models import PersonAtFacility
from programs import services as programs
from programs.enums import Category, DischargeType, PlacementReason, UseKind, UseState
from programs.models import Appointment, BedBlock, BedHold, BedUse, Placement, Stay
from reports import invariants
from tests import factories as make
from therapy import services as therapy
from therapy.models import TherapyAssignment
from work import subjects
from work.models import Task, TaskKind

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
_keys = itertools.count(1)


def key():
    return {"idempotency_key": f"test-key-{next(_keys):06d}"}


class House:
    """A facility with detox, residential and IOP, a bed or seat in each, and its staff."""

    def __init__(self):
        self.facility = make.make_facility()
        self.coordinator = make.make_user(at=self.facility)
        self.clinician = make.make_user(at=self.facility, role=Role.CLINICIAN)
        self.detox = make.make_program(facility=self.facility, planned_days=6)
        self.residential = make.make_program(facility=self.facility, category=Category.RES_HIGH, planned_days=28)
        self.iop = make.make_program(facility=self.facility, category=Category.IOP)
        self.bed = make.make_bed(program=self.detox)
        self.next_bed = make.make_bed(program=self.residential)
        self.seat = make.make_bed(program=self.iop, kind="seat")

    def inquiry(self, **given):
        person = make.make_person(at=self.facility)
        given = {"person": person, "owner": self.coordinator, "opened_at": timezone.now() - 5 * DAY} | given
        return make.make_inquiry(facility=self.facility, **given)

    def accepted(self, program=None, **given):
        inquiry = self.inquiry(**given)
        self.decide(inquiry, program=program or self.detox)
        inquiry.refresh_from_db()
        return inquiry

    def decide(self, inquiry, outcome=DecisionOutcome.ACCEPTED, **given):
        given = {"reason": "Fits", "by": self.clinician} | given
        return journey.decide(inquiry, outcome=outcome, **given)

    def in_care(self, *, since=2 * DAY, bed=None, therapies=0):
        """(stay, its placement) of somebody admitted `since` ago, with so many therapies by the clinician."""
        bed = bed or self.bed
        inquiry = self.accepted(bed.unit.program, opened_at=timezone.now() - since - DAY)
        stay = journey.admit(inquiry, bed=bed, by=self.coordinator, at=timezone.now() - since)
        placement = stay.placements.get()
        for _ in range(therapies):
            self.assign(placement)
        return stay, placement

    def assign(self, placement, **given):
        given = {"modality": make.make_modality(), "therapist": self.clinician, "per_week": 2, "planned_sessions": 8,
                 "by": self.clinician} | given  # fmt: skip
        return therapy.assign(placement, **given)


@pytest.fixture
def house():
    return House()


def verbs(subject):
    return list(Happening.objects.filter(subject_id=subject.pk).order_by("pk").values_list("verb", flat=True))


# Hold for an inquiry --------------------------------------------------------------------------------------


def test_a_hold_names_the_inquiry_it_is_for(house):
    inquiry = house.inquiry()

    held = journey.hold_for(inquiry, bed=house.bed, by=house.coordinator, reason="On the line")

    assert (held.request_id, held.person, held.reason) == (inquiry.pk, inquiry.person, "On the line")


@pytest.mark.parametrize("stage", [Stage.ADMITTED, Stage.CLOSED])
def test_no_bed_is_held_for_an_inquiry_that_is_over(house, stage):
    over = {"admitted_at": timezone.now()} if stage == Stage.ADMITTED else {
        "closed_at": timezone.now(), "closed_because": "declined"}  # fmt: skip
    inquiry = house.inquiry(stage=stage, **over)

    with pytest.raises(Refused, match="over"):
        journey.hold_for(inquiry, bed=house.bed, by=house.coordinator)


def test_danger_to_life_comes_before_a_bed(house):
    inquiry = house.inquiry()
    check = make.make_safety_check(inquiry, answer="yes", is_e1=True)

    with pytest.raises(journey.EmergencyFirst):
        journey.hold_for(inquiry, bed=house.bed, by=house.coordinator)

    check.action, check.action_at = "called_911", timezone.now()
    check.save()
    assert journey.hold_for(inquiry, bed=house.bed, by=house.coordinator)


def test_a_bed_held_at_another_of_our_facilities_makes_the_person_known_there(house):
    away = make.make_bed(facility=make.make_facility())
    inquiry = house.inquiry()

    journey.hold_for(inquiry, bed=away, by=house.coordinator)

    known = PersonAtFacility.objects.get(person=inquiry.person, facility=away.unit.program.facility)
    assert known.because == "transfer"


# Decide ---------------------------------------------------------------------------------------------------


def test_an_acceptance_schedules_and_names_the_program(house):
    inquiry = house.inquiry(stage=Stage.DECISION)

    row = house.decide(inquiry, program=house.detox)

    inquiry.refresh_from_db()
    assert (inquiry.stage, row.program, row.decided_by) == (Stage.SCHEDULED, house.detox, house.clinician)
    assert verbs(row) == ["inquiry.decided"]


def test_an_acceptance_without_a_program_or_a_reason_is_refused(house):
    inquiry = house.inquiry()

    with pytest.raises(journey.ProgramMissing):
        house.decide(inquiry)
    with pytest.raises(journey.ReasonMissing):
        house.decide(inquiry, program=house.detox, reason="  ")
    assert not AdmissionDecision.objects.exists()


def test_a_decline_closes_with_its_reason_and_lets_the_bed_go(house):
    inquiry = house.inquiry()
    held = journey.hold_for(inquiry, bed=house.bed, by=house.coordinator)

    house.decide(inquiry, DecisionOutcome.DECLINED, reason="Needs a hospital first")

    inquiry.refresh_from_db()
    assert (inquiry.stage, inquiry.closed_because) == (Stage.CLOSED, ClosedBecause.DECLINED)
    assert inquiry.closed_note == "Needs a hospital first"
    assert BedUse.objects.get(hold=held).state == UseState.RELEASED


@pytest.mark.parametrize("stage", [Stage.NEW, Stage.PRE_SCREEN, Stage.BENEFITS, Stage.DECISION, Stage.SCHEDULED])
def test_a_question_goes_back_to_the_pre_screen_with_a_task(house, stage):
    inquiry = house.inquiry(stage=stage)

    house.decide(inquiry, DecisionOutcome.MORE_INFORMATION, reason="Which medicines?")

    inquiry.refresh_from_db()
    task = Task.objects.get()
    assert inquiry.stage == Stage.PRE_SCREEN
    assert (task.owner, task.kind, task.subject_id) == (house.coordinator, TaskKind.FOLLOW_UP, inquiry.pk)
    assert "Which medicines?" in task.text
    assert abs(task.due_at - timezone.now() - 2 * HOUR) < dt.timedelta(minutes=2)


def test_nothing_is_decided_twice_about_somebody_in_care(house):
    stay, _ = house.in_care()

    with pytest.raises(Refused, match="over"):
        house.decide(stay.person.inquiries.get(), program=house.detox)


# Admit ----------------------------------------------------------------------------------------------------


def test_admission_turns_the_hold_into_a_stay_on_the_same_day(house):
    inquiry = house.accepted()
    held = journey.hold_for(inquiry, bed=house.bed, by=house.coordinator)
    spare = journey.hold_for(inquiry, bed=make.make_bed(program=house.detox), by=house.coordinator)
    arrival = make.make_appointment(
        facility=house.facility, person=inquiry.person, kind="admission", starts_at=timezone.now() + HOUR
    )
    promise = make.make_task(facility=house.facility, person=inquiry.person)

    stay = journey.admit(inquiry, hold=held, by=house.coordinator)

    inquiry.refresh_from_db()
    placement = stay.placements.get()
    assert (inquiry.stage, inquiry.admitted_at) == (Stage.ADMITTED, stay.admitted_at)
    assert (placement.use.bed, placement.program, placement.reason) == (house.bed, house.detox, "admission")
    assert placement.planned_end_on == house.facility.today() + 6 * DAY == stay.planned_discharge_on
    states = {use.hold.pk: use.state for use in BedUse.objects.filter(kind=UseKind.HOLD).select_related("hold")}
    assert states == {held.pk: UseState.FULFILLED, spare.pk: UseState.RELEASED}
    assert Appointment.objects.get(pk=arrival.pk).state == "kept"
    assert Task.objects.get(pk=promise.pk).state == "open"
    assert stay.request_id == inquiry.pk
    assert verbs(stay) == ["stay.began"]


def test_admission_into_a_free_bed_needs_no_hold(house):
    stay = journey.admit(house.accepted(), bed=house.bed, by=house.coordinator, planned_days=9)

    assert stay.planned_discharge_on == house.facility.today() + 9 * DAY


def test_nobody_is_admitted_whom_no_clinician_accepted(house):
    for inquiry in (house.inquiry(), house.inquiry(stage=Stage.SCHEDULED)):
        with pytest.raises(journey.NotAccepted):
            journey.admit(inquiry, bed=house.bed, by=house.coordinator)
    assert not Stay.objects.exists()
    assert not BedUse.objects.exists()


def test_an_acceptance_that_was_taken_back_admits_nobody(house):
    inquiry = house.accepted()
    house.decide(inquiry, DecisionOutcome.MORE_INFORMATION, reason="A seizure was mentioned")

    with pytest.raises(journey.NotAccepted):
        journey.admit(inquiry, bed=house.bed, by=house.coordinator)


def test_another_level_of_care_takes_a_clinician(house):
    inquiry = house.accepted(house.detox)

    with pytest.raises(journey.NotAccepted, match="Accepted for Detox, and this bed is Residential"):
        journey.admit(inquiry, bed=house.next_bed, by=house.coordinator)

    assert journey.admit(inquiry, bed=house.next_bed, by=house.clinician)


def test_a_bed_held_for_somebody_else_admits_nobody(house):
    held = journey.hold_for(house.inquiry(), bed=house.bed, by=house.coordinator)
    inquiry = house.accepted()

    with pytest.raises(journey.NotAccepted, match="somebody else"):
        journey.admit(inquiry, hold=held, by=house.coordinator)
    with pytest.raises(programs.BedTaken, match="held"):
        journey.admit(inquiry, bed=house.bed, by=house.coordinator)

    inquiry.refresh_from_db()
    assert inquiry.stage == Stage.SCHEDULED


def test_nobody_is_admitted_twice(house):
    inquiry = house.accepted()
    journey.admit(inquiry, bed=house.bed, by=house.coordinator)
    again = house.accepted(person=inquiry.person)

    for one in (inquiry, again):
        with pytest.raises(programs.AlreadyInCare):
            journey.admit(one, bed=make.make_bed(program=house.detox), by=house.coordinator)


@pytest.mark.parametrize("at, words", [(2 * HOUR, "when it happens"), (-6 * DAY, "before they asked")])
def test_an_admission_is_recorded_when_it_happened(house, at, words):
    with pytest.raises(programs.OutOfOrder, match=words):
        journey.admit(house.accepted(), bed=house.bed, by=house.coordinator, at=timezone.now() + at)


# Step down ------------------------------------------------------------------------------------------------


def test_detox_residential_iop_is_one_stay_with_one_bed_at_a_time(house):
    stay, first = house.in_care(since=9 * DAY)
    began = first.period.lower

    second = journey.step_down(stay, bed=house.next_bed, by=house.clinician, at=began + 3 * DAY)
    third = journey.step_down(stay, bed=house.seat, by=house.clinician, at=began + 8 * DAY)

    rows = [
        (p.program, p.period.lower, p.period.upper, p.reason)
        for p in stay.placements.select_related("program").order_by("period")
    ]
    assert rows == [
        (house.detox, began, began + 3 * DAY, PlacementReason.ADMISSION),
        (house.residential, began + 3 * DAY, began + 8 * DAY, PlacementReason.STEP_DOWN),
        (house.iop, began + 8 * DAY, None, PlacementReason.STEP_DOWN),
    ]
    uses = BedUse.objects.filter(kind=UseKind.PLACEMENT).order_by("period")
    assert [(u.bed_id, u.period) for u in uses] == [
        (bed.pk, placement.period)
        for bed, placement in zip(
            (house.bed, house.next_bed, house.seat), stay.placements.order_by("period"), strict=True
        )
    ]
    assert verbs(second) == verbs(third) == ["stay.moved"]
    assert second.planned_end_on == house.facility.today(began + 3 * DAY) + 28 * DAY
    cleaned = BedBlock.objects.filter(use__kind=UseKind.CLEANING).values_list("use__bed", flat=True)
    assert set(cleaned) == {house.bed.pk, house.next_bed.pk}


@pytest.mark.parametrize(
    "before, after, reason",
    [
        (Category.RES_MED, Category.RES_HIGH, "step_down"),
        (Category.RES_HIGH, Category.IOP, "step_down"),
        (Category.IOP, Category.RECOVERY_RES, "step_down"),
        (Category.IOP, Category.RES_MED, "step_up"),
        (Category.RES_HIGH, Category.RES_HIGH, "transfer"),
    ],
)
def test_the_reason_follows_the_order_of_intensity(before, after, reason):
    assert journey.placement_reason(before, after) == reason


def test_a_bed_held_for_the_person_is_theirs(house):
    stay, _ = house.in_care()
    held = programs.hold(house.next_bed, person=stay.person, by=house.clinician, reason="Steps down")

    placement = journey.step_down(stay, bed=house.next_bed, by=house.clinician)

    assert placement.use.bed == house.next_bed
    assert BedUse.objects.get(hold=held).state == UseState.FULFILLED


def test_a_bed_held_for_somebody_else_is_not(house):
    stay, placement = house.in_care()
    journey.hold_for(house.inquiry(), bed=house.next_bed, by=house.coordinator)

    with pytest.raises(programs.BedTaken):
        journey.step_down(stay, bed=house.next_bed, by=house.clinician)

    assert stay.placements.get() == placement


def test_no_therapy_is_dropped_in_silence(house):
    stay, placement = house.in_care(therapies=2)
    first, second = TherapyAssignment.objects.order_by("created_at")

    with pytest.raises(journey.FateMissing, match=str(second.modality)):
        journey.step_down(stay, bed=house.next_bed, by=house.clinician, carry=[Fate(first)])

    placement.refresh_from_db()
    assert placement.period.upper is None


def test_each_therapy_goes_along_goes_to_another_or_ends(house):
    stay, placement = house.in_care(therapies=3)
    other = make.make_user(at=house.facility, role=Role.CLINICIAN)
    kept, given, ended = TherapyAssignment.objects.order_by("created_at")

    moved = journey.step_down(
        stay, bed=house.next_bed, by=house.clinician,
        carry=[Fate(kept), Fate(given, therapist=other), Fate(ended, ends_because="Not offered there")],
    )  # fmt: skip

    now = {row.modality_id: row for row in TherapyAssignment.objects.filter(placement=moved)}
    assert {pk: row.therapist for pk, row in now.items()} == {
        kept.modality_id: house.clinician,
        given.modality_id: other,
    }
    assert now[kept.modality_id].carried_from == kept
    before = {row.pk: (row.state, row.end_reason) for row in TherapyAssignment.objects.filter(placement=placement)}
    assert before == {
        kept.pk: ("carried", f"Carried to {house.residential}"),
        given.pk: ("carried", f"Carried to {house.residential}"),
        ended.pk: ("ended", "Not offered there"),
    }


def test_a_move_to_another_facility_ends_one_stay_and_begins_the_next(house):
    stay, _ = house.in_care(therapies=1)
    far = make.make_facility()
    there = make.make_user(at=far, role=Role.CLINICIAN)
    bed = make.make_bed(program=make.make_program(facility=far, category=Category.RES_HIGH))
    (assignment,) = TherapyAssignment.objects.all()

    with pytest.raises(therapy.NoTherapist):
        journey.step_down(stay, bed=bed, by=house.clinician, carry=[Fate(assignment)])
    assert Stay.objects.count() == 1

    moved = journey.step_down(stay, bed=bed, by=house.clinician, carry=[Fate(assignment, therapist=there)])

    stay.refresh_from_db()
    assert (stay.discharge_type, stay.destination) == (DischargeType.TRANSFERRED, str(far))
    assert (moved.facility, moved.stay.facility, moved.reason) == (far, far, PlacementReason.STEP_DOWN)
    assert moved.stay.admitted_at == stay.discharged_at
    assert moved.stay.request_id == stay.request_id
    assert PersonAtFacility.objects.get(person=stay.person, facility=far).because == "transfer"
    assert TherapyAssignment.objects.active().get().facility == far


@pytest.mark.parametrize("where", ["therapies", "new placement", "happening"])
def test_a_move_that_breaks_half_way_leaves_the_person_in_exactly_one_bed(house, where):
    """The database itself fails at three different moments of the move."""
    stay, placement = house.in_care(therapies=1)
    (assignment,) = TherapyAssignment.objects.all()
    table = {"therapies": "therapy_therapyassignment", "new placement": "programs_placement",
             "happening": "core_happening"}[where]  # fmt: skip
    condition = "WHEN (NEW.verb = 'stay.moved')" if where == "happening" else ""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION break_it() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'half way'; END $$;"
            f"CREATE TRIGGER break_it BEFORE INSERT ON {table} FOR EACH ROW {condition} EXECUTE FUNCTION break_it();"
        )

    with pytest.raises(Exception, match="half way"):
        journey.step_down(stay, bed=house.next_bed, by=house.clinician, carry=[Fate(assignment)])

    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER break_it ON {table}; DROP FUNCTION break_it();")
    assert list(Placement.objects.current()) == [placement]
    assert list(BedUse.objects.taking_now()) == [placement.use]
    assert TherapyAssignment.objects.get().state == "active"


def test_a_form_that_showed_another_bed_moves_nobody(house):
    stay, first = house.in_care(since=9 * DAY)
    journey.step_down(stay, bed=house.next_bed, by=house.clinician, at=first.period.lower + DAY)

    with pytest.raises(programs.NotInCare, match=f"moved to {house.next_bed}"):
        journey.step_down(stay, bed=house.seat, by=house.clinician, expected=first)


# Discharge ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type", [t for t in DischargeType if t not in (DischargeType.OTHER, DischargeType.DECEASED)])
def test_a_discharge_ends_everything_and_plans_the_call_after(house, type):
    stay, _ = house.in_care(therapies=2)
    programs.hold(house.next_bed, person=stay.person, by=house.clinician, reason="Was to step down")

    ended = journey.discharge(stay, type=type, by=house.clinician, destination="Home")

    assert (ended.discharge_type, ended.destination) == (type, "Home")
    assert not Placement.objects.current().exists()
    assert not BedHold.objects.open().exists()
    (taking,) = BedUse.objects.taking_now()
    assert (taking.bed, taking.kind) == (house.bed, UseKind.CLEANING)
    state = "completed" if type == DischargeType.COMPLETED else "ended"
    assert set(TherapyAssignment.objects.values_list("state", flat=True)) == {state}
    task = Task.objects.get(rule="aftercare_call")
    assert (task.owner, task.kind, task.due_on) == (house.coordinator, "follow_up", house.facility.today() + 7 * DAY)
    assert subjects.resolve([task])[task.pk].url == reverse("admissions:person", args=[stay.person_id])
    assert verbs(ended) == ["stay.began", "stay.ended"]
    with pytest.raises(programs.NotInCare):
        journey.discharge(stay, type=type, by=house.clinician)


def test_nobody_calls_a_person_who_died(house):
    stay, _ = house.in_care()
    make.make_appointment(facility=house.facility, person=stay.person)

    journey.discharge(stay, type=DischargeType.DECEASED, by=house.clinician)

    stay.person.refresh_from_db()
    assert stay.person.deceased_on == house.facility.today()
    assert not Task.objects.exists()
    assert Appointment.objects.get().state == "cancelled"


def test_another_kind_of_ending_is_told_in_words(house):
    stay, _ = house.in_care()

    with pytest.raises(journey.ReasonMissing):
        journey.discharge(stay, type=DischargeType.OTHER, by=house.clinician)
    assert journey.discharge(stay, type=DischargeType.OTHER, note="Taken to court", by=house.clinician)


def test_a_discharge_before_the_last_move_is_refused(house):
    stay, placement = house.in_care()

    with pytest.raises(programs.OutOfOrder):
        journey.discharge(stay, type="completed", by=house.clinician, at=placement.period.lower)


# The pages ------------------------------------------------------------------------------------------------


def post(client, name, row, **data):
    return client.post(reverse(f"admissions:{name}", args=[row.pk]), key() | {k: str(v) for k, v in data.items()})


def test_the_journey_through_its_pages(signed_in, client, house):
    inquiry = house.inquiry()
    signed_in(house.coordinator)
    assert post(client, "hold", inquiry, bed=house.bed.pk, lasts=120).status_code == 302

    signed_in(house.clinician)
    assert (
        post(client, "decide", inquiry, outcome="accepted", program=house.detox.pk, reason="Fits").status_code == 302
    )

    signed_in(house.coordinator)
    held = BedHold.objects.get()
    answer = post(client, "admit", inquiry, bed=house.bed.pk, hold=held.pk)
    assert answer.headers["Location"] == reverse("admissions:person", args=[inquiry.person_id])
    stay = Stay.objects.get()

    signed_in(house.clinician)
    placement = stay.placements.get()
    assign = reverse("therapy:assign", args=[placement.pk])
    told = {"therapist": house.clinician.pk, "per_week": 2, "planned_sessions": 8, "minutes": 50, "starts_on": "today"}
    assert client.post(assign, key() | told | {"modality": make.make_modality().pk}).status_code == 302
    fate = {f"fate-{TherapyAssignment.objects.get().pk}": "carry"}
    stay.placements.update(period=(timezone.now() - HOUR, None))  # a move needs a moment in between
    answer = post(client, "step_down", stay, bed=house.next_bed.pk, placement=placement.pk, cleaning="on", **fate)
    assert answer.status_code == 302, answer.content.decode()[:2000]

    now = stay.placements.current().get()
    assert post(client, "discharge", stay, type="completed", placement=now.pk, cleaning="on").status_code == 302
    stay.refresh_from_db()
    assert stay.discharge_type == "completed"


def test_nothing_that_must_never_be_is_there_after_journeys_in_two_houses(house):
    """Held and admitted at another facility, transferred back, discharged; and an admission written down late."""
    far = House()
    both = make.make_user(at=house.facility, role=Role.CLINICIAN)
    Membership.objects.create(user=both, facility=far.facility, role=Role.CLINICIAN)
    inquiry = house.inquiry()
    house.decide(inquiry, program=far.detox, by=both)
    held = journey.hold_for(inquiry, bed=far.bed, by=both)
    stay = journey.admit(inquiry, hold=held, by=both, at=timezone.now() - 4 * HOUR)
    moved = journey.step_down(stay, bed=house.next_bed, by=both, at=timezone.now() - HOUR)
    journey.discharge(moved.stay, type="completed", by=both)

    assert {name: count for name, count in invariants.check().items() if count} == {}


def test_an_undecided_therapy_stops_the_move_with_words(signed_in, house):
    stay, placement = house.in_care(therapies=1)
    row = TherapyAssignment.objects.get()

    answer = post(
        signed_in(house.clinician), "step_down", stay, bed=house.next_bed.pk, placement=placement.pk,
        reason="Goal reached", **{f"fate-{row.pk}": ""},
    )  # fmt: skip

    page = answer.content.decode()
    assert "Decide: it goes along, to whom, or it ends." in page
    assert "Goal reached" in page, "what was typed is kept"
    assert stay.placements.get() == placement


def test_a_lapsed_hold_is_refused_on_the_page_and_the_free_bed_may_then_be_chosen(signed_in, house):
    inquiry = house.accepted()
    now = timezone.now()
    over = programs.hold(
        house.bed, person=inquiry.person, by=house.coordinator, reason="x", request_id=inquiry.pk, at=now - 3 * HOUR,
        until=now - HOUR,
    )  # fmt: skip
    client = signed_in(house.coordinator)

    refused = post(client, "admit", inquiry, bed=house.bed.pk, hold=over.pk)
    assert f"The hold on {house.bed} ended" in refused.content.decode()
    assert str(over.pk) not in refused.content.decode()

    assert post(client, "admit", inquiry, bed=house.bed.pk).status_code == 302


def test_a_taken_bed_is_refused_on_the_page_with_what_is_free(signed_in, house):
    other = make.make_bed(program=house.detox)
    journey.hold_for(house.inquiry(), bed=house.bed, by=house.clinician)

    page = post(signed_in(house.coordinator), "hold", house.inquiry(), bed=house.bed.pk, lasts=120).content.decode()

    assert f"Free now: {other}" in page
    assert f"is held by {house.clinician}" in page


@pytest.mark.parametrize(
    "typed",
    [
        {"bed": "x"},
        {"bed": "\x00"},
        {"bed": "00000000-0000-4000-8000-000000000000"},
        {"lasts": "9" * 30},
        {"lasts": "1e9"},
        {"reason": "x" * 10_000},
        {"on": "\x00", "time": "25:99"},
        {"on": "12/31/9999", "time": "11pm"},
        {"planned_days": "9" * 40},
        {"hold": "nonsense"},
        {"placement": "nonsense"},
        {"outcome": "nonsense"},
        {"type": "nonsense"},
        {"program": "9" * 40},
    ],
)
@pytest.mark.parametrize("name", ["hold", "decide", "admit", "step_down", "discharge"])
def test_no_input_breaks_a_page(signed_in, house, name, typed):
    stay, placement = house.in_care()
    row = stay if name in {"step_down", "discharge"} else house.accepted()
    fine = {"bed": house.next_bed.pk, "lasts": 120, "reason": "x", "outcome": "declined", "type": "completed",
            "placement": placement.pk}  # fmt: skip

    assert post(signed_in(house.clinician), name, row, **(fine | typed)).status_code in (200, 302)


@pytest.mark.parametrize("bed", ["nonsense", "\x00", "00000000-0000-4000-8000-000000000000", ""])
def test_any_bed_in_the_address_is_answered(signed_in, house, bed):
    stay, _ = house.in_care()
    page = reverse("admissions:step_down", args=[stay.pk])

    assert signed_in(house.clinician).get(page, {"bed": bed}).status_code == 200


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_of_decisions_asks_no_more_for_more(signed_in, house, rows):
    for stage in (Stage.DECISION, Stage.PRE_SCREEN):
        for _ in range(rows):
            inquiry = house.inquiry(stage=stage)
            make.make_substance(inquiry)
            programs.hold(
                make.make_bed(facility=house.facility), person=inquiry.person, by=house.clinician, reason="x",
                request_id=inquiry.pk,
            )  # fmt: skip
    client = signed_in(house.clinician)
    client.get(reverse("admissions:decisions"))

    with CaptureQueriesContext(connection) as queries:
        client.get(reverse("admissions:decisions"))

    asked = [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"]]
    assert len(asked) == 7, "session, user; inquiries, substances, decisions, holds; the read event"


def test_the_longest_wait_is_decided_first_and_the_undecided_come_after(signed_in, house):
    now = timezone.now()
    newer = house.inquiry(stage=Stage.DECISION, stage_since=now - HOUR)
    older = house.inquiry(stage=Stage.DECISION, stage_since=now - 2 * HOUR)
    early = house.inquiry(stage=Stage.NEW, stage_since=now - 9 * HOUR)
    house.accepted()

    answer = signed_in(house.clinician).get(reverse("admissions:decisions"))

    assert answer.context["waiting"] == [older, newer]
    assert answer.context["undecided"] == [early]


def test_a_supervisor_is_named_to_who_reaches_a_limit(signed_in, house):
    supervisor = make.make_user(at=house.facility, flags=["supervisor"], first_name="Inge", last_name="Sol")

    page = post(
        signed_in(house.coordinator), "hold", house.inquiry(), bed=house.bed.pk, lasts=48 * 60
    ).content.decode()

    assert f"{supervisor} may do more" in page
