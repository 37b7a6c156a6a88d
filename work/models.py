"""Who owes what to whom by when."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Facility
from accounts.querysets import FacilityScoped
from core.models import UuidModel
from people.models import ContactPoint, Person


class TaskKind(models.TextChoices):
    """A promise was said aloud to somebody; the others are work we owe ourselves."""

    PROMISE = "promise", "Promised call"
    FOLLOW_UP = "follow_up", "Follow-up"
    DECISION = "decision", "Decision needed"
    REFERRAL = "referral", "Referral waiting to hear"
    CALL_INSTEAD = "call_instead", "Call instead of a message"
    SAFETY = "safety", "Safety check"


class TaskState(models.TextChoices):
    """Kept and broken are for promises, done for other tasks; cancelled says why in `outcome`."""

    OPEN = "open", "Open"
    KEPT = "kept", "Kept"
    BROKEN = "broken", "Broken"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"


class TaskQuerySet(FacilityScoped):
    def open(self):
        return self.filter(state=TaskState.OPEN)

    def promises(self):
        return self.filter(kind=TaskKind.PROMISE)

    def for_list(self):
        """Everything a task row reads, in the order of the workbench."""
        return self.select_related("person", "owner", "contact_point").order_by("due_at", "pk")


@pghistory.track()
class Task(UuidModel):
    """Who will do what for whom by when; closed with an outcome, never deleted.

    The promise as spoken is the wall-clock time `due_on`, `due_time` in `zone`; `due_at` is the derived
    instant (`core.times.instant`).
    `subject_kind`/`subject_id` name the row it belongs to; the upper rooms register how to show it.
    """

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="tasks")
    kind = models.CharField(max_length=14, choices=TaskKind)
    person = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.PROTECT, related_name="tasks", help_text="Whom it is about."
    )
    contact_point = models.ForeignKey(ContactPoint, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    subject_kind = models.CharField(max_length=40, blank=True)
    subject_id = models.UUIDField(null=True, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="tasks")
    text = models.CharField(max_length=300)
    due_on = models.DateField()
    due_time = models.TimeField()
    zone = models.CharField("time zone", max_length=64)
    due_at = models.DateTimeField(editable=False)
    state = models.CharField(max_length=10, choices=TaskState, default=TaskState.OPEN, editable=False)
    outcome = models.CharField(max_length=300, blank=True)
    closed_at = models.DateTimeField(null=True, editable=False)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    rule = models.CharField(max_length=80, blank=True, help_text="Set when a periodic rule made it; makes it once.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    source_version = models.PositiveIntegerField(default=1, help_text="Grows when the promise is moved.")

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ["due_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="open", closed_at=None) | (~Q(state="open") & Q(closed_at__isnull=False)),
                name="work_task_closed_at_iff_closed",
            ),
            models.CheckConstraint(condition=Q(state="open") | ~Q(outcome=""), name="work_task_closed_with_outcome"),
            models.CheckConstraint(
                condition=~Q(state__in=["kept", "broken"]) | Q(kind="promise"), name="work_task_kept_is_promise"
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | ~Q(kind="promise"), name="work_task_promise_is_not_done"
            ),
            models.UniqueConstraint(fields=["rule", "subject_id"], condition=~Q(rule=""), name="work_task_rule_once"),
        ]
        indexes = [
            models.Index(fields=["facility", "due_at", "id"], condition=Q(state="open"), name="work_task_open"),
            models.Index(fields=["owner", "due_at", "id"], condition=Q(state="open"), name="work_task_owner_open"),
            models.Index(fields=["person", "due_at"], name="work_task_person"),
            models.Index(fields=["subject_id"], name="work_task_subject"),
            models.Index(fields=["facility", "kind", "-closed_at"], name="work_task_closed"),
        ]

    def __str__(self):
        return f"{self.get_kind_display()} {self.pk}"
