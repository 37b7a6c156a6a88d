"""Part 2 consents and the accounting of what was told to whom.

Consents are immutable: signing, superseding and revoking are new rows. Elements after 42 CFR 2.31(a)
as amended by 89 FR 12472, compliance date 2026-02-16.
"""

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models import Facility
from core.models import UuidModel
from people.models import Organization, Person
from privacy.enums import Basis, ConsentKind, ContentClass, Purpose, SignatureHow, SignerRole
from privacy.querysets import ConsentQuerySet, DisclosureQuerySet

# Whoever ends a consent waits for those who are telling something under it, and the other way round.
_LOCK_OUT = "PERFORM 1 FROM privacy_consent WHERE id = NEW.{column} FOR UPDATE; RETURN NEW;"
_CONSENT_HOLDS = """
IF NEW.consent_id IS NULL THEN RETURN NEW; END IF;
SELECT * INTO held FROM privacy_consent WHERE id = NEW.consent_id FOR SHARE;
IF held.person_id <> NEW.person_id
    OR held.facility_id <> NEW.facility_id
    OR NOT (NEW.purpose = ANY (held.purposes))
    OR NOT (NEW.classes <@ held.classes)
    OR NEW.at < held.signed_at
    OR (NEW.at AT TIME ZONE (SELECT zone FROM accounts_facility WHERE id = held.facility_id))::date > held.expires_on
    OR EXISTS (SELECT 1 FROM privacy_revocation WHERE consent_id = held.id)
    OR EXISTS (SELECT 1 FROM privacy_consent WHERE supersedes_id = held.id)
THEN
    RAISE EXCEPTION 'privacy_disclosure_consent_holds' USING ERRCODE = 'check_violation';
END IF;
RETURN NEW;
"""


