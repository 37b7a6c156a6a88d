"""Every write about beds, stays and appointments (docs/decisions/0004).

One order for all of them: the beds' rows are locked, sorted; holds that are over by the clock are marked so; the
rules are asked; then rows are written. The lock is politeness, the exclusion constraint is the law: what it
refuses comes back as a `Refused` that names the facts of the winner.
"""

import datetime as dt
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import IntegrityError, OperationalError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Count, Exists, OuterRef
from django.utils import timezone

from accounts.models import Membership, User
from accounts.permissions import Permission
from core import happenings
from core.errors import Refused, Stale
from core.templatetags.hr import say_date, say_daytime, say_duration
from core.times import instant
from messaging import services as messaging
from people.models import ContactKind, ContactPoint
from programs.enums import (
    AppointmentKind,
    AppointmentState,
    BedKind,
    DischargeType,
    PlacementReason,
    TakenBy,
    UseKind,
    UseState,
)
from programs.models import Appointment, Bed, BedBlock, BedHold, BedUse, Placement, Stay, Unit
from programs.querysets import FITTING_UNITS
from programs.reminders import remind_person

ALTERNATIVES = 3
CLOCK_SKEW = dt.timedelta(minutes=1)
# 23P01 exclusion, 40P01 deadlock, 55P03 lock not available in time: somebody else was first.
RACES = {"23P01", "40P01", "55P03"}


class BedTaken(Refused):
    """The bed is not free. `until` (aware or None) is when that ends; `alternatives` are `Offer`s, best first."""

    code = "bed_taken"

    def __init__(self, message, *, until=None, alternatives=()):
        super().__init__(message)
        self.until, self.alternatives = until, list(alternatives)


class HoldOver(Refused):
    """The hold lapsed, was let go or became a placement; it holds nothing."""

    code = "hold_over"


class BeyondLimits(Refused):
    """Longer, or more at once, than the program lets one coordinator hold."""

    code = "beyond_limits"


class DoesNotFit(Refused):
    """The bed is for somebody else, or out of use for good."""

    code = "does_not_fit"


class AlreadyInCare(Refused):
    """The person has an open stay or a placement at that time at this facility."""

    code = "already_in_care"


class OutOfOrder(Refused):
    """An instant that lies in the future, or before what it follows."""

    code = "out_of_order"


class NotInCare(Refused):
    """The stay ended, or the person was moved since the page was opened."""

    code = "not_in_care"


class ProgramInUse(Refused):
    """The program still has people, holds or blocked beds."""

    code = "program_in_use"


class AppointmentOver(Refused):
    """The appointment was kept, missed or cancelled before."""

    code = "appointment_over"


@dataclass(frozen=True)
class Offer:
    """A bed that is free now, and why it comes at this place of the list."""

    bed: Bed
    reasons: list[str] = field(default_factory=list)

    @property
    def program(self):
        return self.bed.unit.program


# What is free ---------------------------------------------------------------------------------------------


def best_beds(facility_ids, *, category=None, person=None, limit=4, without=None):
    """Up to `limit` beds free at this instant at `facility_ids`, best first, each with its reasons.

    The order of the ids is the order of preference. `category` (a `Category`) and the unit must fit, the
    latter as far as the person's sex for clinical use is known. `without` leaves one bed out. One query.
    """
    beds = Bed.objects.in_use().filter(unit__program__facility__in=facility_ids).free().fitting(person)
    if category:
        beds = beds.filter(unit__program__category=category)
    if without:
        beds = beds.exclude(pk=without.pk)
    rows = beds.with_free_since().select_related("unit__program__facility").ranked(list(facility_ids), person)[:limit]
    home = facility_ids[0] if facility_ids else None
    return [Offer(bed, _reasons(bed, home=home, person=person)) for bed in rows]


def free_counts(facility_ids):
    """{program id: (free now, all)} over beds and seats in use at `facility_ids`. One query."""
    taken = BedUse.objects.taking_now().filter(bed=OuterRef("pk"))
    rows = (
        Bed.objects.in_use()
        .filter(unit__program__facility__in=facility_ids)
        .values_list("unit__program")
        .annotate(free=Count("pk", filter=~Exists(taken)), total=Count("pk"))
        .order_by("unit__program")
    )
    return {program: (free, total) for program, free, total in rows}


