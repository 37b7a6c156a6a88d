"""Outgoing messages as rows. PostgreSQL is the only memory; Redis and Celery carry hints.

The design and its measurements: docs/decisions/0002. `Message` is the effect, `Attempt` one try.
"""

import hashlib

import pghistory
from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from accounts.models import Facility
from messaging.querysets import MessageQuerySet
from people.models import ContactPoint, Person


class Channel(models.TextChoices):
    """How it travels. SMS waits for its provider."""

    EMAIL = "email", "Email"
    SMS = "sms", "Text message"


class MessageState(models.TextChoices):
    """`due` → `sending` → one of the ends; `review` asks a person, never a blind re-send."""

    DUE = "due", "Due"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    SUPPRESSED = "suppressed", "Not sent"
    CANCELLED = "cancelled", "Cancelled"
    REVIEW = "review", "May have been sent"
    DEAD = "dead", "Failed"


class Message(models.Model):
    """One text to one contact point for one due slot; never lost, never sent twice.

    To a `person` through a `contact_point`, or to a member of staff (`user`). What it says is made at
    send time by the purpose's owner, so the row holds no words. The slot as promised is wall-clock
    `local_on`, `local_time` in `zone`; `due_at` is derived. `source_version` lets the gate drop a
    message whose source has changed since. `public_id` is what stands in addresses of pages.
    """

    public_id = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="messages")
    person = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="messages")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="messages"
    )
    contact_point = models.ForeignKey(ContactPoint, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    channel = models.CharField(max_length=5, choices=Channel)
    purpose = models.CharField(max_length=40)
    slot_key = models.CharField(max_length=80)
    local_on = models.DateField()
    local_time = models.TimeField()
    zone = models.CharField(max_length=64)
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    priority = models.PositiveSmallIntegerField(default=5, help_text="0 urgent, 5 normal, 9 bulk.")
    source_kind = models.CharField(max_length=40)
    source_id = models.UUIDField()
    source_version = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=10, choices=MessageState, default=MessageState.DUE)
    reason = models.CharField(max_length=80, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    provider = models.CharField(max_length=20, blank=True)
    provider_ref = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["facility", "person", "user", "channel", "purpose", "slot_key"],
                nulls_distinct=False,
                name="messaging_message_slot_once",
            ),
            models.CheckConstraint(
                condition=Q(person=None, user__isnull=False, contact_point=None)
                | Q(person__isnull=False, user=None, contact_point__isnull=False),
                name="messaging_message_one_recipient",
            ),
            models.CheckConstraint(
                condition=Q(state="sending", lease_token__isnull=False, lease_until__isnull=False)
                | (~Q(state="sending") & Q(lease_token=None, lease_until=None)),
                name="messaging_message_lease_iff_sending",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("due_at")), name="messaging_message_expires_after_due"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["sent", "delivered"]) | Q(sent_at__isnull=False),
                name="messaging_message_sent_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["suppressed", "cancelled", "review", "dead"]) | ~Q(reason=""),
                name="messaging_message_end_has_reason",
            ),
        ]
        indexes = [
            models.Index(
                fields=["priority", "next_at", "id"], condition=Q(state="due"), name="messaging_message_claim"
            ),
            models.Index(fields=["lease_until"], condition=Q(state="sending"), name="messaging_message_lease"),
            models.Index(fields=["expires_at"], condition=Q(state="due"), name="messaging_message_expiry"),
            models.Index(fields=["source_id"], name="messaging_message_source"),
            models.Index(fields=["facility", "-due_at", "-id"], name="messaging_message_list"),
            models.Index(fields=["facility", "state", "-due_at", "-id"], name="messaging_message_state"),
            models.Index(fields=["person", "-sent_at"], name="messaging_message_caps"),
        ]

    def __str__(self):
        return f"{self.purpose} {self.pk}"

    def get_absolute_url(self):
        return reverse("messaging:message", args=[self.public_id])

    @property
    def key(self):
        """Names the effect, not the try: the same for every attempt."""
        return f"msg:{self.pk}"

    @property
    def slot_hash(self):
        """Tells this slot from one of the same number in another database, and nothing about anybody."""
        slot = [self.facility_id, self.person_id, self.user_id, self.channel, self.purpose, self.slot_key]
        return hashlib.sha256("|".join(map(str, slot)).encode()).hexdigest()[:16]


class Outcome(models.TextChoices):
    """How one try ended; `unknown` is never followed by a blind second try."""

    ACCEPTED = "accepted", "Accepted"
    REJECTED_PERMANENT = "rejected_permanent", "Refused for good"
    REJECTED_RETRY = "rejected_retry", "Refused for now"
    UNKNOWN = "unknown", "Unknown"
    RESOLVED_SENT = "resolved_sent", "Found to be sent"
    RESOLVED_NOT_SENT = "resolved_not_sent", "Found not to be sent"


class Attempt(models.Model):
    """One try to hand a message to its provider; written and committed before the call."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    idempotency_key = models.CharField(max_length=60)
    lease_token = models.UUIDField()
    began_at = models.DateTimeField()
    outcome = models.CharField(max_length=20, choices=Outcome, blank=True)
    provider_ref = models.CharField(max_length=200, blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "number"], name="messaging_attempt_number"),
            models.UniqueConstraint(
                fields=["message"],
                condition=Q(outcome__in=["accepted", "resolved_sent"]),
                name="messaging_attempt_one_acceptance",
            ),
        ]


class OptKind(models.TextChoices):
    """Out of, or back into, automated messages."""

    OUT = "out", "Opted out"
    IN = "in", "Opted in"


@pghistory.track()
class OptChoice(models.Model):
    """What somebody at one address chose about automated messages; history, newest counts.

    Per address, not per person: a shared telephone that says stop is silent for everyone.
    """

    channel = models.CharField(max_length=5, choices=Channel)
    address = models.CharField(max_length=254)
    kind = models.CharField(max_length=3, choices=OptKind)
    at = models.DateTimeField()
    source = models.CharField(max_length=80)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["channel", "address", "-at"], name="messaging_optchoice_newest")]


class Heartbeat(models.Model):
    """The last pass of one loop: progress in the database, not an answered ping."""

    name = models.CharField(max_length=60, primary_key=True)
    pass_at = models.DateTimeField()
    claimed = models.BigIntegerField(default=0)
    finished = models.BigIntegerField(default=0)
