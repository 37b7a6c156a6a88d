"""What other rooms ask of messaging: plan, cancel, write down a stop, deliver."""

from django.db import transaction
from django.utils import timezone

from core.times import instant
from messaging import engine
from messaging.models import Message, MessageState

NEVER_LEFT = {MessageState.DUE, MessageState.CANCELLED, MessageState.SUPPRESSED}


def plan(
    purpose, *, facility, source, source_kind, source_version=1, slot_key, on, time, zone, expires_at,
    user=None, contact_point=None, channel="email", priority=5,
):  # fmt: skip
    """Plan one message for one slot, in the caller's transaction: it exists if and only if its source does.

    To a member of staff (`user`) or to a person's `contact_point`. `on`, `time` in `zone` (date, naive
    time, IANA name) is the promised moment, `expires_at` (aware) the moment after which it makes no
    sense any more. `slot_key` names the slot within `source`; a slot is filled once, so what makes it
    another slot (a moved time, a new version) belongs into the key or into `source_version`.

    Planning an unchanged slot again changes nothing. A changed one is moved, and one that was
    cancelled or not sent is due again; what has left, or may have, stays as it is. Returns the Message.
    """
    due_at = instant(on, time, zone)
    if expires_at <= due_at:
        raise ValueError("A message must expire after it is due.")
    slot = {
        "facility": facility,
        "person_id": contact_point.person_id if contact_point else None,
        "user": user,
        "channel": channel,
        "purpose": purpose,
        "slot_key": slot_key if str(source.pk) in slot_key else f"{source.pk}:{slot_key}",
    }
    wanted = {
        "contact_point": contact_point,
        "local_on": on,
        "local_time": time,
        "zone": zone,
        "due_at": due_at,
        "expires_at": expires_at,
        "priority": priority,
        "source_version": source_version,
    }
    source_of = {"source_kind": source_kind, "source_id": source.pk}
    with transaction.atomic():
        new = Message(**slot, **source_of, **wanted, next_at=due_at)
        Message.objects.bulk_create([new], ignore_conflicts=True)
        message = Message.objects.select_for_update(of=("self",)).get(**slot)
        changed = {name: value for name, value in wanted.items() if getattr(message, name) != value}
        is_back = message.state == MessageState.CANCELLED or (changed and message.state == MessageState.SUPPRESSED)
        if message.state in NEVER_LEFT and (changed or is_back):
            for name, value in changed.items():
                setattr(message, name, value)
            if is_back or "due_at" in changed:
                message.next_at = due_at
            message.state, message.reason = MessageState.DUE, ""
            message.save(update_fields=[*changed, "next_at", "state", "reason"])
    return message


def cancel_for(source_id, *, reason):
    """Cancel what is still due for a source, in the caller's transaction; returns how many.

    `reason` is a short code ("cancelled", "moved", "closed"). One whose call has begun is past calling
    back; one that is only claimed asks its purpose first and hears No.
    """
    due = Message.objects.from_source(source_id).filter(state=MessageState.DUE)
    return due.update(state=MessageState.CANCELLED, reason=reason[:80] or "cancelled")


def deliver_due(limit=50, *, loop="worker", should_stop=lambda: False):
    """Send what is due now, at most `limit` messages; returns counts by how they ended.

    `loop` names the heartbeat that is written; `should_stop()` is asked between messages.
    """
    return engine.run(limit, loop=loop, should_stop=should_stop, now=timezone.now)
