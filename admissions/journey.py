"""The verbs that cross rooms: each opens the transaction, calls downward, and happens wholly or not at all.

Beds are locked before inquiries, everywhere (docs/decisions/0004).
"""

import datetime as dt
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.permissions import Permission
from admissions.enums import OPEN_STAGES, ClosedBecause, DecisionOutcome, Stage
from admissions.models import AdmissionDecision, Inquiry, SafetyCheck
from admissions.services import InquiryOver, close_inquiry, move_stage
from core import happenings
from core.errors import Refused
from core.times import wall_clock
from people import services as people
from people.models import KnownBecause, Person
from programs import services as programs
from programs.enums import Category, DischargeType, PlacementReason
from programs.models import Appointment
from therapy import services as therapy
from therapy.models import TherapyAssignment
from work import services as work
from work.models import TaskKind

# Questions a clinician has are answered within this; the call after a discharge is a week later, at ten.
ANSWER_WITHIN = dt.timedelta(hours=2)
AFTERCARE_DAYS = 7
AFTERCARE_AT = dt.time(10)
AFTERCARE_RULE = "aftercare_call"
# Least to most intensive, as the vocabulary lists them (domain: levels of care, section 2).
INTENSITY = {category: place for place, category in enumerate(Category)}


class EmergencyFirst(Refused):
    """Somebody said there is danger to life, and what was done is not written down yet."""

    code = "emergency_first"


class NotAccepted(Refused):
    """No clinician has accepted the inquiry for this level of care."""

    code = "not_accepted"


class ReasonMissing(Refused):
    """A decision or a discharge says why."""

    code = "reason_missing"


class ProgramMissing(Refused):
    """An acceptance names a program of a facility that decides about the inquiry."""

    code = "program_missing"


class FateMissing(Refused):
    """A therapy would be dropped: each active one is carried, given to somebody else, or ended with a reason."""

    code = "fate_missing"


@dataclass(frozen=True)
class Fate:
    """What becomes of one therapy when the person moves on.

    With `ends_because` (words) it ends; otherwise it is carried, to `therapist` or with the same one.
    """

    assignment: TherapyAssignment
    ends_because: str = ""
    therapist: object = None


def hold_for(inquiry, *, bed, until=None, by, reason="", at=None):
    """Hold `bed` for the person of an open inquiry; see `programs.services.hold` for `until` and limits.

    Raises InquiryOver, EmergencyFirst while a danger to life has no recorded action, BedTaken, BeyondLimits.
    """
    with transaction.atomic():
        inquiry.refresh_from_db(fields=["stage"])
        if inquiry.stage not in OPEN_STAGES:
            raise InquiryOver("This inquiry is over. Open it again before you hold a bed for it.")
        if SafetyCheck.objects.filter(inquiry=inquiry, is_e1=True, action="").exists():
            raise EmergencyFirst("Somebody is in danger. Write down what was done about it, then hold a bed.")
        held = programs.hold(
            bed, person=inquiry.person, by=by, until=until, reason=reason or "Asked for", request_id=inquiry.pk, at=at
        )
        # A bed at another of our facilities: its staff must see whom it is held for.
        _know(inquiry.person, held.facility, at)
    return held