@pghistory.track()
class Consent(UuidModel):
    """A signed Part 2 permission, with every element of 42 CFR 2.31(a).

    (1) `person` (2) `facility` and `discloser` (3) `classes` and `what` (4) recipients (5) `purpose`
    (6) `revocation_text` (7) `expires_on` or `expires_event` (8) signature (9) `signed_at`
    (10) for TPO `tpo_text`: redisclosure and the consequences of refusing.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="consents")
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="consents")
    kind = models.CharField(max_length=20, choices=ConsentKind)
    discloser = models.CharField("who may tell", max_length=200)
    classes = ArrayField(models.CharField(max_length=20, choices=ContentClass))
    what = models.TextField("what may be told, in the words of the form")
    purposes = ArrayField(models.CharField(max_length=12, choices=Purpose))
    recipient_class = models.CharField(
        max_length=300, blank=True, help_text="For TPO: my treating providers, health plans, third-party payers, …"
    )
    revocation_text = models.TextField("right to revoke, and how")
    tpo_text = models.TextField("redisclosure, and what follows from refusing", blank=True)
    expires_on = models.DateField(null=True, blank=True)
    expires_event = models.CharField(max_length=200, blank=True)
    signer = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    signer_role = models.CharField(max_length=16, choices=SignerRole)
    signature_how = models.CharField(max_length=12, choices=SignatureHow)
    signed_name = models.CharField(max_length=200)
    signed_at = models.DateTimeField()
    supersedes = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="superseded_by"
    )
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        ordering = ["-signed_at"]
        triggers = [
            pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="supersedes_locked",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__supersedes__isnull=False),
                func=_LOCK_OUT.format(column="supersedes_id"),
            ),
        ]
        indexes = [models.Index(fields=["person", "-signed_at"], name="privacy_consent_person")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(discloser="") & ~Q(what="") & ~Q(revocation_text="") & ~Q(signed_name=""),
                name="privacy_consent_every_element",
            ),
            models.CheckConstraint(
                condition=Q(classes__len__gt=0) & Q(purposes__len__gt=0), name="privacy_consent_scope_and_purpose"
            ),
            models.CheckConstraint(
                condition=Q(expires_on__isnull=False) | ~Q(expires_event=""), name="privacy_consent_ends"
            ),
            models.CheckConstraint(
                condition=~Q(kind="tpo") | (~Q(recipient_class="") & ~Q(tpo_text="")),
                name="privacy_consent_tpo_statements",
            ),
            # Counseling notes ride on no other consent, and no other content rides on theirs (2.31(b)).
            models.CheckConstraint(
                condition=Q(kind="counseling_notes", classes=["counseling_notes"])
                | (~Q(kind="counseling_notes") & ~Q(classes__contains=["counseling_notes"])),
                name="privacy_consent_notes_apart",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=ConsentKind.values,
                    signer_role__in=SignerRole.values,
                    signature_how__in=SignatureHow.values,
                    classes__contained_by=ContentClass.values,
                    purposes__contained_by=Purpose.values,
                ),
                name="privacy_consent_known_words",
            ),
            models.CheckConstraint(
                condition=~Q(kind="tpo") | Q(purposes__contained_by=["treatment", "payment", "operations"]),
                name="privacy_consent_tpo_purposes",
            ),
        ]

    def __str__(self):
        return f"{self.get_kind_display()} {self.pk}"

    @property
    def class_labels(self):
        return [ContentClass(name).label for name in self.classes]

    @property
    def purpose_labels(self):
        return [Purpose(name).label for name in self.purposes]


class ConsentRecipient(models.Model):
    """One named recipient of a consent: an organization or a person."""

    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="recipients")
    organization = models.ForeignKey(
        Organization, null=True, blank=True, on_delete=models.PROTECT, related_name="consented"
    )
    person = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="consented")

    class Meta:
        triggers = [pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete)]
        constraints = [
            models.CheckConstraint(
                condition=Q(organization=None, person__isnull=False) | Q(organization__isnull=False, person=None),
                name="privacy_consentrecipient_one",
            ),
            models.UniqueConstraint(
                fields=["consent", "organization", "person"],
                nulls_distinct=False,
                name="privacy_consentrecipient_once",
            ),
        ]


class Revocation(models.Model):
    """A consent taken back; effective at its commit. An oral one counts at once."""

    consent = models.OneToOneField(Consent, on_delete=models.PROTECT, related_name="revocation")
    at = models.DateTimeField()
    how = models.CharField(max_length=200)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        triggers = [
            pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="consent_locked",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=_LOCK_OUT.format(column="consent_id"),
            ),
        ]


class Disclosure(UuidModel):
    """One thing told to one recipient: the accounting of 42 CFR 2.25. Append-only.

    `notice` is the statement of 42 CFR 2.32 that went with it, word for word, `consent_copy` the
    explanation of the consent's scope beside it.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="disclosures")
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="disclosures")
    basis = models.CharField(max_length=12, choices=Basis)
    consent = models.ForeignKey(Consent, null=True, blank=True, on_delete=models.PROTECT, related_name="disclosures")
    organization = models.ForeignKey(Organization, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    to_person = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=12, choices=Purpose)
    classes = ArrayField(models.CharField(max_length=20, choices=ContentClass))
    what = models.TextField("brief description of what was told")
    how = models.CharField(max_length=40)
    notice = models.TextField()
    consent_copy = models.TextField(blank=True)
    emergency = models.TextField(
        blank=True, help_text="42 CFR 2.51(c): nature of the emergency, recipient's affiliation."
    )
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    objects = DisclosureQuerySet.as_manager()

    class Meta:
        ordering = ["-at"]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="consent_holds",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("held", "privacy_consent%ROWTYPE")],
                func=_CONSENT_HOLDS,
            ),
        ]
        indexes = [models.Index(fields=["person", "-at"], name="privacy_disclosure_person")]
        constraints = [
            models.CheckConstraint(
                condition=Q(organization=None, to_person__isnull=False)
                | Q(organization__isnull=False, to_person=None),
                name="privacy_disclosure_one_recipient",
            ),
            models.CheckConstraint(
                condition=(Q(basis="consent", consent__isnull=False) & ~Q(consent_copy=""))
                | (Q(basis="emergency", consent=None) & ~Q(emergency="")),
                name="privacy_disclosure_has_ground",
            ),
            models.CheckConstraint(condition=~Q(notice="") & ~Q(what=""), name="privacy_disclosure_notice"),
        ]
