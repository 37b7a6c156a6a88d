"""Every write that opens, moves or closes an inquiry, and the attempts and promises that belong to it."""

from contextlib import contextmanager

from django.db import transaction
from django.utils import timezone

from admissions import reminders
from admissions.enums import NEXT_STAGES, OPEN_STAGES, CallOutcome, Channel, ClosedBecause, Direction, Source, Stage
from admissions.models import Inquiry, IntakeCall, StageChange
from core import happenings
from core.errors import Refused
from people import services as people
from people.models import KnownBecause, Relation
from people.phones import normal_phone
from work import services as work


class StageNotAllowed(Refused):
    """The inquiry is not in a stage that leads to the one asked for."""

    code = "stage_not_allowed"


class InquiryOver(Refused):
    """The inquiry is closed, or the person is in care: nothing more is promised on it."""

    code = "inquiry_over"


def open_inquiry(
    *,
    facility,
    person,
    channel,
    by,
    at=None,
    caller=None,
    relation=Relation.UNKNOWN,
    contact_point=None,
    source=Source.UNKNOWN,
    words="",
    referral=None,
    owner=None,
    is_suspect=False,
):
    """Open one request for help about `person`, at `at` (aware, default now).

    Person and caller become known at `facility`; two people are related, the same one is `Relation.SELF`.
    An incoming call or walk-in is its own first contact: time to contact is zero.
    """
    at = at or timezone.now()
    if caller is not None and caller.pk == person.pk:
        relation = Relation.SELF
    because = KnownBecause.REFERRAL if channel == Channel.REFERRAL else KnownBecause.CONTACT
    is_contact = channel in (Channel.CALL, Channel.WALK_IN)
    with transaction.atomic():
        people.know(person, facility=facility, because=because, at=at)
        if caller is not None and caller.pk != person.pk:
            people.know(caller, facility=facility, because=because, at=at)
            people.relate(person, other=caller, relation=relation, by=by)
        inquiry = Inquiry.objects.create(
            facility=facility,
            person=person,
            channel=channel,
            stage=Stage.NEW,
            owner=owner,
            caller=caller,
            relation=relation,
            contact_point=contact_point,
            source=source,
            referral=referral,
            words=words,
            opened_at=at,
            stage_since=at,
            first_attempt_at=at if is_contact else None,
            first_reached_at=at if is_contact else None,
            is_suspect=is_suspect,
            created_by=by,
        )
        StageChange.objects.create(inquiry=inquiry, to_stage=Stage.NEW, at=at, by=by)
        happenings.record(
            "inquiry.opened", f"{Channel(channel).label} received", by=by, about=person, place=facility,
            subject=inquiry, at=at, channel=str(channel), source=str(source),
        )  # fmt: skip
    return inquiry


def move_stage(inquiry, to, *, by, at=None):
    """Move `inquiry` to stage `to`; admitted sets `admitted_at`. Answers the row as it is now.

    Raises StageNotAllowed unless the move is in `NEXT_STAGES`, and for `CLOSED`: `close_inquiry` asks why.
    """
    if to == Stage.CLOSED:
        raise StageNotAllowed("An inquiry is closed with a reason.")
    with _moving(inquiry, Stage(to), by=by, at=at or timezone.now()) as locked:
        pass
    return locked


def close_inquiry(inquiry, *, because, note="", by, at=None):
    """End an inquiry without admission, `because` (a `ClosedBecause`). Raises StageNotAllowed.

    Promises stay open: each ends with an outcome of its own.
    """
    because = ClosedBecause(because)
    with _moving(inquiry, Stage.CLOSED, by=by, at=at or timezone.now(), why=because.label) as locked:
        locked.closed_because = because
        locked.closed_note = people.tidy(note, 300)
    return locked


def reopen_inquiry(inquiry, *, by, at=None):
    """A closed inquiry is new again; why it was closed stays in its history. Raises StageNotAllowed."""
    if inquiry.stage != Stage.CLOSED:
        raise StageNotAllowed(f"This inquiry is {inquiry.get_stage_display().lower()}, not closed.")
    with _moving(inquiry, Stage.NEW, by=by, at=at or timezone.now()) as locked:
        locked.closed_because = ""
        locked.closed_note = ""
    return locked


