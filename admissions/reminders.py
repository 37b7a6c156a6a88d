"""What staff are reminded of, and what the message says."""

import datetime as dt

from django.conf import settings
from django.utils import timezone

from core.times import wall_clock
from messaging import purposes
from messaging import services as messaging
from messaging.purposes import No, Say
from work.models import Task, TaskKind, TaskState

CALLBACK_DUE = "callback_due"
BEFORE = dt.timedelta(minutes=10)
POINTLESS_AFTER = dt.timedelta(hours=2)


def remind_owner(task, *, now=None):
    """Plan the reminder of a promise to its owner, 10 minutes before it is due, in the caller's transaction.

    Safe to repeat. A promise that was moved or handed over has another slot, and the old one is no
    longer wanted when its time comes. Returns the Message, or None: nobody owns it, or it is over.
    """
    now = now or timezone.now()
    expires_at = task.due_at + POINTLESS_AFTER
    if task.owner_id is None or task.state != TaskState.OPEN or expires_at <= now:
        return None
    on, time = wall_clock(task.due_at - BEFORE, task.zone)
    return messaging.plan(
        CALLBACK_DUE,
        facility=task.facility,
        source=task,
        source_kind="task",
        source_version=task.source_version,
        slot_key=f"v{task.source_version}",
        on=on,
        time=time,
        zone=task.zone,
        expires_at=expires_at,
        user=task.owner,
        priority=0,
    )


def remind_all_owners(now=None):
    """Plan what is missing for promises due within the next 15 minutes; returns how many were looked at.

    The rule behind `remind_owner`: it catches a promise whose owner or time changed in a lower room.
    """
    now = now or timezone.now()
    soon = Task.objects.open().filter(
        kind=TaskKind.PROMISE, owner__isnull=False, due_at__range=(now - BEFORE, now + dt.timedelta(minutes=15))
    )
    tasks = list(soon.select_related("facility", "owner").order_by("due_at", "pk")[:500])
    for task in tasks:
        remind_owner(task, now=now)
    return len(tasks)


def say_callback(message):
    """The words of a promised call, to the member of staff who owes it; no name, no word about anybody."""
    task = Task.objects.filter(pk=message.source_id).first()
    if task is None or task.state != TaskState.OPEN:
        return No("closed")
    if task.owner_id != message.user_id:
        return No("handed_over")
    if task.source_version != message.source_version:
        return No("moved")
    at = f"{task.due_time.hour % 12 or 12}:{task.due_time.minute:02d} {'am' if task.due_time.hour < 12 else 'pm'}"
    return Say(
        subject="A call you promised",
        body=f"You promised a call at {at}. Open your workbench.\n\n{settings.PUBLIC_URL}/workbench/\n",
    )


def register():
    purposes.register(CALLBACK_DUE, say_callback, label="Promised call")
