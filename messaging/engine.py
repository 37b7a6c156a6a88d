"""Claim, gate, send, record, reap: the life of one message (docs/decisions/0002-messages.md).

PostgreSQL is the only memory. A claim is committed before any call; the gate asks everything again
right before the call; the outcome is written only by the holder of the lease. A message whose try
ended unknown is asked about, or shown to a person; it is never blindly sent a second time.
"""

import datetime as dt
import logging
import random
import time
import uuid
from collections import Counter
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from core.times import wall_clock
from messaging import providers, purposes, quiet_hours, zones
from messaging.models import (
    Attempt,
    Channel,
    Message,
    MessageState,
    OptChoice,
    OptKind,
    Outcome,
)
from messaging.words import ForbiddenWords
from people.models import ContactPoint, Person

log = logging.getLogger(__name__)

BATCH = 5  # claimed together: one killed worker delays at most so many, by one lease
PASS_SECONDS = 60  # well below the time limit of the task that runs a pass
MAX_TRIES = 8
CAPS = ((dt.timedelta(days=1), 1), (dt.timedelta(days=7), 3))  # privacy.md 7.2, 6
JITTER_SECONDS = 300
MAY_HAVE_LEFT = ["", Outcome.ACCEPTED, Outcome.UNKNOWN, Outcome.RESOLVED_SENT]


# --- Claim -------------------------------------------------------------------------------------------


def claim(limit, *, now=None):
    """Take up to `limit` due messages for ourselves; committed before anybody is called.

    Returns Messages whose `lease_token` is ours; nobody else gets them until the lease ends.
    """
    now = now or timezone.now()
    token, until = uuid.uuid4(), now + dt.timedelta(seconds=settings.OUTGOING_LEASE_SECONDS)
    with transaction.atomic(durable=True):
        waiting = Message.objects.claimable(now).select_for_update(skip_locked=True, of=("self",))
        ids = list(waiting.values_list("pk", flat=True)[:limit])
        if not ids:
            return []
        Message.objects.filter(pk__in=ids).update(
            state=MessageState.SENDING, attempt=F("attempt") + 1, lease_token=token, lease_until=until
        )
    mine = Message.objects.held_with(token).select_related("facility", "user", "contact_point", "person")
    return sorted(mine, key=lambda message: ids.index(message.pk))


# --- Gate --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Later:
    """Not now; ask again at `at` (aware)."""

    at: dt.datetime


@dataclass(frozen=True)
class Lost:
    """The lease ended and somebody else has the row; nothing was written."""


def gate(message, *, now=None):
    """Decide again, right before the call, in a transaction of its own; what it decides is committed.

    Returns Say after writing the Attempt, or No, Later or Lost. The contact point is locked against a
    stop, a wrong number or a changed yes that would commit between this decision and the call.
    """
    now = now or timezone.now()
    with transaction.atomic(durable=True):
        held = Message.objects.held_with(message.lease_token).filter(pk=message.pk)
        if not held.select_for_update(of=("self",)).exists():
            return Lost()
        verdict = _verdict(message, now)
        if isinstance(verdict, purposes.Say):
            Attempt.objects.create(
                message=message,
                number=message.attempt,
                idempotency_key=message.key,
                lease_token=message.lease_token,
                began_at=now,
            )
        elif isinstance(verdict, Later):
            _give_back(held, next_at=verdict.at)
        else:
            _suppress(message, held, verdict.reason)
    return verdict


def _verdict(message, now):
    if message.expires_at <= now:
        return purposes.No("expired")
    answer = purposes.ask(message)
    if isinstance(answer, purposes.No):
        return answer
    reason = _why_not_to_staff(message, now) if message.user_id else _why_not_to_person(message)
    if reason:
        return purposes.No(reason)
    if providers.for_channel(message.channel) is None:
        return purposes.No("no_provider")
    if message.user_id:
        return answer
    allowed = _first_allowed(message, now)
    if allowed is None:
        return purposes.No("expired")
    return answer if allowed <= now else Later(allowed)


def _why_not_to_staff(message, now):
    """Staff read their own promises at any hour, while they work there."""
    if not message.user.is_active or not message.user.memberships.current(now).filter(facility=message.facility):
        return "left"
    return ""


