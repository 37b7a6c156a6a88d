"""Every write to a therapy: it is assigned, changed, carried to the next program, or ended with a reason."""

from contextlib import contextmanager

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Membership
from accounts.permissions import Role
from core import happenings
from core.errors import Refused
from programs.models import Placement
from therapy.models import AssignmentState, TherapyAssignment

DETAILS = ["therapist", "per_week", "planned_sessions", "minutes", "starts_on", "goal"]


class NoTherapist(Refused):
    """The user is no clinician at the facility of the placement."""

    code = "no_therapist"


class AssignedAlready(Refused):
    """The same therapy with the same therapist is active in this placement."""

    code = "assigned_already"


class TherapyOver(Refused):
    """The assignment or the placement it belongs to has ended."""

    code = "therapy_over"


class NoReason(Refused):
    """A therapy ends with words about why."""

    code = "no_reason"


def therapists(facility, at=None):
    """Active clinicians at `facility`, by name; who may be given a therapy there."""
    there = Membership.objects.current(at).filter(facility=facility, role=Role.CLINICIAN)
    users = get_user_model().objects.filter(is_active=True, memberships__in=there)
    return users.distinct().order_by("first_name", "last_name", "pk")


def assign(
    placement, *, modality, therapist, per_week, planned_sessions, minutes=50, starts_on=None, goal="", by, at=None
):
    """Assign `modality` to the person of `placement`, `per_week` sessions of `minutes`, `planned_sessions` in all.

    `starts_on` is a date, the facility's today by default. Raises TherapyOver for a placement that ended,
    NoTherapist, AssignedAlready.
    """
    at = at or timezone.now()
    with transaction.atomic():
        # Locked, so that a discharge at the same moment either sees this therapy or refuses it.
        if not Placement.objects.select_for_update(no_key=True).current().filter(pk=placement.pk).exists():
            raise TherapyOver("The person left this program. Assign the therapy where they are now.")
        _refuse_stranger(therapist, placement.facility)
        return _make(
            placement, by=by, at=at, verb="therapy.assigned", words=f"{modality} assigned, with {therapist}",
            modality=modality, therapist=therapist, per_week=per_week, planned_sessions=planned_sessions,
            minutes=minutes, starts_on=starts_on or placement.facility.today(at), goal=goal,
        )  # fmt: skip


def change(assignment, *, version, by, at=None, **details):
    """Change what was agreed (`DETAILS`). Raises Stale, TherapyOver, NoTherapist, AssignedAlready."""
    if assignment.state != AssignmentState.ACTIVE:
        raise TherapyOver("This therapy has ended. Assign it anew.")
    for name in DETAILS:
        if name in details:
            setattr(assignment, name, details[name])
    _refuse_stranger(assignment.therapist, assignment.facility)
    with _once(assignment.modality):
        assignment.save_if_current(version, fields=DETAILS)
        _tell("therapy.changed", f"{assignment.modality} changed", assignment, by, at or timezone.now())
    return assignment


def end(assignment, *, reason, by, at=None, is_completed=False):
    """End an active therapy for `reason` (words), on the facility's day. Raises NoReason, TherapyOver."""
    at = at or timezone.now()
    if not reason.strip():
        raise NoReason("Say why it ends.")
    with transaction.atomic():
        row = _active(assignment)
        _close(row, AssignmentState.COMPLETED if is_completed else AssignmentState.ENDED, reason, at)
        _tell("therapy.ended", f"{row.modality} ended: {reason}", row, by, at)
    return row


def carry(assignment, *, to_placement, therapist=None, by, at=None):
    """Carry an active therapy into the person's next placement, with the same therapist or another.

    Frequency, planned sessions and goal go along. Raises TherapyOver, NoTherapist when the therapist does
    not work where the person goes, AssignedAlready. Answers the new assignment.
    """
    at = at or timezone.now()
    with transaction.atomic():
        row = _active(assignment)
        therapist = therapist or row.therapist
        _refuse_stranger(therapist, to_placement.facility)
        _close(row, AssignmentState.CARRIED, f"Carried to {to_placement.program}", at)
        handed = "" if therapist.pk == row.therapist_id else f", now with {therapist}"
        return _make(
            to_placement, by=by, at=at, verb="therapy.carried",
            words=f"{row.modality} goes along to {to_placement.program}{handed}", carried_from=row,
            modality=row.modality, therapist=therapist, per_week=row.per_week, goal=row.goal, minutes=row.minutes,
            planned_sessions=row.planned_sessions, starts_on=max(row.starts_on, to_placement.facility.today(at)),
        )  # fmt: skip


def _make(placement, *, by, at, verb, words, **fields):
    with _once(fields["modality"]):
        row = TherapyAssignment.objects.create(
            facility=placement.facility, person=placement.person, placement=placement, assigned_by=by, **fields
        )
        _tell(verb, words, row, by, at)
    return row


@contextmanager
def _once(modality):
    """A savepoint in which a second active row of one therapy and therapist is refused in words."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if "therapy_assignment_once" not in str(error):
            raise
        raise AssignedAlready(f"{modality} with this therapist is assigned already.") from None


def _active(assignment):
    row = (
        TherapyAssignment.objects.select_for_update(of=("self",), no_key=True)
        .select_related("modality", "therapist", "facility", "person")
        .get(pk=assignment.pk)
    )
    if row.state != AssignmentState.ACTIVE:
        raise TherapyOver(f"{row.modality} has ended already.")
    return row


def _close(row, state, reason, at):
    row.state, row.end_reason = state, reason[:200]
    row.ended_on = max(row.starts_on, row.facility.today(at))
    row.version += 1
    row.save(update_fields=["state", "end_reason", "ended_on", "version"])


def _refuse_stranger(therapist, facility):
    if not therapists(facility).filter(pk=therapist.pk).exists():
        raise NoTherapist(f"{therapist} is no clinician at {facility}. Choose somebody who works there.")


def _tell(verb, words, row, by, at):
    happenings.record(
        verb, words, by=by, about=row.person, place=row.facility, subject=row, at=at, modality=row.modality.code
    )
