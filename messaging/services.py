"""What other rooms ask of messaging: plan, cancel, write down a stop, deliver."""

from collections import Counter

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from core import happenings
from core.errors import Refused
from core.times import instant
from messaging import engine
from messaging.models import Channel, Message, MessageState, OptChoice, OptKind
from people.models import ContactPoint

NEVER_LEFT = {MessageState.DUE, MessageState.CANCELLED, MessageState.SUPPRESSED}


def plan(
    purpose, *, facility, source, source_kind, source_version=1, slot_key, on, time, zone, expires_at,
    user=None, contact_point=None, channel="email", priority=5,
):  # fmt: skip
    """Plan one message for one slot, in the caller's transaction: it exists if and only if its source does.

    To a member of staff (`user`) or to a person's `contact_point`. `on`, `time` in `zone` (date, naive
    time, IANA name) is the promised moment, `expires_at` (aware) the moment after which it makes no
    sense any more. `slot_key` names the slot within `source`; a slot is filled once, so a key that moves
    with its source must carry what moved ("v2").

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
        if message.state == MessageState.DUE and message.next_at <= timezone.now():
            transaction.on_commit(_hint)
    return message


def _hint():
    from messaging import tasks  # inline: Celery is 8 MiB and 0.2 s that a process without such a moment never pays

    tasks.hint()


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
    return engine.run(limit, loop=loop, should_stop=should_stop)


# --- A spoken stop ---------------------------------------------------------------------------------------

CHANNEL_OF = {"email": Channel.EMAIL, "phone": Channel.SMS}


def opt_out(contact_point, *, source, by, facility=None, at=None):
    """Write down that whoever reads at this address wants no more automated messages; effective at once.

    `source` says how we heard it ("said on the phone"). It holds for everyone at that address (47 CFR
    64.1200(a)(10): any reasonable means). Raises Refused for a contact point that gets no messages.
    """
    channel = CHANNEL_OF.get(contact_point.kind)
    if channel is None:
        raise Refused("No automated message goes to a postal address.", code="no_channel")
    at = at or timezone.now()
    with transaction.atomic():
        # Waits for a gate that is deciding right now, and makes the next one see this choice.
        same = ContactPoint.objects.filter(kind=contact_point.kind, normal=contact_point.normal).order_by("pk")
        list(same.select_for_update(of=("self",)).values_list("pk", flat=True))
        choice = OptChoice.objects.create(
            channel=channel, address=contact_point.normal, kind=OptKind.OUT, at=at, source=source[:80], by=by
        )
        waiting = Message.objects.filter(
            state=MessageState.DUE,
            channel=channel,
            contact_point__kind=contact_point.kind,
            contact_point__normal=contact_point.normal,
        )
        waiting.update(state=MessageState.SUPPRESSED, reason="opted_out")
        happenings.record(
            "message.opted_out",
            f"Asked for no more automated {'e-mail' if channel == Channel.EMAIL else 'texts'}: {source}",
            by=by,
            about=contact_point.person,
            place=facility,
            subject=contact_point,
            at=at,
        )
    return choice


def has_opted_out(contact_point):
    """Whether the newest choice at this address is a stop."""
    channel = CHANNEL_OF.get(contact_point.kind)
    newest = OptChoice.objects.filter(channel=channel, address=contact_point.normal).order_by("-at", "-pk").first()
    return bool(newest and newest.kind == OptKind.OUT)


# --- The ticker ------------------------------------------------------------------------------------------


def late_by(now=None):
    """Seconds by which the oldest message that could be sent is late; 0 when nothing is due."""
    now = now or timezone.now()
    oldest = Message.objects.claimable(now).order_by().aggregate(oldest=Min("next_at"))["oldest"]
    return max(0, int((now - oldest).total_seconds())) if oldest else 0


def tick(*, late_seconds=30, should_stop=lambda: False):
    """One pass of the ticker: settle what nobody finished, then send if the workers do not; returns counts."""
    counts = Counter({f"settled: {how}": count for how, count in engine.reap().items()})
    engine.beat("ticker")
    if late_by() > late_seconds:
        counts += Counter(deliver_due(limit=200, loop="ticker", should_stop=should_stop))
    return dict(counts)


def close_what_is_over():
    """Close what is due no longer, with a reason and a call instead; returns how many."""
    return engine.close_what_is_over()