def _why_not_to_person(message):
    """Never to somebody who said no, or who did not say yes (47 CFR 64.1200; privacy.md 7.2, 5)."""
    # Serializes two messages to one person, so that both see each other under the cap.
    person = Person.objects.select_for_update(no_key=True).get(pk=message.person_id)
    point = _locked_against_change(message.contact_point_id)
    message.person, message.contact_point = person, point
    if person.deceased_on:
        return "deceased"
    if person.merged_into_id or point.person_id != person.pk:
        return "not_this_person"
    if point.wrong_since:
        return "wrong_address"
    if message.channel == Channel.EMAIL:
        is_ok = point.kind == "email" and point.ok_to_email is True
    else:
        is_ok = point.kind == "phone" and point.ok_to_text is True and not point.is_shared
    if not is_ok:
        return "no_consent"
    newest = OptChoice.objects.filter(channel=message.channel, address=point.normal).order_by("-at", "-pk").first()
    if newest and newest.kind == OptKind.OUT:
        return "opted_out"
    return ""


def _locked_against_change(contact_point_id):
    """The contact point as it is now; it cannot change, and no stop can be written down, until we commit."""
    return ContactPoint.objects.raw("SELECT * FROM people_contactpoint WHERE id = %s FOR SHARE", [contact_point_id])[0]


def _first_allowed(message, now):
    """The first instant inside quiet hours' opening and under the caps, or None."""
    person, point, facility = message.person, message.contact_point, message.facility
    known_places = zones.of_person(person, list(person.contact_points.filter(wrong_since=None)), facility)
    window = (
        max(facility.quiet_until, point.best_from or facility.quiet_until),
        min(facility.quiet_from, point.best_until or facility.quiet_from),
    )
    earliest = max([now, *_caps_free_at(message, now)])
    allowed = quiet_hours.next_allowed(earliest, known_places, window, message.expires_at)
    if allowed is None or allowed <= now:
        return allowed
    # Not everybody at the stroke of nine.
    spread = allowed + dt.timedelta(seconds=random.uniform(0, JITTER_SECONDS))
    return quiet_hours.next_allowed(spread, known_places, window, message.expires_at) or allowed


def _caps_free_at(message, now):
    """For each cap that is full, when it has room again. What may have left counts as sent."""
    began = (
        Attempt.objects.filter(
            message__person_id=message.person_id,
            message__channel=message.channel,
            outcome__in=MAY_HAVE_LEFT,
            began_at__gt=now - CAPS[-1][0],
        )
        .exclude(message=message)
        .order_by("-began_at")
        .values_list("began_at", flat=True)
    )
    times = list(began[: CAPS[-1][1]])
    for span, most in CAPS:
        if len(times) >= most and times[most - 1] > now - span:
            yield times[most - 1] + span


# --- Send and record -----------------------------------------------------------------------------------


def deliver(message):
    """Gate, call and record one claimed message; returns in a word how it ended.

    No transaction is open during the call.
    """
    if not _has_time(message):
        return release(message)
    try:
        verdict = gate(message)
    except Exception:
        # A mistake of ours or of a purpose: nothing was called, so nothing can be sent twice.
        log.exception("the gate failed for message %s", message.pk)
        return _record(message, providers.Result(Outcome.REJECTED_RETRY, "gate failed"))
    if isinstance(verdict, Later):
        return "later"
    if isinstance(verdict, Lost):
        return "lost"
    if isinstance(verdict, purposes.No):
        return "suppressed"

    provider = providers.for_channel(message.channel)
    if not _has_time(message):  # we were frozen since the gate
        return _record(message, providers.Result(Outcome.REJECTED_RETRY, "lease too short"), at_once=True)
    try:
        result = provider.send(message, verdict, message.key)
    except ForbiddenWords:
        log.error("forbidden words in message %s (%s)", message.pk, message.purpose)
        result = providers.Result(Outcome.REJECTED_PERMANENT, "forbidden words")
        return _record(message, result, provider=provider, reason="forbidden_words")
    except Exception as problem:
        log.error("provider %s failed for message %s: %s", provider.name, message.pk, type(problem).__name__)
        result = providers.Result(Outcome.UNKNOWN, type(problem).__name__)
    if result.outcome == Outcome.UNKNOWN and provider.can_be_asked:
        return "unknown"  # when the lease is over, the reaper asks
    return _record(message, result, provider=provider)


