"""Partners we refer to and hear from, and people sent one way or the other."""

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse

from accounts.models import Facility
from core.models import UuidModel, Versioned
from people.models import Organization, Person
from privacy.models import Disclosure
from programs.enums import Category
from referrals.enums import CLOSED_STATES, Compensation, Direction, ReferralState, Urgency
from referrals.querysets import PartnerQuerySet, ReferralQuerySet


@pghistory.track()
class Partner(UuidModel, Versioned):
    """An organization we refer to or hear from; one record for both ways."""

    organization = models.OneToOneField(Organization, on_delete=models.PROTECT, related_name="partner")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        verbose_name="outreach owner",
    )  # fmt: skip
    takes = ArrayField(models.CharField(max_length=14, choices=Category), default=list, blank=True)
    compensation = models.CharField(max_length=14, choices=Compensation, default=Compensation.NONE)
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PartnerQuerySet.as_manager()

    class Meta:
        ordering = ["organization__name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(compensation__in=Compensation.values), name="referrals_partner_compensation_is_closed"
            ),
        ]

    def __str__(self):
        return self.organization.name

    def get_absolute_url(self):
        return reverse("referrals:partner", args=[self.pk])

    @property
    def takes_words(self):
        """Levels of care, in the order of the vocabulary."""
        return ", ".join(label for name, label in Category.choices if name in self.takes)


@pghistory.track()
class PartnerContact(UuidModel):
    """Someone who works at a partner; not a `Person`, we hold no record about them."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="contacts")
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=80, blank=True)
    phone = models.CharField(max_length=30, blank=True)
    email = models.EmailField(blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


@pghistory.track()
class Referral(UuidModel, Versioned):
    """A person sent to us or by us, with a closed loop of states.

    An outbound referral leaves `draft` only with the `Disclosure` that told the partner (2.31, 2.25).
    """

    direction = models.CharField(max_length=3, choices=Direction)
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="referrals")
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="referrals")
    contact = models.ForeignKey(PartnerContact, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="referrals")
    category = models.CharField("level of care asked for", max_length=14, choices=Category, blank=True)
    reason = models.CharField(max_length=300)
    urgency = models.CharField(max_length=8, choices=Urgency, default=Urgency.SOON)
    state = models.CharField(max_length=18, choices=ReferralState, editable=False)
    state_reason = models.CharField(max_length=300, blank=True)
    follow_up_on = models.DateField(null=True, blank=True)
    disclosure = models.OneToOneField(
        Disclosure, null=True, blank=True, on_delete=models.PROTECT, related_name="referral"
    )
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, editable=False)

    objects = ReferralQuerySet.as_manager()

    class Meta:
        ordering = ["-made_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(direction="in") | Q(state="draft") | Q(state="withdrawn") | Q(disclosure__isnull=False),
                name="referrals_referral_out_is_disclosed",
            ),
            models.CheckConstraint(
                condition=Q(state__in=CLOSED_STATES, closed_at__isnull=False)
                | (~Q(state__in=CLOSED_STATES) & Q(closed_at=None)),
                name="referrals_referral_closed_at",
            ),
            models.CheckConstraint(
                condition=Q(direction="in")
                | Q(state="draft")
                | Q(state__in=CLOSED_STATES)
                | Q(follow_up_on__isnull=False),
                name="referrals_referral_is_followed_up",
            ),
            models.CheckConstraint(
                condition=~Q(state="declined") | ~Q(state_reason=""), name="referrals_referral_declined_because"
            ),
        ]
        indexes = [
            models.Index(fields=["facility", "direction", "-made_at", "id"], name="referrals_referral_list"),
            models.Index(fields=["partner", "-made_at"], name="referrals_referral_partner"),
            models.Index(fields=["person", "-made_at"], name="referrals_referral_person"),
            models.Index(
                fields=["follow_up_on"],
                condition=Q(follow_up_on__isnull=False, closed_at=None),
                name="referrals_referral_to_ask",
            ),
        ]

    def __str__(self):
        return f"Referral {self.pk}"

    def get_absolute_url(self):
        return reverse("referrals:referral", args=[self.pk])

    @property
    def is_in(self):
        return self.direction == Direction.IN

    @property
    def is_open(self):
        return self.state not in CLOSED_STATES


class ReferralMove(models.Model):
    """One change of a referral's state: who, when, why. Append-only."""

    referral = models.ForeignKey(Referral, on_delete=models.PROTECT, related_name="moves")
    from_state = models.CharField(max_length=18, choices=ReferralState, blank=True)
    to_state = models.CharField(max_length=18, choices=ReferralState)
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["at", "pk"]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]
