"""Human beings and how to reach them, organizations, and who read about whom."""

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Concat
from django.urls import reverse

from accounts.models import Facility
from core.models import UuidModel, Versioned
from people.querysets import OfVisiblePerson, PersonQuerySet


class Sex(models.TextChoices):
    """Sex for clinical use and unit assignment; the person's words about gender are `pronouns`."""

    FEMALE = "female", "Female"
    MALE = "male", "Male"
    OTHER = "other", "Other"


@pghistory.track()
class Person(UuidModel, Versioned):
    """A human being, once in the organization; caller, patient or relative by relation, never by type.

    Nothing is required: a withheld number about "a brother" is a person too. `age_about` is years as
    told on `age_told_on`, used while `birth_on` is unknown.
    """

    given_name = models.CharField("first name", max_length=100, blank=True)
    family_name = models.CharField("last name", max_length=100, blank=True)
    birth_on = models.DateField("birth date", null=True, blank=True)
    age_about = models.PositiveSmallIntegerField("age, about", null=True, blank=True)
    age_told_on = models.DateField(null=True, blank=True)
    sex = models.CharField("sex for clinical use", max_length=8, choices=Sex, blank=True)
    pronouns = models.CharField(max_length=30, blank=True)
    language = models.CharField(max_length=40, blank=True, help_text="Blank: not asked.")
    needs_interpreter = models.BooleanField(null=True, blank=True)
    zone = models.CharField("time zone", max_length=64, blank=True)
    deceased_on = models.DateField(null=True, blank=True)
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    search_name = models.GeneratedField(
        expression=Func(
            Concat(F("given_name"), Value(" "), F("family_name")),
            function="handrail_searchable",
            output_field=models.TextField(),
        ),
        output_field=models.TextField(),
        db_persist=True,
    )

    objects = PersonQuerySet.as_manager()

    class Meta:
        indexes = [
            GinIndex(fields=["search_name"], opclasses=["gin_trgm_ops"], name="people_person_name_trgm"),
            models.Index(fields=["birth_on"], name="people_person_birth"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(age_about=None, age_told_on=None) | Q(age_about__isnull=False, age_told_on__isnull=False),
                name="people_person_age_has_day",
            ),
            models.CheckConstraint(condition=Q(age_about=None) | Q(age_about__lte=120), name="people_person_age"),
            models.CheckConstraint(condition=~Q(merged_into=F("id")), name="people_person_not_into_itself"),
        ]

    def __str__(self):
        return self.name

    @property
    def name(self):
        return f"{self.given_name} {self.family_name}".strip() or "No name yet"

    @property
    def short_name(self):
        """First name and initial, as boards show it."""
        if self.given_name and self.family_name:
            return f"{self.given_name} {self.family_name[0]}."
        return self.given_name or self.family_name or "No name"

    def age(self, today):
        """Whole years on `today` (date): exact from the birth date, else the age told plus years since; or None."""
        if self.birth_on:
            before = (today.month, today.day) < (self.birth_on.month, self.birth_on.day)
            return today.year - self.birth_on.year - before
        if self.age_about is not None:
            return self.age_about + (today - self.age_told_on).days // 365
        return None

    def is_minor(self, today):
        """True under 18, None while the age is unknown."""
        age = self.age(today)
        return None if age is None else age < 18

    def get_absolute_url(self):
        return reverse("admissions:person", args=[self.pk])


class KnownBecause(models.TextChoices):
    """How a facility came to know a person."""

    CONTACT = "contact", "First contact"
    TRANSFER = "transfer", "Transfer"
    REFERRAL = "referral", "Referral"


