"""The mailbox: what went out, what waits, what did not go and why."""

import datetime as dt
import hashlib
import uuid
from dataclasses import dataclass, field

from django.db.models import Q
from django.utils import timezone

from accounts.permissions import Permission
from core.templatetags.hr import say_clock, say_day
from messaging import purposes
from messaging.models import Message, MessageState

PAGE_SIZE = 50
# code of the filter → (words, states)
SHOWN = {
    "": ("All", ()),
    "due": ("Waiting", (MessageState.DUE, MessageState.SENDING)),
    "sent": ("Sent", (MessageState.SENT, MessageState.DELIVERED)),
    "not_sent": ("Not sent", (MessageState.SUPPRESSED, MessageState.CANCELLED)),
    "review": ("May have been sent", (MessageState.REVIEW,)),
    "dead": ("Failed", (MessageState.DEAD,)),
}
# state → (meaning of the pill, icon, words)
PILLS = {
    MessageState.DUE: ("quiet", "clock", "Waiting"),
    MessageState.SENDING: ("wait", "send", "Being sent"),
    MessageState.SENT: ("ok", "check-lg", "Sent"),
    MessageState.DELIVERED: ("ok", "check-all", "Delivered"),
    MessageState.SUPPRESSED: ("quiet", "slash-circle", "Not sent"),
    MessageState.CANCELLED: ("quiet", "x", "Cancelled"),
    MessageState.REVIEW: ("late", "question-circle", "May have been sent"),
    MessageState.DEAD: ("late", "exclamation-triangle", "Failed"),
}
# Why it ended so, in staff's words. Codes come from the gate, from purposes and from `cancel_for`.
REASONS = {
    "cancelled": "It was cancelled.",
    "moved": "It was moved; the new time has its own message.",
    "closed": "It is done already.",
    "handed_over": "Somebody else owes it now.",
    "kept": "The appointment is over.",
    "missed": "The appointment is over.",
    "left": "They do not work here any more.",
    "expired": "It could not go out in time. There is a call to make instead.",
    "no_consent": "They did not say that we may write to this address.",
    "wrong_address": "The address is wrong.",
    "opted_out": "They asked for no more messages.",
    "deceased": "The person has died.",
    "not_this_person": "The address does not belong to this person.",
    "no_provider": "Text messages are not connected yet. There is a call to make instead.",
    "nobody_answers": "Nothing in Handrail asks for it any more.",
    "refused": "The mail server refused it for good.",
    "too_many_tries": "Eight tries failed.",
    "forbidden_words": "Its words would have told too much, so it did not leave.",
    "unknown_outcome": "The line was cut before the answer. It is not sent a second time by itself.",
}
OUTCOMES = {
    "": "On its way",
    "accepted": "Taken by the mail server",
    "rejected_permanent": "Refused for good",
    "rejected_retry": "Refused for now",
    "unknown": "Not known",
    "resolved_sent": "Looked up: it had arrived",
    "resolved_not_sent": "Looked up: it had not arrived",
}


@dataclass(frozen=True)
class Line:
    """One message as the mailbox shows it."""

    public_id: uuid.UUID
    who: str
    is_staff: bool
    channel: str
    what: str
    why: str
    pill: tuple
    is_waiting: bool
    at: dt.datetime
    day: str
    clock: str
    zone: dt.tzinfo


@dataclass(frozen=True)
class Page:
    lines: list
    people: list
    shown: str
    newer: str = ""
    older: str = ""
    etag: str = field(default="", compare=False)

    @property
    def words(self):
        if not self.lines:
            return "No messages here"
        count = len(self.lines)
        return f"{count} message{'' if count == 1 else 's'} on this page"


def line(message, now):
    """`message` (with what `for_list` fetched) as a Line, times in its facility's zone."""
    zone = message.facility.time_zone
    is_waiting = message.state == MessageState.DUE
    at = message.next_at if is_waiting else message.sent_at or message.due_at
    return Line(
        public_id=message.public_id,
        who=str(message.user) if message.user_id else message.person.short_name,
        is_staff=bool(message.user_id),
        channel=message.get_channel_display(),
        what=purposes.label(message.purpose),
        why=reason(message),
        pill=PILLS[MessageState(message.state)],
        is_waiting=is_waiting,
        at=at,
        day=say_day(at.astimezone(zone).date(), message.facility.today(now), past_too=True),
        clock=say_clock(at.astimezone(zone)),
        zone=zone,
    )


def reason(message):
    """Why the message ended so, a sentence; "" while nothing needs a reason."""
    if message.state == MessageState.DUE and message.attempt:
        tries = "Once" if message.attempt == 1 else f"{message.attempt} times"
        return f"{tries} the mail server could not take it; it is tried again."
    if not message.reason:
        return ""
    return REASONS.get(message.reason, "It is no longer wanted.")


def page(user, facility, *, shown="", after="", before="", now=None):
    """Fifty messages of `facility` within what `user` may see, newest slot first.

    `after` and `before` are public ids of a row; an unknown one is the beginning.
    """
    now = now or timezone.now()
    shown = shown if shown in SHOWN else ""
    visible = Message.objects.visible_to(user, Permission.VIEW_MESSAGES).filter(facility=facility)
    rows = visible.filter(state__in=SHOWN[shown][1]) if shown else visible
    edge = _edge(visible, after or before)
    if edge and not after:
        found = list(rows.filter(_past(edge, "gt")).for_list().order_by("due_at", "id")[: PAGE_SIZE + 1])
        more_newer, more_older = len(found) > PAGE_SIZE, True
        found = found[:PAGE_SIZE][::-1]
    else:
        found = list((rows.filter(_past(edge, "lt")) if edge else rows).for_list()[: PAGE_SIZE + 1])
        more_newer, more_older = bool(edge), len(found) > PAGE_SIZE
        found = found[:PAGE_SIZE]
    seen = [(str(m.public_id), m.state, m.reason, m.attempt, str(m.next_at), str(m.sent_at)) for m in found]
    about = repr((user.pk, facility.pk, facility.today(now), shown, after, before, seen))
    return Page(
        lines=[line(message, now) for message in found],
        people=[message.person_id for message in found],
        shown=shown,
        newer=str(found[0].public_id) if found and more_newer else "",
        older=str(found[-1].public_id) if found and more_older else "",
        etag=f'"{hashlib.sha256(about.encode()).hexdigest()[:32]}"',
    )


def _edge(rows, public_id):
    """(due_at, id) of the row with this public id, or None."""
    try:
        return rows.filter(public_id=uuid.UUID(public_id)).values_list("due_at", "id").first()
    except (ValueError, AttributeError):
        return None


def _past(edge, way):
    due_at, pk = edge
    return Q(**{f"due_at__{way}": due_at}) | Q(**{"due_at": due_at, f"id__{way}": pk})
