"""Inquiries, calls, what was told, and what was decided."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from accounts.models import Facility
from accounts.querysets import FacilityScoped
from admissions.enums import (
    OPEN_STAGES,
    CallOutcome,
    Channel,
    ClosedBecause,
    Danger,
    DecisionOutcome,
    Direction,
    Route,
    SafetyAction,
    Setting,
    Source,
    Stage,
)
from admissions.querysets import InquiryQuerySet
from core.models import UuidModel, Versioned
from people.models import ContactPoint, Person, Relation
from programs.models import Program
from referrals.models import Referral


@pghistory.track()
class Inquiry(UuidModel, Versioned):
    """One request for help about one person, by whatever channel.

    A Part 2 record from the first word. `first_attempt_at - opened_at` is time to first call,
    `first_reached_at - opened_at` time to contact. `number` is what staff say aloud to each other.
    """

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="inquiries")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="inquiries")
    channel = models.CharField(max_length=8, choices=Channel)
    stage = models.CharField(max_length=10, choices=Stage, default=Stage.NEW, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="inquiries"
    )
    caller = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="inquiries_made")
    relation = models.CharField(
        "the caller is the person's", max_length=14, choices=Relation, default=Relation.UNKNOWN
    )
    contact_point = models.ForeignKey(
        ContactPoint, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name="reach at"
    )
    source = models.CharField("how they found us", max_length=10, choices=Source, default=Source.UNKNOWN)
    referral = models.OneToOneField(Referral, null=True, blank=True, on_delete=models.PROTECT, related_name="inquiry")
    words = models.TextField("in the caller's words", blank=True)
    opened_at = models.DateTimeField()
    first_attempt_at = models.DateTimeField(null=True, editable=False)
    first_reached_at = models.DateTimeField(null=True, editable=False)
    stage_since = models.DateTimeField()
    admitted_at = models.DateTimeField(null=True, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)
    closed_because = models.CharField(max_length=12, choices=ClosedBecause, blank=True, editable=False)
    closed_note = models.CharField(max_length=300, blank=True)
    is_suspect = models.BooleanField("may be spam", default=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    objects = InquiryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "inquiries"
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(stage="closed", closed_at__isnull=False)
                | (~Q(stage="closed") & Q(closed_at=None, closed_because="")),
                name="admissions_inquiry_closed_at_iff_closed",
            ),
            models.CheckConstraint(
                condition=~Q(stage="closed") | ~Q(closed_because=""), name="admissions_inquiry_closed_with_reason"
            ),
            models.CheckConstraint(
                condition=Q(stage="admitted", admitted_at__isnull=False)
                | (~Q(stage="admitted") & Q(admitted_at=None)),
                name="admissions_inquiry_admitted_at_iff_admitted",
            ),
            models.CheckConstraint(
                condition=Q(first_reached_at=None) | Q(first_attempt_at__lte=F("first_reached_at")),
                name="admissions_inquiry_attempt_before_reached",
            ),
        ]
        indexes = [
            models.Index(fields=["facility", "-opened_at", "-id"], name="admissions_inquiry_list"),
            models.Index(fields=["facility", "stage", "-opened_at", "-id"], name="admissions_inquiry_stage"),
            models.Index(fields=["facility", "source", "-opened_at", "-id"], name="admissions_inquiry_source"),
            models.Index(fields=["facility", "owner", "-opened_at", "-id"], name="admissions_inquiry_owner"),
            models.Index(fields=["facility", "channel", "-opened_at", "-id"], name="admissions_inquiry_channel"),
            models.Index(fields=["person", "-opened_at"], name="admissions_inquiry_person"),
            models.Index(
                fields=["facility", "opened_at"],
                condition=Q(first_attempt_at=None, stage__in=OPEN_STAGES),
                name="admissions_inquiry_waiting",
            ),
            models.Index(fields=["facility", "-first_reached_at"], name="admissions_inquiry_reached"),
            models.Index(fields=["facility", "-admitted_at"], name="admissions_inquiry_admitted"),
        ]

    def __str__(self):
        return f"Inquiry {self.pk}"

    def get_absolute_url(self):
        return reverse("admissions:inquiry", args=[self.pk])


class StageChange(models.Model):
    """One move of an inquiry from stage to stage: who and when. Append-only."""

    inquiry = models.ForeignKey(Inquiry, on_delete=models.PROTECT, related_name="stage_changes")
    from_stage = models.CharField(max_length=10, choices=Stage, blank=True)
    to_stage = models.CharField(max_length=10, choices=Stage)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["to_stage", "-at"], name="admissions_stagechange_to")]


@pghistory.track()
class IntakeCall(UuidModel):
    """One spoken contact or attempt about an inquiry.

    `number` is as shown or typed (empty: withheld), `normal` its comparable form. Seconds of talk are
    `ended_at - began_at`.
    """

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="calls")
    inquiry = models.ForeignKey(Inquiry, null=True, blank=True, on_delete=models.PROTECT, related_name="calls")
    caller = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="calls")
    direction = models.CharField(max_length=3, choices=Direction)
    number = models.CharField(max_length=40, blank=True)
    normal = models.CharField(max_length=40, blank=True, editable=False)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=CallOutcome)
    notes = models.TextField(blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="calls")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = FacilityScoped.as_manager()

    class Meta:
        ordering = ["-began_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("began_at")), name="admissions_intakecall_in_order"
            ),
        ]
        indexes = [
            models.Index(fields=["inquiry", "-began_at"], name="admissions_intakecall_inquiry"),
            models.Index(fields=["facility", "-began_at"], name="admissions_intakecall_day"),
            models.Index(fields=["normal"], name="admissions_intakecall_number"),
        ]


@pghistory.track()
class SafetyCheck(UuidModel):
    """The danger question asked once: the answer, and what was done if somebody was in danger.

    One grouped question answered as such (`asked_as_group`), never as twelve answers of no. An E1
    answer (`is_e1`) keeps bed search shut until `action` is recorded; the alert stays open until a
    second person, a supervisor, closes it (domain: levels of care, section 6).
    """

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="safety_checks")
    inquiry = models.ForeignKey(Inquiry, null=True, blank=True, on_delete=models.PROTECT, related_name="safety_checks")
    call = models.ForeignKey(IntakeCall, null=True, blank=True, on_delete=models.PROTECT, related_name="safety_checks")
    answer = models.CharField(max_length=12, choices=Danger)
    asked_as_group = models.BooleanField(default=True)
    can_be_reached = models.BooleanField(null=True, help_text="For 'cannot tell': can the person be reached now?")
    is_e1 = models.BooleanField(default=False)
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=16, choices=SafetyAction, blank=True)
    action_note = models.CharField(max_length=300, blank=True)
    action_at = models.DateTimeField(null=True)
    action_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    objects = FacilityScoped.as_manager()

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(action="", action_at=None) | (~Q(action="") & Q(action_at__isnull=False)),
                name="admissions_safetycheck_action_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(answer="yes") | Q(is_e1=True), name="admissions_safetycheck_yes_is_e1"
            ),
            # The person who closes an alert is not the one who acted.
            models.CheckConstraint(
                condition=Q(closed_at=None, closed_by=None)
                | (Q(closed_at__isnull=False) & ~Q(action="") & ~Q(closed_by=F("action_by"))),
                name="admissions_safetycheck_second_person",
            ),
        ]
        indexes = [
            models.Index(
                fields=["facility", "-asked_at"],
                condition=Q(is_e1=True, closed_at=None),
                name="admissions_safetycheck_open",
            ),
        ]


@pghistory.track()
class SubstanceUse(UuidModel):
    """One substance as told about one person: rank 1 is the main one.

    `name` is as told, `substance` our code (`admissions/substances.py`). `last_use` keeps the words,
    `last_use_at` the instant where the words named one.
    """

    inquiry = models.ForeignKey(Inquiry, on_delete=models.PROTECT, related_name="substances")
    rank = models.PositiveSmallIntegerField()
    substance = models.CharField(max_length=30, blank=True)
    name = models.CharField(max_length=80)
    route = models.CharField(max_length=10, choices=Route, default=Route.NOT_ASKED)
    setting = models.CharField(max_length=12, choices=Setting, default=Setting.NOT_ASKED)
    amount = models.CharField(max_length=80, blank=True)
    last_use = models.CharField(max_length=80, blank=True)
    last_use_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["rank"]
        constraints = [
            models.UniqueConstraint(fields=["inquiry", "rank"], name="admissions_substanceuse_rank"),
            models.CheckConstraint(condition=Q(rank__gte=1), name="admissions_substanceuse_from_one"),
        ]


class CallDraft(UuidModel):
    """What was typed during a live call that is not saved yet; the first save makes it a call.

    Belongs to one member of staff. The words are kept here and nowhere else, until `saved_as` names
    the call they became; then they are emptied.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="call_drafts")
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="+")
    content = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=0)
    began_at = models.DateTimeField()
    touched_at = models.DateTimeField()
    saved_as = models.OneToOneField(IntakeCall, null=True, on_delete=models.PROTECT, related_name="draft")
    discarded_at = models.DateTimeField(null=True)

    objects = FacilityScoped.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["user", "-touched_at"],
                condition=Q(saved_as=None, discarded_at=None),
                name="admissions_calldraft_open",
            ),
        ]


@pghistory.track()
class AdmissionDecision(UuidModel):
    """A clinician's decision about one inquiry; the newest counts."""

    inquiry = models.ForeignKey(Inquiry, on_delete=models.PROTECT, related_name="decisions")
    outcome = models.CharField(max_length=16, choices=DecisionOutcome)
    program = models.ForeignKey(Program, null=True, blank=True, on_delete=models.PROTECT, related_name="decisions")
    reason = models.CharField(max_length=300)
    decided_at = models.DateTimeField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-decided_at"]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="admissions_decision_has_reason"),
            models.CheckConstraint(
                condition=~Q(outcome="accepted") | Q(program__isnull=False), name="admissions_decision_names_program"
            ),
        ]


class WebSubmission(UuidModel):
    """What the public form received, word for word, committed before the thank-you.

    `fields` are the posted fields; `inquiry` the inquiry made of them in the same transaction.
    """

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="web_submissions")
    inquiry = models.OneToOneField(Inquiry, on_delete=models.PROTECT, related_name="submission")
    fields = models.JSONField()
    suspect_because = models.CharField(max_length=40, blank=True)
    received_at = models.DateTimeField()

    objects = FacilityScoped.as_manager()