def _reasons(bed, *, home, person):
    unit, facility = bed.unit, bed.unit.program.facility
    reasons = []
    if facility.pk != home:
        reasons.append(f"at {facility}")
    if unit.taken_by != TakenBy.ANYONE:
        known = person is not None and person.sex in FITTING_UNITS
        reasons.append(f"{unit}, {unit.get_taken_by_display().lower()} only{'' if known or not person else ': ask'}")
    else:
        reasons.append(f"{unit}, for anyone")
    if bed.is_step_free:
        reasons.append("no stairs")
    if bed.free_since:
        verb = "cleaned" if bed.last_kind == UseKind.CLEANING else "free since"
        reasons.append(f"{verb} {_said(bed.free_since, facility)}")
    return reasons


# Holds ----------------------------------------------------------------------------------------------------


def hold(bed, *, person, by, until=None, reason, request_id=None, at=None):
    """Promise `bed` to `person` from `at` (aware, default now) until `until` (aware, default the program's).

    Longer than `program.hold_max_minutes`, or more than `program.holds_each` open at once, takes
    HOLD_BEYOND_LIMITS at the bed's facility. `request_id` is the id of what it was made for. Raises
    BedTaken with alternatives, BeyondLimits, DoesNotFit, OutOfOrder.
    """
    at = at or timezone.now()
    with _law(bed, by=by, person=person):
        bed = _lock(bed)[bed.pk]
        _refuse_unfit(bed, person)
        program = bed.unit.program
        until = until or at + dt.timedelta(minutes=program.hold_minutes)
        if until <= at:
            raise OutOfOrder("That time is over. A hold ends later than now.")
        _refuse_beyond_limits(program, by=by, start=at, until=until, is_new=True)
        _refuse_taken(bed, period=(at, until), by=by, person=person)
        use = BedUse.objects.create(bed=bed, kind=UseKind.HOLD, period=_span(at, until), expires_at=until)
        row = BedHold.objects.create(
            facility=program.facility,
            use=use,
            person=person,
            request_id=request_id,
            reason=reason[:200],
            held_by=by,
            held_at=at,
        )
        happenings.record(
            "bed.held", f"{bed} in {program} held until {_said(until, program.facility)}", by=by, about=person,
            place=program.facility, subject=row, at=at, bed=str(bed.pk),
        )  # fmt: skip
    return row


def extend(hold, *, until, by, version):
    """Let `hold` last until `until` (aware), counted from now for the limits. Answers it as it is now.

    `version` (int) is what the form showed. Raises HoldOver, Stale, BeyondLimits, OutOfOrder, BedTaken.
    """
    now = timezone.now()
    bed = hold.use.bed
    with _law(bed, by=by, person=hold.person):
        _lock(bed)
        locked = _open_hold(hold)
        if locked.version != version:
            raise Stale("Somebody else changed this hold while you had it open. Nothing was overwritten.")
        program = locked.use.bed.unit.program
        if until <= now:
            raise OutOfOrder("That time is over. Let the bed go, or name a later time.")
        _refuse_beyond_limits(program, by=by, start=now, until=until, is_new=False)
        use = locked.use
        use.period, use.expires_at = _span(use.period.lower, until), until
        use.save(update_fields=["period", "expires_at"])
        _grow(locked)
        happenings.record(
            "bed.hold_extended", f"{use.bed} held until {_said(until, program.facility)}", by=by,
            about=locked.person, place=program.facility, subject=locked, at=now,
        )  # fmt: skip
    return locked


def release(hold, *, reason, by, at=None):
    """Let the held bed go, for `reason` (words, required). Raises HoldOver when it holds nothing any more."""
    at = at or timezone.now()
    bed = hold.use.bed
    with _law(bed, by=by, person=hold.person):
        _lock(bed)
        locked = _open_hold(hold)
        _let_go(locked, reason=reason, by=by, at=at)
    return locked