def _has_time(message):
    """Whether the lease outlasts a call by a good margin (20 s of a call of 15)."""
    left = message.lease_until - timezone.now()
    return left > dt.timedelta(seconds=settings.OUTGOING_CALL_SECONDS) * 4 / 3


def release(message):
    """Give a claimed message back untouched, for instance because we are asked to stop."""
    _give_back(Message.objects.held_with(message.lease_token).filter(pk=message.pk), next_at=F("next_at"))
    return "released"


def _record(message, result, *, provider=None, reason="", at_once=False):
    """Write down how a try ended, if the lease is still ours; a zombie writes nothing. Returns it in a word."""
    now = timezone.now()
    ended, values = _consequence(message, result, now=now, reason=reason, at_once=at_once)
    if ended == "sent":
        values |= {"provider": provider.name, "provider_ref": result.ref[:200], "sent_at": now}
    with transaction.atomic(durable=True):
        held = Message.objects.held_with(message.lease_token).filter(pk=message.pk)
        if not held.update(**values, **UNLEASED):
            log.warning("message %s: the lease was over before its outcome was known", message.pk)
            return "lost"
        Attempt.objects.filter(message=message, number=message.attempt).update(
            outcome=result.outcome, provider_ref=result.ref[:200], ended_at=now
        )
        if result.is_wrong_address and message.contact_point_id:
            ContactPoint.objects.filter(pk=message.contact_point_id, wrong_since=None).update(wrong_since=now)
        _call_instead(message, values.get("reason"))
    return ended


def _consequence(message, result, *, now, reason, at_once):
    """What follows from the outcome of a try: a word for the counts, and the new values of the row."""
    if result.outcome in (Outcome.ACCEPTED, Outcome.RESOLVED_SENT):
        return "sent", {"state": MessageState.SENT, "reason": ""}
    if result.outcome == Outcome.REJECTED_PERMANENT:
        return "dead", {"state": MessageState.DEAD, "reason": reason or "refused"}
    if result.outcome == Outcome.UNKNOWN:
        return "review", {"state": MessageState.REVIEW, "reason": "unknown_outcome"}
    if message.attempt >= MAX_TRIES:
        return "dead", {"state": MessageState.DEAD, "reason": "too_many_tries"}
    return "retry", {"state": MessageState.DUE, "next_at": now if at_once else now + pause(message.attempt)}


def pause(attempt):
    """How long to wait after the `attempt`-th refusal: 1, 2, 4 … at most 30 minutes, half to one and a half of it."""
    return dt.timedelta(seconds=min(2**attempt * 30, 1800) * random.uniform(0.5, 1.5))


UNLEASED = {"lease_token": None, "lease_until": None}


def _give_back(held, *, next_at):
    """Due again and uncounted, because nobody was called."""
    held.update(state=MessageState.DUE, attempt=F("attempt") - 1, next_at=next_at, **UNLEASED)


CALL_INSTEAD = {
    *("expired", "no_consent", "no_provider", "wrong_address"),
    *("refused", "too_many_tries", "forbidden_words"),
}


def _suppress(message, held, reason):
    """Close a message that nobody was called for."""
    held.update(state=MessageState.SUPPRESSED, reason=reason, **UNLEASED)
    _call_instead(message, reason)


def _call_instead(message, reason):
    """Where a person was to hear from us and did not, somebody calls, by day where the person is."""
    if not message.person_id or reason not in CALL_INSTEAD:
        return
    from work import services as work

    now, facility = timezone.now(), message.facility
    known_places = zones.of_person(message.person, list(message.person.contact_points.all()), facility)
    by_day = quiet_hours.next_allowed(now, known_places, (quiet_hours.HARD_START, quiet_hours.HARD_END), None)
    on, at = wall_clock(by_day or now, facility.zone)
    work.promise(
        facility=facility,
        person=message.person,
        owner=None,
        text=f"{purposes.label(message.purpose)} could not be sent. Call instead.",
        on=on,
        time=at.replace(microsecond=0),
        by=None,
        kind="call_instead",
    )


