"""Admissions, step-downs and discharges, with the therapies that go along."""

import datetime as dt

from core.models import Happening
from core.times import instant
from programs.enums import PlacementReason, UseKind, UseState
from programs.models import BedHold, BedUse, Placement, Stay
from reports.seeding.ledger import days, minutes
from reports.seeding.names import GOALS
from therapy.models import TherapyAssignment

DISCHARGES = (
    ["completed"] * 11 + ["transferred"] * 2 + ["against_advice"] * 4 + ["administrative", "referred", "other"]
)


class Care:
    """One stay: its placements one after the other, each with a bed and therapies."""

    def __init__(self, demo, facility, person, admitted_at, *, by, request_id=None):
        self.demo, self.ledger, self.facility, self.person = demo, demo.ledger, facility, person
        self.stay = self.ledger.add(
            Stay, facility=facility, person=person, admitted_at=admitted_at, admitted_by=by, request_id=request_id
        )
        self.placements = []
        self.assignments = []

    def tell(self, verb, text, at, *, by, subject):
        self.ledger.add(
            Happening,
            verb=verb,
            text=text,
            actor=by,
            about_id=self.person.pk,
            place_id=self.facility.pk,
            subject_id=subject.pk,
            at=at,
        )

    def place(self, bed, start, end, *, by, planned_end_on=None, therapies=(), therapist=None):
        """Into `bed` from `start` until `end` (aware; None: still there). The span is taken in the bed book."""
        first = not self.placements
        use = self.ledger.add(BedUse, bed=bed, kind=UseKind.PLACEMENT, period=(start, end))
        program = bed.unit.program
        placement = self.ledger.add(
            Placement,
            facility=self.facility,
            stay=self.stay,
            person=self.person,
            program=program,
            use=use,
            period=(start, end),
            reason=PlacementReason.ADMISSION if first else PlacementReason.STEP_DOWN,
            planned_end_on=planned_end_on,
            placed_by=by,
        )
        self.demo.book.take(bed, start, end)
        if first:
            self.tell(
                "stay.admitted", f"Admitted to {program.name.lower()}, {bed.code}", start, by=by, subject=self.stay
            )
        else:
            self.tell(
                "stay.stepped_down",
                f"Stepped down to {program.name.lower()}, {bed.code}",
                start,
                by=by,
                subject=placement,
            )
        self.placements.append(placement)
        self.stay.planned_discharge_on = planned_end_on
        for assignment in self.assignments:  # those of the program before
            if assignment.state == "active":
                assignment.state, assignment.ended_on = "ended", self.facility.today(start)
                assignment.end_reason = "Stepped down"
        for code in therapies:
            self._assign(placement, code, therapist, start, by=by)
        return placement

    def _assign(self, placement, code, therapist, start, *, by):
        rng, per_week = self.ledger.rng, {"group": 3, "family": 1, "mi": 1}.get(code, 2)
        weeks = 1 if (placement.program.planned_days or 7) < 10 else (placement.program.planned_days or 28) // 7
        self.assignments.append(
            self.ledger.add(
                TherapyAssignment,
                facility=self.facility,
                person=self.person,
                placement=placement,
                modality=self.demo.house.modalities[code],
                therapist=therapist,
                per_week=per_week,
                planned_sessions=max(per_week * weeks, 1),
                minutes=60 if code == "group" else 50,
                starts_on=self.facility.today(start),
                goal=rng.choice(GOALS),
                assigned_by=by,
                created_at=start,
            )
        )

    def discharge(self, at, kind, *, by, destination=""):
        """End the stay at `at`; its last placement must end there too."""
        self.stay.discharged_at, self.stay.discharge_type, self.stay.destination = at, kind, destination
        for assignment in self.assignments:
            if assignment.state == "active":
                assignment.state = "completed" if kind == "completed" else "ended"
                assignment.ended_on = self.facility.today(at)
                assignment.end_reason = "Discharged"
        self.tell(
            "stay.discharged",
            f"Discharged: {self.stay.get_discharge_type_display().lower()}",
            at,
            by=by,
            subject=self.stay,
        )


def hold(
    demo,
    facility,
    bed,
    person,
    *,
    by,
    held_at,
    expires_at,
    reason,
    request_id=None,
    state=UseState.FIRM,
    ended_at=None,
):
    """A hold on `bed`; with `state` lapsed, released or fulfilled it is history and takes nothing."""
    use = demo.ledger.add(
        BedUse, bed=bed, kind=UseKind.HOLD, period=(held_at, expires_at), expires_at=expires_at, state=state
    )
    row = demo.ledger.add(
        BedHold,
        facility=facility,
        use=use,
        person=person,
        request_id=request_id,
        reason=reason,
        held_by=by,
        held_at=held_at,
    )
    demo.ledger.add(
        Happening,
        verb="bed.held",
        text=f"Bed {bed.code} held",
        actor=by,
        about_id=person.pk,
        place_id=facility.pk,
        subject_id=row.pk,
        at=held_at,
    )
    if state == UseState.RELEASED:
        row.released_at, row.released_by, row.release_reason = ended_at, by, "Not needed any more"
    if state == UseState.FIRM:
        demo.book.take(bed, held_at, expires_at)
    return row


def local(facility, at, hour, minute=0, *, add_days=0):
    """`hour`:`minute` on the facility's day of `at`, plus days (aware instant)."""
    return instant(facility.today(at) + days(add_days), dt.time(hour, minute), facility.zone)


def past_stay(demo, story, rng, admitted_at, programs, *, by, therapist):
    """A whole stay of the past through `programs` [(program, days)], as far as beds are free. None if there was none.

    The chain stops where no bed is free; a part of it ends early, as people do.
    """
    facility, person = story.facility, story.person
    start, chain = admitted_at, []
    for program, length in programs:
        end = local(facility, start, rng.randrange(9, 15), rng.choice([0, 15, 30]), add_days=length)
        if end >= demo.now - dt.timedelta(hours=12):
            break
        bed = demo.book.find(rng, program, start, end + dt.timedelta(hours=3), person.sex)
        if bed is None:
            break
        chain.append((bed, start, end))
        start = end + minutes(30)
        if rng.random() < 0.12:
            break
    if not chain:
        return None
    care = Care(demo, facility, person, admitted_at, by=by, request_id=story.inquiry.pk)
    for index, (bed, begins, ends) in enumerate(chain):
        # The next placement begins the instant this one ends: a person is always somewhere.
        if index + 1 < len(chain):
            ends = chain[index + 1][1]
        care.place(
            bed,
            begins,
            ends,
            by=by,
            planned_end_on=facility.today(ends),
            therapist=therapist,
            therapies=rng.sample(["cbt", "dbt", "group", "mi", "family"], k=rng.choice([1, 2, 2, 3])),
        )
    care.discharge(chain[-1][2], rng.choice(DISCHARGES), by=by)
    return care