def decide(inquiry, *, outcome, program=None, reason, by, at=None):
    """Record a clinician's decision about an open inquiry. Answers the `AdmissionDecision`.

    Accepted names a `program` and schedules; declined closes the inquiry and lets its beds go; more
    information goes back to the pre-screen with a task for the owner, due in two hours. `reason` is
    required. Raises InquiryOver, ProgramMissing, ReasonMissing, StageNotAllowed.
    """
    at = at or timezone.now()
    outcome = DecisionOutcome(outcome)
    reason = people.tidy(reason, 300)
    if not reason:
        raise ReasonMissing("Write why: whoever calls the family will say it.")
    if outcome == DecisionOutcome.ACCEPTED:
        if program is None:
            raise ProgramMissing("Choose the program that takes the person.")
        if not program.is_active or (by and not by.may(Permission.VIEW_PEOPLE, program.facility)):
            raise ProgramMissing(f"{program} does not take anybody now. Choose another program.")
    else:
        program = None
    with transaction.atomic():
        if outcome == DecisionOutcome.DECLINED:
            programs.release_for(inquiry.pk, reason="Declined", by=by, at=at)
        locked = _locked(inquiry)
        if locked.stage not in OPEN_STAGES:
            raise InquiryOver("This inquiry is over; there is nothing to decide.")
        row = AdmissionDecision.objects.create(
            inquiry=locked, outcome=outcome, program=program, reason=reason, decided_at=at, decided_by=by
        )
        words = outcome.label if program is None else f"{outcome.label} for {program}"
        happenings.record(
            "inquiry.decided", f"{words}: {reason}", by=by, about=locked.person, place=locked.facility, subject=row,
            at=at, outcome=str(outcome),
        )  # fmt: skip
        if outcome == DecisionOutcome.ACCEPTED and locked.stage != Stage.SCHEDULED:
            move_stage(locked, Stage.SCHEDULED, by=by, at=at)
        elif outcome == DecisionOutcome.DECLINED:
            close_inquiry(locked, because=ClosedBecause.DECLINED, note=reason, by=by, at=at)
        elif outcome == DecisionOutcome.MORE_INFORMATION:
            _ask_for_more(locked, reason, by=by, at=at)
    return row


def admit(inquiry, *, bed=None, hold=None, by, at=None, planned_days=None):
    """Admit the person of an accepted inquiry into `bed`, or into the bed of `hold`, at `at` (aware, default now).

    Same-day admission is the rule: nothing lies between acceptance and this. Stay, placement and bed use
    begin together, the hold is fulfilled, a booked arrival is kept; open promises stay open.
    `planned_days` is the length of stay, default the program's. Raises NotAccepted, HoldOver for a hold that
    lapsed even when the bed is free, BedTaken, AlreadyInCare, OutOfOrder. Answers the `Stay`.
    """
    if hold is not None and hold.person_id != inquiry.person_id:
        raise NotAccepted("That bed is held for somebody else.")
    bed = hold.use.bed if hold else bed
    program = bed.unit.program
    with transaction.atomic():
        _know(inquiry.person, program.facility, at)
        stay = programs.start_stay(
            facility=program.facility,
            person=inquiry.person,
            bed=bed,
            hold=hold,
            by=by,
            at=at,
            request_id=inquiry.pk,
            planned_days=planned_days,
        )
        at = stay.admitted_at
        locked = _locked(inquiry)
        _refuse_not_accepted(locked, program, by=by)
        if at < locked.opened_at:
            raise programs.OutOfOrder("The person cannot have arrived before they asked for help.")
        # A decision written down after the arrival came before it all the same: stages keep their order.
        move_stage(locked, Stage.ADMITTED, by=by, at=max(at, locked.stage_since))
        programs.arrived(locked.person, facility=program.facility, by=by, at=at)
        happenings.record(
            "stay.began", f"Admitted to {program}, {bed}", by=by, about=locked.person, place=program.facility,
            subject=stay, at=at, program=str(program.pk),
        )  # fmt: skip
    return stay


def step_down(
    stay, *, bed, by, at=None, reason="", carry=(), planned_days=None, hold=None, cleaning=True, expected=None
):
    """Move the person of `stay` into `bed` at `at` (aware, default now), down, up or across. Answers the `Placement`.

    The placement that ends and its bed, the one that begins, and every active therapy change together.
    `carry` is a list of `Fate`, one for each active therapy. A bed at another facility ends this stay as
    transferred and begins one there; that facility knows the person from then on. `expected` is the placement
    the form showed. Raises FateMissing, BedTaken, DoesNotFit, NotInCare, OutOfOrder, NoTherapist.
    """
    program, person = bed.unit.program, stay.person
    moves_away = program.facility_id != stay.facility_id
    with transaction.atomic():
        before = expected or stay.placements.current().select_related("program").filter(is_primary=True).first()
        if before is None:
            raise programs.NotInCare("This stay has ended already.")
        kind = placement_reason(before.program.category, program.category)
        if moves_away:
            placement = _transfer(
                stay, bed=bed, hold=hold, by=by, at=at, reason=kind, planned_days=planned_days, cleaning=cleaning,
                expected=before,
            )  # fmt: skip
        else:
            placement = programs.place(
                stay, bed=bed, by=by, at=at, reason=kind, planned_days=planned_days, hold=hold, cleaning=cleaning,
                expected=before,
            )  # fmt: skip
        _follow_fates(before, placement, carry, by=by, at=placement.period.lower)
        words = f"{kind.label} from {before.program} to {program}, {bed}"
        happenings.record(
            "stay.moved", f"{words}: {reason}" if reason else words, by=by, about=person, place=program.facility,
            subject=placement, at=placement.period.lower, reason=str(kind), program=str(program.pk),
        )  # fmt: skip
    return placement