@contextmanager
def _moving(inquiry, to, *, by, at, why=""):
    """Lock the row, check the move, let the caller set its facts, then write and log.

    The only code that sets `Inquiry.stage`.
    """
    with transaction.atomic():
        locked = (
            Inquiry.objects.select_for_update(of=("self",), no_key=True)
            .select_related("facility", "person")
            .get(pk=inquiry.pk)
        )
        before = Stage(locked.stage)
        if to not in NEXT_STAGES[before]:
            raise StageNotAllowed(f"{before.label} cannot become {to.label.lower()}.")
        yield locked
        locked.stage = to
        locked.stage_since = at
        locked.admitted_at = at if to == Stage.ADMITTED else None
        locked.closed_at = at if to == Stage.CLOSED else None
        locked.save(
            update_fields=["stage", "stage_since", "admitted_at", "closed_at", "closed_because", "closed_note"]
        )
        StageChange.objects.create(inquiry=locked, from_stage=before, to_stage=to, at=at, by=by)
        happenings.record(
            "inquiry.moved", f"{before.label} → {to.label}{f': {why}' if why else ''}", by=by, about=locked.person,
            place=locked.facility, subject=locked, at=at, to=str(to), before=str(before),
        )  # fmt: skip


def record_attempt(
    inquiry, *, outcome, by, direction=Direction.OUT, number="", began_at, ended_at=None, notes="", caller=None
):
    """One call or attempt about `inquiry`; `began_at`, `ended_at` aware. Answers the `IntakeCall`.

    The earliest of ours is `first_attempt_at`, the earliest conversation `first_reached_at`, neither before
    the inquiry was opened; a caller who hung up was no attempt of ours. No promise is closed.
    Raises Refused for an unknown outcome or an end before the beginning.
    """
    if outcome not in CallOutcome.values or direction not in Direction.values:
        raise Refused("Say how the call ended.", code="outcome_unknown")
    if ended_at is not None and ended_at < began_at:
        raise Refused("A call cannot end before it began.", code="call_out_of_order")
    outcome = CallOutcome(outcome)
    with transaction.atomic():
        locked = (
            Inquiry.objects.select_for_update(of=("self",), no_key=True)
            .select_related("facility", "person")
            .get(pk=inquiry.pk)
        )
        call = IntakeCall.objects.create(
            facility=locked.facility,
            inquiry=locked,
            caller=caller,
            direction=direction,
            number=people.tidy(number, 40),
            normal=normal_phone(number)[:40],
            began_at=began_at,
            ended_at=ended_at,
            outcome=outcome,
            notes=notes,
            by=by,
        )
        at = max(began_at, locked.opened_at)
        before = (locked.first_attempt_at, locked.first_reached_at)
        if outcome == CallOutcome.REACHED:
            locked.first_reached_at = min(locked.first_reached_at or at, at)
        if outcome == CallOutcome.REACHED or direction == Direction.OUT:
            locked.first_attempt_at = min(locked.first_attempt_at or at, at)
        if (locked.first_attempt_at, locked.first_reached_at) != before:
            locked.save(update_fields=["first_attempt_at", "first_reached_at"])
        words = "Call taken" if direction == Direction.IN else f"Called: {outcome.label.lower()}"
        happenings.record(
            "call.recorded", words, by=by, about=locked.person, place=locked.facility, subject=call, at=began_at,
            outcome=str(outcome), direction=str(direction),
        )  # fmt: skip
    return call


def promise_call(inquiry, *, owner, text, on, time, by, contact_point=None, at=None):
    """Promise a call back on `on` at `time` (wall clock of the facility); the owner is reminded 10 minutes before.

    The reminder is a row of the same transaction: it exists if and only if the promise does.
    Raises InquiryOver, and what `work.services.promise` raises.
    """
    if inquiry.stage not in [*OPEN_STAGES, Stage.ADMITTED]:
        raise InquiryOver("This inquiry is closed. Open it again to promise a call.")
    with transaction.atomic():
        task = work.promise(
            facility=inquiry.facility,
            person=inquiry.person,
            owner=owner,
            text=text or "Call back",
            on=on,
            time=time,
            by=by,
            contact_point=contact_point or inquiry.contact_point,
            subject=inquiry,
            at=at,
        )
        reminders.remind_owner(task)
    return task