def release_for(request_id, *, reason, by, at=None):
    """Let go of every bed still held for what `request_id` names; answers how many."""
    at = at or timezone.now()
    with _law(None, by=by):
        ids = BedUse.objects.filter(hold__request_id=request_id, state=UseState.FIRM).values_list("bed_id", flat=True)
        _lock(*Bed.objects.filter(pk__in=list(ids)))
        held = BedHold.objects.filter(request_id=request_id, use__state=UseState.FIRM).with_bed()
        rows = list(held)
        for row in rows:
            _let_go(row, reason=reason, by=by, at=at)
    return len(rows)


def _open_hold(hold):
    """The hold as it is now, on a locked bed; HoldOver unless it holds."""
    row = BedHold.objects.with_bed().get(pk=hold.pk)
    use = row.use
    if use.state == UseState.FIRM:
        return row
    words = {
        UseState.LAPSED: f"ended {_said(use.expires_at, row.facility)}",
        UseState.RELEASED: f"was let go {_said(row.released_at or use.period.upper, row.facility)}",
        UseState.FULFILLED: "became a stay",
    }
    raise HoldOver(f"The hold on {use.bed} {words[UseState(use.state)]}. Look at the board for what is free now.")


def _let_go(hold, *, reason, by, at):
    use = hold.use
    _close(use, UseState.RELEASED, at)
    hold.released_at, hold.released_by, hold.release_reason = at, by, reason[:200]
    _grow(hold, "released_at", "released_by", "release_reason")
    happenings.record(
        "bed.released",
        f"{use.bed} let go: {reason}",
        by=by,
        about=hold.person,
        place=hold.facility,
        subject=hold,
        at=at,
    )


def _close(use, state, at):
    """End a hold's use at `at`; a range is never empty, so one that ends at its start lasts a microsecond."""
    use.state = state
    use.period = _span(use.period.lower, max(at, use.period.lower + dt.timedelta(microseconds=1)))
    use.save(update_fields=["state", "period"])


# Out of use -----------------------------------------------------------------------------------------------


def block(bed, *, reason, by, until=None, kind=UseKind.BLOCK, at=None):
    """Take `bed` out of use from `at` until somebody puts it back; `until` (aware) is when that is expected.

    `kind` is BLOCK or CLEANING. Raises BedTaken while somebody is in it or it is held.
    """
    at = at or timezone.now()
    with _law(bed, by=by):
        bed = _lock(bed)[bed.pk]
        if until and until <= at:
            raise OutOfOrder("It is expected back later than now. Leave the time empty if nobody knows.")
        _refuse_taken(bed, period=(at, None), by=by, offer=False)
        row = _take_out(bed, reason=reason, by=by, until=until, kind=kind, at=at)
    return row


def unblock(block, *, by, at=None):
    """Put a blocked or cleaned bed back into use. Raises OutOfOrder when it is back already."""
    at = at or timezone.now()
    bed = block.use.bed
    with _law(bed, by=by):
        bed = _lock(bed)[bed.pk]
        row = BedBlock.objects.select_related("use", "facility").get(pk=block.pk)
        if row.use.period.upper is not None:
            raise OutOfOrder(f"{bed} is back in use since {_said(row.use.period.upper, row.facility)}.")
        _close(row.use, UseState.FIRM, at)
        happenings.record(
            "bed.back", f"{bed} is back in use", by=by, place=row.facility, subject=row, at=at, bed=str(bed.pk)
        )
    return row


def _take_out(bed, *, reason, by, until, kind, at):
    facility = bed.unit.program.facility
    use = BedUse.objects.create(bed=bed, kind=kind, period=_span(at))
    row = BedBlock.objects.create(facility=facility, use=use, reason=reason[:200], until=until, by=by)
    word = "Cleaning" if kind == UseKind.CLEANING else "Blocked"
    happenings.record(
        "bed.out_of_use",
        f"{bed}: {word.lower()}, {reason}",
        by=by,
        place=facility,
        subject=row,
        at=at,
        bed=str(bed.pk),
    )
    return row