def discharge(stay, *, type, by, at=None, destination="", note="", cleaning=True, expected=None):
    """End `stay` at `at` (aware, default now) with a `DischargeType`. Answers the stay as it is now.

    The placement ends, its bed goes to cleaning, every active therapy ends, and a call a week later at ten
    is planned for whoever owns the inquiry; for a person who died, none, and appointments are cancelled.
    Raises NotInCare, OutOfOrder, ReasonMissing when the type is OTHER and there is no note.
    """
    type = DischargeType(type)
    note, destination = people.tidy(note, 300), people.tidy(destination, 200)
    if type == DischargeType.OTHER and not note:
        raise ReasonMissing("Write what happened.")
    with transaction.atomic():
        ended = programs.end_stay(
            stay, type=type, by=by, at=at, destination=destination, note=note, cleaning=cleaning, expected=expected
        )
        at = ended.discharged_at
        is_completed = type == DischargeType.COMPLETED
        for assignment in TherapyAssignment.objects.active().filter(placement__stay=ended).order_by("pk"):
            therapy.end(
                assignment, reason=f"Discharged: {type.label.lower()}", by=by, at=at, is_completed=is_completed
            )
        words = f"Discharged: {type.label.lower()}{f', to {destination}' if destination else ''}"
        happenings.record(
            "stay.ended", words, by=by, about=ended.person, place=ended.facility, subject=ended, at=at, type=str(type)
        )
        if type == DischargeType.DECEASED:
            _after_death(ended, by=by, at=at)
        else:
            _plan_aftercare(ended, by=by)
    return ended


def placement_reason(before, after):
    """Step down, step up or transfer, by the order of intensity of two categories."""
    if INTENSITY[after] == INTENSITY[before]:
        return PlacementReason.TRANSFER
    return PlacementReason.STEP_DOWN if INTENSITY[after] < INTENSITY[before] else PlacementReason.STEP_UP


def accepted_program(inquiry):
    """The program of the newest decision if it is an acceptance, else None."""
    newest = inquiry.decisions.select_related("program__facility").order_by("-decided_at", "-pk").first()
    return newest.program if newest and newest.outcome == DecisionOutcome.ACCEPTED else None


def _refuse_not_accepted(inquiry, program, *, by):
    accepted = accepted_program(inquiry)
    if inquiry.stage not in OPEN_STAGES:
        raise InquiryOver("This inquiry is over; the person was admitted, or it was closed.")
    if accepted is None or inquiry.stage != Stage.SCHEDULED:
        raise NotAccepted("A clinician has not accepted this inquiry yet.")
    # The level of care is a clinical decision; a clinician who admits decides it by admitting.
    if accepted.category != program.category and not (by and by.may(Permission.DECIDE, program.facility)):
        raise NotAccepted(
            f"Accepted for {accepted.get_category_display()}, and this bed is {program.get_category_display()}. "
            "A clinician decides that again first."
        )