@pghistory.track()
class PersonAtFacility(models.Model):
    """The fact that a facility knows this person; what `visible_to` joins."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="known_at")
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="knows")
    because = models.CharField(max_length=10, choices=KnownBecause, default=KnownBecause.CONTACT)
    since = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "facility"], name="people_personatfacility_once")]
        indexes = [models.Index(fields=["facility", "person"], name="people_known_facility")]


class ContactKind(models.TextChoices):
    """A way to reach someone."""

    PHONE = "phone", "Phone"
    EMAIL = "email", "Email"
    ADDRESS = "address", "Address"


@pghistory.track()
class ContactPoint(UuidModel):
    """One way to reach one person, and what they said yes to.

    `value` is as told, `normal` what is compared: E.164 for a phone (or its digits where it is no
    valid number), lower case for e-mail. The `ok_to_*` answers are yes, no, or None: not asked; only
    yes permits. Hours are wall-clock times in the person's zone.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="contact_points")
    kind = models.CharField(max_length=8, choices=ContactKind)
    value = models.CharField(max_length=254)
    normal = models.CharField(max_length=254, editable=False)
    label = models.CharField(max_length=40, blank=True, help_text="For example: work, her mother's.")
    ok_to_call = models.BooleanField("ok to call", null=True, blank=True)
    ok_to_voicemail = models.BooleanField("ok to leave voicemail", null=True, blank=True)
    ok_to_text = models.BooleanField("ok to text", null=True, blank=True)
    ok_to_email = models.BooleanField("ok to email", null=True, blank=True)
    best_from = models.TimeField(null=True, blank=True)
    best_until = models.TimeField(null=True, blank=True)
    is_preferred = models.BooleanField(default=False)
    is_shared = models.BooleanField("shared with others", default=False)
    wrong_since = models.DateTimeField(null=True, blank=True, help_text="A wrong number is kept, and never used.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfVisiblePerson.as_manager()

    class Meta:
        ordering = ["-is_preferred", "created_at"]
        indexes = [
            models.Index(fields=["normal"], name="people_contactpoint_normal"),
            GinIndex(fields=["normal"], opclasses=["gin_trgm_ops"], name="people_contactpoint_trgm"),
            models.Index(fields=["person", "kind"], name="people_contactpoint_person"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["person", "kind", "normal"], name="people_contactpoint_once"),
            models.CheckConstraint(condition=~Q(normal=""), name="people_contactpoint_has_value"),
            models.CheckConstraint(
                condition=Q(best_from=None, best_until=None) | Q(best_from__lt=F("best_until")),
                name="people_contactpoint_hours",
            ),
        ]

    def __str__(self):
        return f"{self.get_kind_display()} of {self.person_id}"


class Relation(models.TextChoices):
    """What the other one is to the person: "Renata is Devin's mother"."""

    SELF = "self", "The person"
    MOTHER = "mother", "Mother"
    FATHER = "father", "Father"
    PARTNER = "partner", "Partner or spouse"
    CHILD = "child", "Son or daughter"
    SIBLING = "sibling", "Brother or sister"
    RELATIVE = "relative", "Other relative"
    FRIEND = "friend", "Friend"
    GUARDIAN = "guardian", "Legal guardian"
    PROFESSIONAL = "professional", "Professional"
    OTHER = "other", "Someone else"
    UNKNOWN = "unknown", "Not known yet"


@pghistory.track()
class Relationship(models.Model):
    """`other` is the `relation` of `person`; `may_sign` when the law lets them sign for a minor (42 CFR 2.14)."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="relationships")
    other = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="related_to")
    relation = models.CharField(max_length=14, choices=Relation)
    may_sign = models.BooleanField(null=True, blank=True)
    is_emergency_contact = models.BooleanField(default=False)

    objects = OfVisiblePerson.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "other"], name="people_relationship_once"),
            models.CheckConstraint(condition=~Q(person=F("other")), name="people_relationship_of_two"),
        ]


class OrganizationKind(models.TextChoices):
    """Outside bodies that send, receive, pay or ask."""

    HOSPITAL = "hospital", "Hospital"
    TREATMENT = "treatment", "Other treatment center"
    SOBER_HOME = "sober_home", "Sober home"
    THERAPIST = "therapist", "Therapist or practice"
    COURT = "court", "Court or probation"
    EMPLOYER = "employer", "Employer or EAP"
    PAYER = "payer", "Payer"
    ALUMNI = "alumni", "Alumni"
    INTERVENTIONIST = "interventionist", "Interventionist"
    OTHER = "other", "Other"


@pghistory.track()
class Organization(UuidModel, Versioned):
    """An outside body; what a consent names as recipient. Known to the whole organization."""

    name = models.CharField(max_length=160)
    kind = models.CharField(max_length=16, choices=OrganizationKind)
    phone = models.CharField(max_length=30, blank=True)
    email = models.EmailField(blank=True)
    street = models.CharField(max_length=120, blank=True)
    city = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=2, blank=True)
    postal_code = models.CharField(max_length=12, blank=True)
    is_part2_or_hipaa = models.BooleanField("covered entity, business associate or part 2 program", default=False)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["name", "city", "state"], name="people_organization_once"),
        ]
        indexes = [GinIndex(fields=["name"], opclasses=["gin_trgm_ops"], name="people_organization_trgm")]

    def __str__(self):
        return self.name


class ReadEvent(models.Model):
    """One response that showed persons: who, when, which page, whom. Append-only.

    `page` is a route name, never an address with content. Written in the transaction of the
    response; if it cannot be written there is no page (I-32). An unchanged poll adds none.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    page = models.CharField(max_length=80)
    person_ids = ArrayField(models.UUIDField())
    facility = models.ForeignKey(Facility, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [
            GinIndex(fields=["person_ids"], name="people_readevent_persons"),
            models.Index(fields=["user", "-at"], name="people_readevent_user"),
        ]

    def __str__(self):
        return self.page