def set_bed(bed, *, by, is_active=None, **fields):
    """Change what a bed is; switched off only while it is free. Raises BedTaken."""
    with _law(bed, by=by):
        locked = _lock(bed)[bed.pk]
        if is_active is False and locked.is_active:
            _refuse_taken(locked, period=(timezone.now(), None), by=by, offer=False)
        if is_active is not None:
            locked.is_active = is_active
        for name, value in fields.items():
            setattr(locked, name, value)
        locked.save()
    return locked


def add_beds(unit, *, codes, kind, is_step_free=False, by):
    """Beds or seats of `unit` with `codes`. Raises Refused when one of them is there already."""
    facility = unit.program.facility
    try:
        with transaction.atomic():
            rows = [Bed(unit=unit, code=code, kind=kind, is_step_free=is_step_free) for code in codes]
            Bed.objects.bulk_create(rows)
            words = f"{unit.program}, {unit}: {', '.join(codes)} added"
            happenings.record("beds.added", words[:500], by=by, place=facility, subject=unit)
    except IntegrityError:
        raise Refused("Somebody added one of these a moment ago. Look at the list.", code="bed_there") from None
    return rows


def set_program(program, *, version, fields, by):
    """Write the changed `fields` (names) of `program` if it still has `version` (int).

    It stops taking people only while nothing is held and nobody is in it. Raises Stale, ProgramInUse.
    """
    with transaction.atomic():
        if not program.is_active:
            beds = _lock(*Bed.objects.filter(unit__program=program))
            if BedUse.objects.exclusive().not_lapsed().filter(bed__in=beds, period__endswith=None).exists():
                raise ProgramInUse("Somebody is in this program, or a bed of it is out of use. End that first.")
            if BedUse.objects.taking_now().filter(bed__in=beds).exists():
                raise ProgramInUse("A bed of this program is held. Let it go first.")
        program.save_if_current(version, fields=fields)
        happenings.record("program.changed", f"{program} changed", by=by, place=program.facility, subject=program)
    return program


# Stays ----------------------------------------------------------------------------------------------------


def start_stay(
    *,
    facility,
    person,
    by,
    bed=None,
    hold=None,
    at=None,
    request_id=None,
    planned_days=None,
    reason=PlacementReason.ADMISSION,
):
    """Begin a stay of `person` in `bed`, or in the bed of `hold`, at `at` (aware, default now).

    The person's own hold on that bed is fulfilled, their other holds at the facility are let go.
    `planned_days` is the length of stay, default the program's; `reason` that of the first placement.
    Raises BedTaken, HoldOver, DoesNotFit, AlreadyInCare, OutOfOrder. Answers the `Stay`.
    """
    at = _happened(at)
    bed = hold.use.bed if hold else bed
    with _law(bed, by=by, person=person):
        beds = _lock(bed, *_beds_held_for(person, facility))
        bed = beds[bed.pk]
        if hold:
            hold = _open_hold(hold)
        planned_end_on = _planned_end(bed.unit.program, at, planned_days)
        stay = Stay.objects.create(
            facility=facility,
            person=person,
            request_id=request_id,
            admitted_at=at,
            admitted_by=by,
            planned_discharge_on=planned_end_on,
        )
        _begin(stay, bed, by=by, at=at, reason=reason, planned_end_on=planned_end_on)
    return stay


def place(stay, *, bed, by, at=None, reason, planned_days=None, hold=None, cleaning=False, expected=None):
    """Move `stay` into `bed` at `at` (aware, default now): one placement ends, the next begins, or neither.

    `reason` is a `PlacementReason`; the bed must be of the stay's facility. `expected` is the placement the
    form showed; another one now raises NotInCare. With `cleaning` the bed left goes to cleaning.
    Raises BedTaken, DoesNotFit, OutOfOrder, NotInCare. Answers the new `Placement`.
    """
    at = _happened(at)
    with _law(bed, by=by, person=stay.person):
        beds, locked, current = _lock_stay(stay, bed, expected=expected)
        bed = beds[bed.pk]
        if bed.unit.program.facility_id != locked.facility_id:
            raise DoesNotFit(f"{bed} is at another facility.")
        if hold:
            hold = _open_hold(hold)
        if current.use.bed_id == bed.pk:
            raise DoesNotFit(f"The person is in {bed} already.")
        _end_placement(current, at=at, by=by, cleaning=cleaning)
        planned_end_on = _planned_end(bed.unit.program, at, planned_days)
        placement = _begin(locked, bed, by=by, at=at, reason=reason, planned_end_on=planned_end_on)
        locked.planned_discharge_on = planned_end_on
        _grow(locked, "planned_discharge_on")
    return placement