def _ask_for_more(inquiry, reason, *, by, at):
    if inquiry.stage == Stage.SCHEDULED:
        # An acceptance that is taken back goes the way it came.
        inquiry = move_stage(inquiry, Stage.DECISION, by=by, at=at)
    if inquiry.stage != Stage.PRE_SCREEN:
        move_stage(inquiry, Stage.PRE_SCREEN, by=by, at=at)
    on, time = wall_clock(at + ANSWER_WITHIN, inquiry.facility.zone)
    work.promise(
        facility=inquiry.facility,
        person=inquiry.person,
        owner=_owner(inquiry, inquiry.facility),
        text=f"Find out for the decision: {reason}",
        on=on,
        time=time.replace(second=0, microsecond=0),
        by=by,
        subject=inquiry,
        kind=TaskKind.FOLLOW_UP,
        at=at,
    )


def _transfer(stay, *, bed, hold, by, at, reason, planned_days, cleaning, expected):
    """End the stay here as transferred and begin one at the bed's facility; answers the placement there."""
    facility = bed.unit.program.facility
    programs.lock_for_move(stay, bed=bed, by=by)
    _know(stay.person, facility, at)
    begun = programs.start_stay(
        facility=facility,
        person=stay.person,
        bed=bed,
        hold=hold,
        by=by,
        at=at,
        request_id=stay.request_id,
        planned_days=planned_days,
        reason=reason,
    )
    ended = programs.end_stay(
        stay, type=DischargeType.TRANSFERRED, by=by, at=begun.admitted_at, destination=str(facility),
        cleaning=cleaning, expected=expected,
    )  # fmt: skip
    happenings.record(
        "stay.ended", f"Transferred to {facility}", by=by, about=stay.person, place=stay.facility, subject=ended,
        at=begun.admitted_at, type=str(DischargeType.TRANSFERRED),
    )  # fmt: skip
    return begun.placements.select_related("program", "facility", "person").get()


def _follow_fates(before, placement, fates, *, by, at):
    active = {
        row.pk: row
        for row in TherapyAssignment.objects.active()
        .filter(placement=before)
        .select_related("modality")
        .order_by("pk")
    }
    chosen = {fate.assignment.pk: fate for fate in fates}
    undecided = [str(row.modality) for pk, row in active.items() if pk not in chosen]
    if undecided:
        raise FateMissing(f"Decide what becomes of {', '.join(undecided)}. None is dropped in silence.")
    for pk, row in active.items():
        fate = chosen[pk]
        if fate.ends_because:
            therapy.end(row, reason=fate.ends_because, by=by, at=at)
        else:
            therapy.carry(row, to_placement=placement, therapist=fate.therapist, by=by, at=at)


def _plan_aftercare(stay, *, by):
    facility = stay.facility
    inquiry = Inquiry.objects.filter(pk=stay.request_id).select_related("owner").first() if stay.request_id else None
    work.promise(
        facility=facility,
        person=stay.person,
        owner=_owner(inquiry, facility) if inquiry else None,
        text="Aftercare call: how are they a week on",
        # From today, not from the day of leaving: a discharge written down late still gets its call.
        on=facility.today() + dt.timedelta(days=AFTERCARE_DAYS),
        time=AFTERCARE_AT,
        by=by,
        contact_point=inquiry.contact_point if inquiry else None,
        subject=stay,
        kind=TaskKind.FOLLOW_UP,
        rule=AFTERCARE_RULE,
    )


def _after_death(stay, *, by, at):
    """Nobody calls or writes to a person who died."""
    Person.objects.filter(pk=stay.person_id, deceased_on=None).update(
        deceased_on=stay.facility.today(at), version=F("version") + 1
    )
    for appointment in Appointment.objects.booked().filter(person=stay.person_id, facility=stay.facility):
        programs.cancel_appointment(appointment, reason="the person died", by=by)


def _owner(inquiry, facility):
    """The inquiry's owner while they still work there, else nobody: then whoever comes first."""
    owner = inquiry.owner
    return owner if owner and owner.is_active and owner.may(Permission.VIEW_PEOPLE, facility) else None


def _know(person, facility, at):
    people.know(person, facility=facility, because=KnownBecause.TRANSFER, at=at)


def _locked(inquiry):
    return (
        Inquiry.objects.select_for_update(of=("self",), no_key=True)
        .select_related("facility", "person", "owner", "contact_point")
        .get(pk=inquiry.pk)
    )
