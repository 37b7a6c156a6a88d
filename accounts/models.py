"""Staff, facilities, and who works where as what."""

import uuid
import zoneinfo

import pghistory
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.permissions import FLAG_PERMISSIONS, ROLE_PERMISSIONS, Role
from accounts.querysets import FacilityQuerySet, MembershipQuerySet
from core.models import UuidModel, Versioned


def valid_zone(name):
    """Raise ValidationError unless `name` is an IANA time zone."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f"{name} is not an IANA time zone, such as America/Chicago.")


@pghistory.track()
class Facility(UuidModel, Versioned):
    """One place with an address and a clock of its own. "Today" is always the facility's.

    `neutral_name` and `neutral_phone` are what leaves the building in messages; they must not
    suggest addiction care (42 CFR 2.13; docs/decisions).
    """

    name = models.CharField(max_length=120, unique=True)
    slug = models.SlugField(max_length=60, unique=True, help_text="The last part of the public form's address.")
    neutral_name = models.CharField(max_length=60)
    neutral_phone = models.CharField(max_length=30)
    phone = models.CharField(max_length=30, blank=True)
    street = models.CharField(max_length=120, blank=True)
    city = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=2, blank=True)
    postal_code = models.CharField(max_length=12, blank=True)
    zone = models.CharField("time zone", max_length=64, default="America/New_York")
    is_part2_program = models.BooleanField(default=True, help_text="42 CFR part 2 applies from the first call.")
    first_contact_goal_minutes = models.PositiveSmallIntegerField(default=15)
    promise_grace_minutes = models.PositiveSmallIntegerField(
        default=5, help_text="A promise kept this many minutes late still counts as kept."
    )
    quiet_from = models.TimeField(default="20:00", help_text="No message after this, local time of the person.")
    quiet_until = models.TimeField(default="09:00", help_text="… nor before this.")
    is_active = models.BooleanField(default=True)

    objects = FacilityQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "facilities"

    def __str__(self):
        return self.name

    def clean(self):
        valid_zone(self.zone)

    @property
    def time_zone(self):
        """The facility's zone as a `zoneinfo.ZoneInfo`."""
        return zoneinfo.ZoneInfo(self.zone)

    def today(self, now=None):
        """The facility's calendar day at `now` (aware, default now)."""
        return timezone.localdate(now, timezone=self.time_zone)


class OpeningHours(models.Model):
    """When a facility answers on one weekday (0 is Monday), in its own zone; several rows make a break."""

    facility = models.ForeignKey(Facility, on_delete=models.CASCADE, related_name="opening_hours")
    weekday = models.PositiveSmallIntegerField(
        choices=list(enumerate(["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]))
    )
    opens = models.TimeField()
    closes = models.TimeField()

    class Meta:
        ordering = ["weekday", "opens"]
        constraints = [
            models.CheckConstraint(condition=Q(closes__gt=F("opens")), name="accounts_openinghours_in_order"),
            models.CheckConstraint(condition=Q(weekday__lte=6), name="accounts_openinghours_weekday"),
            models.UniqueConstraint(fields=["facility", "weekday", "opens"], name="accounts_openinghours_once"),
        ]


class Theme(models.TextChoices):
    """Light, dark, or as the system says."""

    LIGHT = "light", "Light"
    DARK = "dark", "Dark"
    AUTO = "auto", "As the system"


@pghistory.track(exclude=["password", "last_login"])
class User(AbstractUser):
    """A member of staff. Never deleted; `is_active` off ends every session on its next request."""

    theme = models.CharField(max_length=5, choices=Theme, default=Theme.AUTO)
    has_letter_keys = models.BooleanField("single-letter keys", default=True)
    home_facility = models.ForeignKey(Facility, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    email = models.EmailField(unique=True)

    def __str__(self):
        return self.get_full_name() or self.username

    @property
    def initials(self):
        return "".join(part[0] for part in (self.first_name, self.last_name) if part).upper() or self.username[:2]

    def current_memberships(self):
        """Memberships in force now; they come with the signed-in user in one query, kept on this instance only."""
        if not hasattr(self, "_memberships"):
            self.keep_memberships(list(Membership.objects.of_user(self.pk)))
        return self._memberships

    def keep_memberships(self, memberships):
        """Remember `memberships` (a list of this user's) for the rest of the request."""
        self._memberships = memberships
        self.__dict__.pop("_granted", None)

    def granted(self):
        """Every permission the user holds somewhere, as a set of `Permission` values."""
        if not hasattr(self, "_granted"):
            self._granted = {p for membership in self.current_memberships() for p in membership.granted()}
        return self._granted

    def facility_ids(self, permission):
        """Ids of facilities where the user holds `permission` now."""
        if not self.is_active:
            return []
        return [m.facility_id for m in self.current_memberships() if permission in m.granted()]

    def may(self, permission, facility):
        """Whether the user holds `permission` at `facility` (a Facility or its id)."""
        return getattr(facility, "pk", facility) in self.facility_ids(permission)


@pghistory.track()
class Membership(models.Model):
    """A user's role at one facility. Break-glass access is a second membership with a reason and an end."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role)
    is_supervisor = models.BooleanField("supervisor", default=False)
    is_privacy_officer = models.BooleanField("privacy officer", default=False)
    is_clinical_lead = models.BooleanField("clinical lead", default=False)
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True, help_text="Set for break-glass access only.")

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "facility"],
                condition=Q(reason="", ends_at=None),
                name="accounts_membership_one_role_a_facility",
            ),
            models.CheckConstraint(
                condition=Q(reason="") | Q(ends_at__isnull=False), name="accounts_membership_break_glass_ends"
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gte=F("starts_at")), name="accounts_membership_in_order"
            ),
        ]

    def __str__(self):
        return f"{self.user} at {self.facility}"

    def granted(self):
        """Permissions this membership grants: the role's and those of its flags."""
        if not hasattr(self, "_granted"):
            granted = set(ROLE_PERMISSIONS[Role(self.role)])
            for flag, more in FLAG_PERMISSIONS.items():
                if getattr(self, flag):
                    granted |= more
            self._granted = granted
        return self._granted


@pghistory.track(exclude=["token_hash"])
class Invitation(models.Model):
    """A link that lets one person choose a password and join one facility; single use, 72 hours."""

    email = models.EmailField()
    first_name = models.CharField(max_length=80)
    last_name = models.CharField(max_length=80)
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="invitations")
    role = models.CharField(max_length=12, choices=Role)
    is_supervisor = models.BooleanField(default=False)
    is_privacy_officer = models.BooleanField(default=False)
    is_clinical_lead = models.BooleanField(default=False)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)

    def __str__(self):
        return f"Invitation {self.public_id}"