def end_stay(stay, *, type, by, at=None, destination="", note="", cleaning=False, expected=None):
    """End `stay` at `at` (aware, default now) with a `DischargeType`; its placements and beds end with it.

    The person's open holds at the facility are let go; with `cleaning` the bed left goes to cleaning.
    Raises NotInCare, OutOfOrder. Answers the stay as it is now.
    """
    at = _happened(at)
    type = DischargeType(type)
    with _law(None, by=by, person=stay.person):
        _, locked, current = _lock_stay(stay, expected=expected)
        for placement in locked.placements.current().select_related("use__bed__unit__program__facility", "program"):
            _end_placement(placement, at=at, by=by, cleaning=cleaning and placement.pk == current.pk)
        _let_go_of_all(locked.person, locked.facility, reason=f"Discharged: {type.label.lower()}", by=by, at=at)
        locked.discharged_at, locked.discharge_type = at, type
        locked.destination, locked.discharge_note = destination[:200], note[:300]
        _grow(locked, "discharged_at", "discharge_type", "destination", "discharge_note")
    return locked


def lock_for_move(stay, *, bed, by):
    """Lock the beds of both ends at once, in order, when two stays change in the caller's transaction."""
    with _law(bed, by=by, person=stay.person):
        _lock(bed, *Bed.objects.filter(uses__placement__in=stay.placements.current()))


def _begin(stay, bed, *, by, at, reason, planned_end_on):
    """Put the person of `stay` into a locked bed; their hold on it is fulfilled, their other holds let go."""
    _refuse_unfit(bed, stay.person)
    person, facility, program = stay.person, stay.facility, bed.unit.program
    own = BedHold.objects.filter(use__bed=bed, use__state=UseState.FIRM, person=person).select_related("use").first()
    if own:
        _close(own.use, UseState.FULFILLED, at)
        _grow(own)
    _let_go_of_all(person, facility, reason=f"Placed in {bed}", by=by, at=at)
    _refuse_taken(bed, period=(at, None), by=by, person=person)
    use = BedUse.objects.create(bed=bed, kind=UseKind.PLACEMENT, period=_span(at))
    return Placement.objects.create(
        facility=facility,
        stay=stay,
        person=person,
        program=program,
        use=use,
        period=_span(at),
        reason=reason,
        planned_end_on=planned_end_on,
        placed_by=by,
    )


def _end_placement(placement, *, at, by, cleaning):
    bed = placement.use.bed
    start = placement.period.lower
    if at <= start:
        facility = bed.unit.program.facility
        raise OutOfOrder(f"{bed} was taken {_said(start, facility)}. What follows is later than that.")
    placement.period, placement.use.period = _span(start, at), _span(placement.use.period.lower, at)
    placement.use.save(update_fields=["period"])
    _grow(placement, "period")
    if cleaning and bed.kind == BedKind.BED:
        _take_out(bed, reason="After a departure", by=by, until=None, kind=UseKind.CLEANING, at=at)


def _let_go_of_all(person, facility, *, reason, by, at):
    held = BedHold.objects.filter(person=person, facility=facility, use__state=UseState.FIRM).with_bed()
    for row in held:
        _let_go(row, reason=reason, by=by, at=at)


def _beds_held_for(person, facility):
    ids = BedUse.objects.filter(hold__person=person, hold__facility=facility, state=UseState.FIRM)
    return Bed.objects.filter(pk__in=list(ids.values_list("bed_id", flat=True)))


