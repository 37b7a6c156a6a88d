"""Therapies: what is offered, and what a person is assigned."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import Facility
from core.models import UuidModel, Versioned
from people.models import Person
from programs.models import Placement
from therapy.querysets import AssignmentQuerySet


@pghistory.track()
class Modality(models.Model):
    """A kind of therapy; an administrator may add more. The first five are those the seeds name."""

    code = models.SlugField(max_length=30, unique=True)
    name = models.CharField(max_length=80)
    position = models.PositiveSmallIntegerField(default=100)
    needs_family_consent = models.BooleanField(default=False, help_text="Sessions with family need a Part 2 consent.")
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["position", "name"]
        verbose_name_plural = "modalities"

    def __str__(self):
        return self.name


class AssignmentState(models.TextChoices):
    """Where an assignment stands."""

    ACTIVE = "active", "Active"
    COMPLETED = "completed", "Completed"
    ENDED = "ended", "Ended"
    CARRIED = "carried", "Carried to the next program"


@pghistory.track()
class TherapyAssignment(UuidModel, Versioned):
    """One modality for one person with one therapist, within one placement.

    `per_week` is sessions a week, `planned_sessions` a count, `minutes` the length of one session.
    """

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="therapy_assignments")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="therapy_assignments")
    placement = models.ForeignKey(Placement, on_delete=models.PROTECT, related_name="therapy_assignments")
    modality = models.ForeignKey(Modality, on_delete=models.PROTECT, related_name="assignments")
    therapist = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="therapy_assignments"
    )
    per_week = models.PositiveSmallIntegerField("sessions per week")
    planned_sessions = models.PositiveSmallIntegerField()
    minutes = models.PositiveSmallIntegerField("minutes per session", default=50)
    starts_on = models.DateField()
    goal = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=10, choices=AssignmentState, default=AssignmentState.ACTIVE, editable=False)
    ended_on = models.DateField(null=True, editable=False)
    end_reason = models.CharField(max_length=200, blank=True, editable=False)
    carried_from = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="carried_to", editable=False
    )
    assigned_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        ordering = ["starts_on", "created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(per_week__gte=1, per_week__lte=14, planned_sessions__gte=1, planned_sessions__lte=400)
                & Q(minutes__gte=10, minutes__lte=480),
                name="therapy_assignment_sane",
            ),
            models.CheckConstraint(
                condition=Q(state="active", ended_on=None) | (~Q(state="active") & Q(ended_on__isnull=False)),
                name="therapy_assignment_ended_iff_over",
            ),
            models.CheckConstraint(
                condition=Q(ended_on=None) | Q(ended_on__gte=F("starts_on")), name="therapy_assignment_in_order"
            ),
            models.UniqueConstraint(
                fields=["placement", "modality", "therapist"],
                condition=Q(state="active"),
                name="therapy_assignment_once",
            ),
        ]
        indexes = [
            models.Index(fields=["therapist", "state"], name="therapy_assignment_caseload"),
            models.Index(fields=["person", "-starts_on"], name="therapy_assignment_person"),
            models.Index(fields=["facility", "state", "starts_on"], name="therapy_assignment_facility"),
        ]

    def __str__(self):
        return f"{self.modality} {self.pk}"