# --- What nobody finished --------------------------------------------------------------------------------


def reap(limit=100):
    """Finish what a killed or frozen worker left behind; returns counts.

    Never called: due again. Called, and the provider can be asked: asked. Otherwise a person looks.
    """
    counts = Counter()
    for _ in range(limit):
        message = _take_over()
        if message is None:
            break
        counts[_settle(message)] += 1
    return counts


def _take_over():
    """One abandoned message under a lease of our own, so that two reapers never settle the same one."""
    now = timezone.now()
    with transaction.atomic(durable=True):
        message = Message.objects.abandoned(now).select_for_update(skip_locked=True, of=("self",)).first()
        if message is None:
            return None
        message.lease_token = uuid.uuid4()
        message.lease_until = now + dt.timedelta(seconds=settings.OUTGOING_LEASE_SECONDS)
        message.save(update_fields=["lease_token", "lease_until"])
    return Message.objects.select_related("facility", "user", "contact_point", "person").get(pk=message.pk)


def _settle(message):
    held = Message.objects.held_with(message.lease_token).filter(pk=message.pk)
    if not message.attempts.filter(number=message.attempt).exists():
        with transaction.atomic(durable=True):
            _give_back(held, next_at=timezone.now())
        return "never called"
    provider = providers.for_channel(message.channel)
    found = None
    if provider is not None and provider.can_be_asked:
        try:
            found = provider.find(message, message.key)
        except Exception as problem:
            log.error("provider %s could not be asked: %s", provider.name, type(problem).__name__)
    if found is None:
        return _record(message, providers.Result(Outcome.UNKNOWN, "nobody finished it"), provider=provider)
    if found:
        return _record(message, providers.Result(Outcome.RESOLVED_SENT, "found"), provider=provider)
    return _record(message, providers.Result(Outcome.RESOLVED_NOT_SENT, "not found"), provider=provider, at_once=True)


def close_what_is_over(limit=500):
    """Nothing ends in silence: what is still due though its time is over is closed with a reason; returns how many."""
    now, closed = timezone.now(), 0
    for _ in range(limit):
        with transaction.atomic(durable=True):
            over = Message.objects.over(now).select_related("facility", "person").order_by("expires_at")
            message = over.select_for_update(skip_locked=True, of=("self",)).first()
            if message is None:
                break
            _suppress(message, Message.objects.filter(pk=message.pk), "expired")
        closed += 1
    return closed


# --- One pass ----------------------------------------------------------------------------------------------


def run(limit, *, loop, should_stop):
    """Send at most `limit` due messages and write the heartbeat of `loop`; returns counts.

    With `OUTGOING` off nothing is claimed, and everything stays due until it is released.
    """
    counts = Counter(claimed=0, sent=0)
    began = time.monotonic()

    def is_over():
        return should_stop() or time.monotonic() - began > PASS_SECONDS

    beat(loop)
    while settings.OUTGOING == "on" and counts["claimed"] < limit and not is_over():
        messages = claim(min(BATCH, limit - counts["claimed"]))
        if not messages:
            break
        beat(loop, claimed=len(messages))
        ended = Counter()
        for message in messages:
            ended[release(message) if is_over() else deliver(message)] += 1
        counts["claimed"] += len(messages)
        counts += ended
        unfinished = ended["lost"] + ended["unknown"] + ended["released"]
        beat(loop, finished=len(messages) - unfinished)
    return dict(counts)


def beat(loop, *, claimed=0, finished=0):
    """Note that `loop` passed here: progress in the database, which no ping can fake."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO messaging_heartbeat (name, pass_at, claimed, finished) VALUES (%s, clock_timestamp(), %s, %s)
            ON CONFLICT (name) DO UPDATE SET pass_at = excluded.pass_at,
                claimed = messaging_heartbeat.claimed + excluded.claimed,
                finished = messaging_heartbeat.finished + excluded.finished
            """,
            [loop[:60], claimed, finished],
        )