def _lock_stay(stay, *beds, expected=None):
    """(locked beds by id, the stay locked, its primary placement now); NotInCare when it is over or moved."""
    seen = stay.placements.current().filter(is_primary=True).select_related("use__bed").first()
    ours = Bed.objects.filter(uses__placement__in=stay.placements.current())
    locked_beds = _lock(*beds, *ours, *_beds_held_for(stay.person, stay.facility))
    locked = (
        Stay.objects.select_for_update(of=("self",), no_key=True).select_related("person", "facility").get(pk=stay.pk)
    )
    current = (
        locked.placements.current()
        .filter(is_primary=True)
        .select_related("use__bed__unit__program__facility", "program")
        .first()
    )
    if locked.discharged_at or current is None:
        raise NotInCare("This stay has ended already.")
    if current.pk != (expected or seen or current).pk or current.use.bed_id not in locked_beds:
        raise NotInCare(f"The person was moved to {current.use.bed} meanwhile. Nothing was changed; look again.")
    return locked_beds, locked, current


def _planned_end(program, at, planned_days):
    days = program.planned_days if planned_days is None else planned_days
    return program.facility.today(at) + dt.timedelta(days=days) if days else None


# Appointments ---------------------------------------------------------------------------------------------


def book_appointment(
    *, facility, person, kind, on, time, by, minutes=60, place="", with_user=None, remind_at=None, at=None
):
    """Expect `person` on `on` at `time`, wall clock of the facility, for `minutes`. Answers the `Appointment`.

    `remind_at` (a `ContactPoint` of the person that may be written to) plans a reminder in the same
    transaction: the day before at the same time, or three hours before when that is over; none after that.
    Raises OutOfOrder for a time that is over, Refused for a contact point that may not be used.
    """
    now = at or timezone.now()
    starts_at = _starts_at(facility, on, time, now)
    _refuse_reminder(remind_at, person)
    with transaction.atomic():
        row = Appointment.objects.create(
            facility=facility,
            person=person,
            kind=AppointmentKind(kind),
            on=on,
            time=time,
            zone=facility.zone,
            starts_at=starts_at,
            minutes=minutes,
            place=place[:120],
            with_user=with_user,
            remind_at=remind_at,
            booked_by=by,
        )
        remind_person(row, now=now)
        _tell("appointment.booked", f"{row.get_kind_display()} booked for {_said(starts_at, facility)}", row, by, now)
    return row


def move_appointment(appointment, *, on, time, by, version, at=None, minutes=None):
    """Move a booked appointment; the reminder of the old time is dropped.

    Raises AppointmentOver, Stale, OutOfOrder.
    """
    now = at or timezone.now()
    with transaction.atomic():
        row = _booked(appointment, version)
        row.starts_at = _starts_at(row.facility, on, time, now)
        row.on, row.time, row.zone = on, time, row.facility.zone
        row.minutes = minutes or row.minutes
        _grow(row, "on", "time", "zone", "starts_at", "minutes")
        messaging.cancel_for(row.pk, reason="moved")
        remind_person(row, now=now)
        words = f"{row.get_kind_display()} moved to {_said(row.starts_at, row.facility)}"
        _tell("appointment.moved", words, row, by, now)
    return row


def cancel_appointment(appointment, *, reason, by, at=None, version=None):
    """Cancel a booked appointment for `reason` (words); its reminder is dropped. Raises AppointmentOver, Stale."""
    return _end_appointment(appointment, AppointmentState.CANCELLED, f"cancelled: {reason}", by, at, version)


def keep_appointment(appointment, *, by, at=None, version=None):
    """The person came. Raises AppointmentOver, Stale."""
    return _end_appointment(appointment, AppointmentState.KEPT, "kept", by, at, version)


def miss_appointment(appointment, *, by, at=None, version=None):
    """The person did not arrive; only after the time. Raises OutOfOrder, AppointmentOver, Stale."""
    if (at or timezone.now()) < appointment.starts_at:
        raise OutOfOrder("It is not time yet. Cancel it, or wait.")
    return _end_appointment(appointment, AppointmentState.MISSED, "did not arrive", by, at, version)


def _end_appointment(appointment, state, words, by, at, version):
    now = at or timezone.now()
    with transaction.atomic():
        row = _booked(appointment, version)
        row.state = state
        _grow(row, "state")
        messaging.cancel_for(row.pk, reason=str(state))
        _tell(f"appointment.{state}", f"{row.get_kind_display()} {words}", row, by, now)
    return row


