"""Every write to a task: it is made, moved, handed on and closed here, and never leaves without an outcome."""

import datetime as dt

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.permissions import Permission
from core import happenings
from core.errors import Refused
from core.times import instant
from work.models import Task, TaskKind, TaskState

# "In a minute" is a promise, and a slow form is no mistake; "this morning" at noon is neither.
PAST_MINUTES = 5


class PromiseInThePast(Refused):
    """The time named is already over."""

    code = "promise_in_the_past"


class OutcomeMissing(Refused):
    """A task ends with words about how it ended, or it does not end."""

    code = "outcome_missing"


class TaskOver(Refused):
    """The task was closed before; by whom and how is in its row."""

    code = "task_over"


class NotOnStaff(Refused):
    """Whoever shall keep the promise does not work at the facility."""

    code = "not_on_staff"


def promise(
    *,
    facility,
    person,
    owner,
    text,
    on,
    time,
    by,
    zone=None,
    contact_point=None,
    subject=None,
    kind=TaskKind.PROMISE,
    rule="",
    at=None,
):
    """`owner` (a user, or None: whoever comes first) will do `text` for `person` on `on` at `time`.

    `on` and `time` are the wall clock of `zone` (IANA name, the facility's by default); `subject` is the
    row it belongs to, or None. With `rule` a second call for the same subject answers the first task.
    Raises PromiseInThePast more than five minutes after that time, NotOnStaff for an owner from elsewhere.
    """
    at = at or timezone.now()
    zone = zone or facility.zone
    text = " ".join(text.split())
    if not text:
        raise Refused("Write what was promised.", code="text_missing")
    due_at = _due_at(on, time, zone, now=at)
    if owner is not None:
        _refuse_stranger(owner, facility)
    row = Task(
        facility=facility,
        kind=kind,
        person=person,
        contact_point=contact_point,
        subject_kind=subject._meta.model_name if subject else "",
        subject_id=subject.pk if subject else None,
        owner=owner,
        text=text[:300],
        due_on=on,
        due_time=time,
        zone=zone,
        due_at=due_at,
        rule=rule,
        created_by=by,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            verb = "promise.made" if kind == TaskKind.PROMISE else "task.made"
            happenings.record(verb, row.text, by=by, about=person, place=facility, subject=row, at=at)
    except IntegrityError as error:
        if "work_task_rule_once" not in str(error):
            raise
        return Task.objects.get(rule=rule, subject_id=row.subject_id)
    return row


def close(task, *, outcome, by, at=None, cancelled=False):
    """End a task with `outcome` (words, required). Answers the row as it is now.

    A promise is kept when it ends at most `facility.promise_grace_minutes` after its time, else broken;
    `cancelled` is for one that was no longer wanted before that: once it is late it is broken, however it
    ends. Other kinds are done or cancelled. Raises OutcomeMissing, TaskOver.
    """
    at = at or timezone.now()
    outcome = " ".join(outcome.split())
    if not outcome:
        raise OutcomeMissing("Say how it ended. A promise never leaves without an outcome.")
    with transaction.atomic():
        locked = _open_task(task)
        _end(locked, outcome=outcome, by=by, at=at, cancelled=cancelled)
    return locked


def move(task, *, on, time, by, reason, at=None):
    """Move an open task to another time (wall clock of its own zone). Answers the task that is open now.

    In time, it is the same promise at a new time and `source_version` grows, so that the reminder of the
    old time is dropped. Once it is late it closes as broken and a new promise is made: moving repairs
    nothing that was promised. Raises PromiseInThePast, OutcomeMissing without a reason, TaskOver.
    """
    at = at or timezone.now()
    reason = " ".join(reason.split())
    if not reason:
        raise OutcomeMissing("Say why it moves: whoever waits will ask.")
    with transaction.atomic():
        locked = _open_task(task)
        due_at = _due_at(on, time, locked.zone, now=at)
        if locked.kind == TaskKind.PROMISE and is_broken(locked, at):
            _end(locked, outcome=f"Moved when it was late: {reason}", by=by, at=at)
            return _again(locked, on=on, time=time, due_at=due_at, by=by, at=at)
        locked.due_on, locked.due_time, locked.due_at = on, time, due_at
        locked.source_version += 1
        locked.save(update_fields=["due_on", "due_time", "due_at", "source_version"])
        happenings.record(
            "promise.moved",
            f"Moved: {reason}",
            by=by,
            about=locked.person,
            place=locked.facility,
            subject=locked,
            at=at,
        )
    return locked


def hand_over(task, *, to, by, at=None):
    """Give an open task to another member of staff; its time stays. Raises NotOnStaff, TaskOver.

    `source_version` grows: the reminder of the former owner is dropped.
    """
    with transaction.atomic():
        locked = _open_task(task)
        _refuse_stranger(to, locked.facility)
        if locked.owner_id == to.pk:
            return locked
        locked.owner = to
        locked.source_version += 1
        locked.save(update_fields=["owner", "source_version"])
        happenings.record(
            "promise.handed_over",
            f"Handed to {to}: {locked.text}",
            by=by,
            about=locked.person,
            place=locked.facility,
            subject=locked,
            at=at,
        )
    return locked


def is_broken(task, at):
    """Whether the time of `task` and its grace are over at `at` (aware)."""
    return at > task.due_at + dt.timedelta(minutes=task.facility.promise_grace_minutes)


def _due_at(on, time, zone, *, now):
    """The instant promised; PromiseInThePast when it is over, Refused when no calendar has it."""
    try:
        due_at = instant(on, time, zone)
    except (OverflowError, ValueError):
        raise Refused("That day is out of reach.", code="no_such_day") from None
    if due_at < now - dt.timedelta(minutes=PAST_MINUTES):
        raise PromiseInThePast("That time is already over. Name one that is still to come.")
    return due_at


def _refuse_stranger(owner, facility):
    if not owner.may(Permission.VIEW_PEOPLE, facility):
        raise NotOnStaff(f"{owner} does not see people at {facility}, so nobody would keep it.")


def _open_task(task):
    """The row itself, locked; TaskOver when it is closed."""
    locked = (
        Task.objects.select_for_update(of=("self",), no_key=True)
        .select_related("facility", "person", "owner")
        .get(pk=task.pk)
    )
    if locked.state != TaskState.OPEN:
        raise TaskOver(f"This was closed before: {locked.get_state_display().lower()}, {locked.outcome}")
    return locked


def _end(task, *, outcome, by, at, cancelled=False):
    if task.kind == TaskKind.PROMISE:
        state = TaskState.BROKEN if is_broken(task, at) else TaskState.CANCELLED if cancelled else TaskState.KEPT
    else:
        state = TaskState.CANCELLED if cancelled else TaskState.DONE
    task.state, task.outcome, task.closed_at, task.closed_by = state, outcome[:300], at, by
    task.save(update_fields=["state", "outcome", "closed_at", "closed_by"])
    noun = "promise" if task.kind == TaskKind.PROMISE else "task"
    happenings.record(
        f"{noun}.{state.value}", outcome, by=by, about=task.person, place=task.facility, subject=task, at=at
    )


def _again(task, *, on, time, due_at, by, at):
    """The same words to the same person at a new time."""
    again = Task.objects.create(
        facility=task.facility,
        kind=task.kind,
        person=task.person,
        contact_point_id=task.contact_point_id,
        subject_kind=task.subject_kind,
        subject_id=task.subject_id,
        owner=task.owner,
        text=task.text,
        due_on=on,
        due_time=time,
        zone=task.zone,
        due_at=due_at,
        created_by=by,
    )
    happenings.record("promise.made", again.text, by=by, about=task.person, place=task.facility, subject=again, at=at)
    return again
