"""Verbs on promises that touch calls and reminders too: what is done in a row of the workbench."""

import datetime as dt
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from accounts.permissions import Permission
from admissions import reminders
from admissions.enums import OPEN_STAGES, CallOutcome, Stage
from admissions.models import Inquiry
from admissions.services import promise_call, record_attempt
from core import happenings
from core.errors import Refused
from work import services as work
from work.models import Task

NO_CALL = "no_call"  # ended without anybody being called: the words say why


class AlreadyTaken(Refused):
    """A colleague was faster; two calls would frighten the person."""

    code = "already_taken"


@dataclass(frozen=True)
class Next:
    """The promise that follows: `on` and `time` on the facility's wall clock."""

    on: dt.date
    time: dt.time
    text: str


def inquiry_of(task, user=None):
    """The inquiry `task` belongs to, or None; with `user` only if they may see it."""
    if task.subject_kind != "inquiry":
        return None
    rows = Inquiry.objects.all() if user is None else Inquiry.objects.visible_to(user, Permission.VIEW_PEOPLE)
    return rows.select_related("facility", "person", "caller", "contact_point").filter(pk=task.subject_id).first()


def report(task, *, outcome, words, by, following=None, at=None):
    """Say how a promise ended: a call (`CallOutcome`) or `NO_CALL`, in `words`; and what is promised now.

    A call is written down, the promise is closed with the outcome, and `following` (a `Next` or None) is
    promised by the same owner or by whoever answers. Answers the new Task or None; all or nothing.
    Raises OutcomeMissing for `NO_CALL` without words, and what the services below raise.
    """
    at = at or timezone.now()
    words = " ".join(words.split())
    with transaction.atomic():
        inquiry = inquiry_of(task)
        if outcome == NO_CALL:
            said = words
        else:
            said = f"{CallOutcome(outcome).label}. {words}" if words else CallOutcome(outcome).label
            if inquiry is not None:
                point = task.contact_point or inquiry.contact_point
                record_attempt(
                    inquiry,
                    outcome=outcome,
                    by=by,
                    number=point.value if point and point.kind == "phone" else "",
                    began_at=at,
                    notes=words,
                    caller=inquiry.caller,
                )
        closed = work.close(task, outcome=said, by=by, at=at)
        if following is None:
            return None
        return again(closed, following, by=by, inquiry=inquiry, at=at)


def answered(task_id, *, call, by, at):
    """Close the promise a saved call was begun from, with the call's outcome; one already closed stays as it is.

    `task_id` is an id or None. A promise of another facility or another inquiry is left alone.
    """
    owed = Task.objects.open().filter(pk=task_id, facility=call.facility_id, subject_id=call.inquiry_id)
    task = owed.first() if task_id else None
    if task is not None:
        work.close(task, outcome=CallOutcome(call.outcome).label, by=by, at=at)


def again(task, following, *, by, inquiry=None, at=None):
    """Promise what follows a task, about the same person; the owner is reminded."""
    inquiry = inquiry or inquiry_of(task)
    owner = task.owner if task.owner and task.owner.may(Permission.VIEW_PEOPLE, task.facility) else by
    if inquiry is not None and inquiry.stage in [*OPEN_STAGES, Stage.ADMITTED]:
        return promise_call(
            inquiry,
            owner=owner,
            text=following.text or task.text,
            on=following.on,
            time=following.time,
            by=by,
            contact_point=task.contact_point,
            at=at,
        )
    if task.person is None:
        raise Refused("Nobody is named here whom something could be promised to.", code="nobody_named")
    return promise_to(
        task.person, facility=task.facility, following=following, owner=owner, by=by, text=task.text, at=at
    )


def promise_to(person, *, facility, following, owner, by, text="Call back", at=None):
    """A promise to a person: on their newest open inquiry at `facility`, else by itself; the owner is reminded."""
    inquiry = Inquiry.objects.filter(person=person, facility=facility).open().order_by("-opened_at").first()
    if inquiry is not None:
        text = following.text or text
        return promise_call(inquiry, owner=owner, text=text, on=following.on, time=following.time, by=by, at=at)
    with transaction.atomic():
        task = work.promise(
            facility=facility,
            person=person,
            owner=owner,
            text=following.text or text,
            on=following.on,
            time=following.time,
            by=by,
            at=at,
        )
        reminders.remind_owner(task)
    return task


def move(task, *, on, time, by, reason):
    """Move a promise (`work.services.move`); the owner is reminded of the new time."""
    with transaction.atomic():
        moved = work.move(task, on=on, time=time, by=by, reason=reason)
        reminders.remind_owner(moved)
    return moved


def hand_over(task, *, to, by):
    """Give a promise to `to` (`work.services.hand_over`), who is reminded instead of the former owner."""
    with transaction.atomic():
        handed = work.hand_over(task, to=to, by=by)
        reminders.remind_owner(handed)
    return handed


def may_hand_over(task, user):
    """Whether `user` may give this task away: their own, nobody's, or anybody's as the one who shares out work."""
    return task.owner_id in (None, user.pk) or user.may(Permission.REASSIGN_WORK, task.facility_id)


def take(inquiry, *, by):
    """Make `by` the owner of an inquiry nobody owns. Raises AlreadyTaken, naming who was faster."""
    with transaction.atomic():
        locked = (
            Inquiry.objects.select_for_update(of=("self",), no_key=True)
            .select_related("owner", "facility", "person")
            .get(pk=inquiry.pk)
        )
        if locked.owner_id == by.pk:
            return locked
        if locked.owner is not None:
            raise AlreadyTaken(f"{locked.owner} has taken this inquiry.")
        locked.owner = by
        locked.save_if_current(locked.version, fields=["owner"])
        happenings.record(
            "inquiry.taken", f"Taken by {by}", by=by, about=locked.person, place=locked.facility, subject=locked
        )
    return locked