def _booked(appointment, version=None):
    row = (
        Appointment.objects.select_for_update(of=("self",), no_key=True)
        .select_related("facility", "person", "remind_at")
        .get(pk=appointment.pk)
    )
    if row.state != AppointmentState.BOOKED:
        raise AppointmentOver(f"This appointment is over: {row.get_state_display().lower()}.")
    if version is not None and row.version != version:
        raise Stale("Somebody else changed this appointment while you had it open. Nothing was overwritten.")
    return row


def _starts_at(facility, on, time, now):
    try:
        starts_at = instant(on, time, facility.zone)
    except (OverflowError, ValueError):
        raise OutOfOrder("That day is out of reach.") from None
    if starts_at <= now:
        raise OutOfOrder("That time is over. Name one that is still to come.")
    return starts_at


def _refuse_reminder(point, person):
    if point is None:
        return
    if point.person_id != person.pk:
        raise Refused("A reminder goes to the person themselves.", code="not_theirs")
    if point.kind != ContactKind.EMAIL or not point.ok_to_email or point.wrong_since:
        raise Refused("A reminder needs an email address that they agreed to.", code="may_not_write")


def _tell(verb, words, appointment, by, at):
    happenings.record(
        verb, words, by=by, about=appointment.person, place=appointment.facility, subject=appointment, at=at
    )


# What all of them share -----------------------------------------------------------------------------------


def _lock(*beds):
    """{id: bed with unit, program, facility}: rows locked in the order of their ids, holds that are over marked so."""
    ids = {bed.pk for bed in beds if bed is not None}
    rows = (
        Bed.objects.select_for_update(of=("self",), no_key=True)
        .select_related("unit__program__facility")
        .filter(pk__in=ids)
        .order_by("pk")
    )
    locked = {bed.pk: bed for bed in rows}
    BedUse.objects.filter(bed__in=ids).lapsed().update(state=UseState.LAPSED)
    return locked


@contextmanager
def _law(bed, *, by, person=None):
    """One savepoint. What the database refuses becomes a `Refused` with facts read after the roll-back."""
    try:
        with transaction.atomic():
            yield
    except (IntegrityError, OperationalError) as error:
        state = getattr(error.__cause__, "sqlstate", "")
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
        if constraint in {"programs_placement_one_primary", "programs_stay_one_open"}:
            raise AlreadyInCare("The person is in care here already.") from None
        if constraint == "programs_beduse_over_stays_over":
            raise HoldOver("The hold ended a moment ago. Look at the board for what is free now.") from None
        if state not in RACES:
            raise
        if bed is not None:
            _refuse_taken(bed, period=(timezone.now(), None), by=by, person=person)
        raise Refused("Somebody else was changing the same bed at this moment. Try once more.", code="race") from None


def _refuse_taken(bed, *, period, by, person=None, offer=True):
    """Raise BedTaken with who, until when and what else, if anything firm meets `period` (start, end or None)."""
    use = (
        BedUse.objects.exclusive()
        .not_lapsed()
        .filter(bed=bed, period__overlap=period)
        .select_related("hold__held_by", "placement", "block", "bed__unit__program__facility")
        .order_by("period")
        .first()
    )
    if use is None:
        return
    program = use.bed.unit.program
    facility = program.facility
    may_know = by is None or by.may(Permission.VIEW_PEOPLE, facility)
    until = use.expires_at
    if use.kind == UseKind.HOLD:
        held_by = f" by {use.hold.held_by}" if may_know else ""
        words = f"{use.bed} is held{held_by} until {_said(use.expires_at, facility)}."
    elif use.kind == UseKind.PLACEMENT:
        planned = use.placement.planned_end_on
        leaves = f", planned until {say_date(planned, this_year=facility.today().year)}" if planned else ""
        words = f"{use.bed} is taken: somebody is in care there{leaves}."
        if use.period.upper:
            words = f"{use.bed} was taken until {_said(use.period.upper, facility)}."
    else:
        until = use.block.until
        back = f" until {_said(until, facility)}" if until else ""
        words = f"{use.bed} is out of use{back}: {use.block.reason}."
    alternatives = []
    if offer:
        usable = by.facility_ids(Permission.HOLD_BED) if by else [facility.pk]
        near = sorted(usable, key=lambda pk: pk != facility.pk)
        alternatives = best_beds(near, category=program.category, person=person, limit=ALTERNATIVES, without=use.bed)
        free = ", ".join(str(offer.bed) for offer in alternatives)
        words += f" Free now: {free}." if free else f" No other bed in {program.get_category_display()} is free now."
    raise BedTaken(words, until=until, alternatives=alternatives)


