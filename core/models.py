"""What every room stands on: idempotency keys, happenings, and rows that notice a stale edit."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from core.errors import Stale


class UuidModel(models.Model):
    """A row whose public id is a random UUID: no gaps, no order, nothing to guess."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta:
        abstract = True


class Versioned(models.Model):
    """A row that people edit: `version` grows by one at each edit, so that a stale form is noticed."""

    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        abstract = True

    def save_if_current(self, version, *, fields):
        """Write `fields` if the row still has `version` (int, from the form); else raise Stale.

        The comparison and the write are one UPDATE, so two editors cannot both win.
        """
        values = {name: getattr(self, name) for name in fields}
        changed = (
            type(self)._default_manager.filter(pk=self.pk, version=version).update(**values, version=F("version") + 1)
        )
        if not changed:
            raise Stale("Somebody else changed this while you had it open. Nothing was overwritten.")
        self.version = version + 1


class IdempotencyKey(models.Model):
    """One successful answer to one create request; a repeat with the same content gets it again.

    `actor` is the user's id or `public`; `fingerprint` is a SHA-256 of route and content, never
    the content itself. Only successes are kept (`core.idempotency`).
    """

    actor = models.CharField(max_length=40)
    key = models.CharField(max_length=64)
    route = models.CharField(max_length=120)
    fingerprint = models.CharField(max_length=64)
    location = models.CharField(max_length=300)
    status = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["actor", "key"], name="core_idempotencykey_once")]
        indexes = [models.Index(fields=["created_at"], name="core_idempotencykey_age")]


class HappeningQuerySet(models.QuerySet):
    def about(self, subject_id):
        return self.filter(about_id=subject_id).order_by("-at", "-pk")


class Happening(models.Model):
    """What was done, in staff's words; feeds timelines and reports. Append-only.

    `verb` is a stable code (`inquiry.opened`), `text` the sentence staff read. `about_id` is the
    UUID of the one it concerns, `place_id` of the place whose staff may read it, `subject_id` of the
    row that changed; plain ids, because this room knows no word of the domain.
    """

    at = models.DateTimeField(db_index=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    verb = models.CharField(max_length=60)
    text = models.TextField()
    about_id = models.UUIDField(null=True)
    place_id = models.UUIDField(null=True)
    subject_id = models.UUIDField(null=True)
    data = models.JSONField(default=dict)

    objects = HappeningQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["about_id", "-at"], name="core_happening_timeline"),
            models.Index(fields=["place_id", "-at"], name="core_happening_place"),
            models.Index(fields=["verb", "-at"], name="core_happening_verb"),
        ]
        constraints = [models.CheckConstraint(condition=~Q(verb=""), name="core_happening_has_verb")]

    def __str__(self):
        return self.verb