def _refuse_unfit(bed, person):
    # Read anew: what joined the lock's statement is as old as its snapshot, only the bed's own row is not.
    bed.unit = unit = Unit.objects.select_related("program__facility").get(pk=bed.unit_id)
    if not (bed.is_active and unit.program.is_active):
        raise DoesNotFit(f"{bed} is not in use any more.")
    if unit.taken_by != TakenBy.ANYONE and person.sex in FITTING_UNITS and FITTING_UNITS[person.sex] != unit.taken_by:
        raise DoesNotFit(f"{unit} is for {unit.get_taken_by_display().lower()}.")


def _refuse_beyond_limits(program, *, by, start, until, is_new):
    if by.may(Permission.HOLD_BEYOND_LIMITS, program.facility):
        return
    longest = dt.timedelta(minutes=program.hold_max_minutes)
    if until - start > longest:
        raise BeyondLimits(f"{program} is held for {say_duration(longest)} at most. {_supervisors(program.facility)}")
    if not is_new:
        return
    # Two forms of one coordinator, one after the other: otherwise both would count the same beds.
    User.objects.select_for_update(of=("self",), no_key=True).get(pk=by.pk)
    holding = BedUse.objects.exclusive().not_lapsed().filter(hold__held_by=by, bed__unit__program=program)
    mine = holding.count()
    if mine >= program.holds_each:
        beds = "1 bed" if mine == 1 else f"{mine} beds"
        raise BeyondLimits(
            f"You hold {beds} in {program} already, which is the most for one coordinator. "
            f"Let one go first. {_supervisors(program.facility)}"
        )


def _supervisors(facility):
    """A sentence that names up to three who may do more."""
    rows = (
        Membership.objects.current()
        .granting(Permission.HOLD_BEYOND_LIMITS)
        .filter(facility=facility, user__is_active=True)
        .select_related("user")
        .order_by("user__first_name", "user__last_name", "pk")[:3]
    )
    names = list(dict.fromkeys(str(row.user) for row in rows))
    return f"{' or '.join(names)} may do more." if names else "A supervisor may do more."


def _happened(at):
    """`at` or now; what is recorded has happened. Raises OutOfOrder for the future, by more than clocks differ."""
    now = timezone.now()
    if at and at > now + CLOCK_SKEW:
        raise OutOfOrder("Record it when it happens. Until then, hold the bed.")
    return min(at or now, now)


def _span(start, end=None):
    """The half-open range from `start` to `end`, or open-ended; the same type that comes back from the database."""
    return DateTimeTZRange(start, end, "[)")


def _grow(row, *fields):
    """Save `fields` of a locked row as its next version."""
    row.version += 1
    row.save(update_fields=[*fields, "version"])


def _said(at, facility):
    """An instant on the wall of the facility: "11:30 am", "Mon 5:00 pm"."""
    return say_daytime(at.astimezone(facility.time_zone), facility.today())


def reachable_by_email(person):
    """The person's addresses that a reminder may go to."""
    return ContactPoint.objects.filter(person=person, kind=ContactKind.EMAIL, ok_to_email=True, wrong_since=None)


def arrived(person, *, facility, by, at):
    """Mark the arrivals booked for `person` at `facility` as kept; answers how many."""
    rows = list(Appointment.objects.booked().filter(kind=AppointmentKind.ADMISSION, person=person, facility=facility))
    for row in rows:
        keep_appointment(row, by=by, at=at)
    return len(rows)
