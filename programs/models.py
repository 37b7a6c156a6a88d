"""What a facility offers, which bed is whose, and who is in care where."""

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from accounts.models import Facility
from accounts.querysets import FacilityScoped
from core.models import UuidModel, Versioned
from people.models import ContactPoint, Person
from programs.enums import (
    AppointmentKind,
    AppointmentState,
    BedKind,
    Category,
    DischargeType,
    Edition,
    PlacementReason,
    TakenBy,
    UseKind,
    UseState,
)
from programs.querysets import (
    AppointmentQuerySet,
    BedQuerySet,
    BedUseQuerySet,
    HoldQuerySet,
    PlacementQuerySet,
    StayQuerySet,
    UnitQuerySet,
)


@pghistory.track()
class Program(UuidModel, Versioned):
    """A service a facility offers at one level of care; the level code is a pair with its edition.

    Hold limits are settings of the program: `hold_minutes` by default, `hold_max_minutes` without a
    supervisor, `holds_each` open holds per coordinator.
    """

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="programs")
    name = models.CharField(max_length=80)
    category = models.CharField("level of care", max_length=14, choices=Category)
    level_edition = models.CharField("edition", max_length=1, choices=Edition, blank=True)
    level_code = models.CharField("level code", max_length=10, blank=True)
    planned_days = models.PositiveSmallIntegerField("usual length of stay (days)", null=True, blank=True)
    weekly_hours = models.DecimalField("clinical hours a week", max_digits=4, decimal_places=1, null=True, blank=True)
    hold_minutes = models.PositiveIntegerField("a hold lasts (minutes)", default=120)
    hold_max_minutes = models.PositiveIntegerField("at most, without a supervisor (minutes)", default=24 * 60)
    holds_each = models.PositiveSmallIntegerField("open holds per coordinator", default=3)
    position = models.PositiveSmallIntegerField(default=100)
    is_active = models.BooleanField(default=True)

    objects = FacilityScoped.as_manager()

    class Meta:
        ordering = ["position", "name"]
        constraints = [
            models.UniqueConstraint(fields=["facility", "name"], name="programs_program_once"),
            models.CheckConstraint(
                condition=Q(level_code="", level_edition="") | (~Q(level_code="") & ~Q(level_edition="")),
                name="programs_program_code_with_edition",
            ),
            models.CheckConstraint(
                condition=Q(hold_minutes__gte=1, hold_max_minutes__gte=F("hold_minutes")),
                name="programs_program_hold_limits",
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def has_beds(self):
        """False for seats: nobody sleeps there."""
        return self.category not in {Category.OP, Category.IOP, Category.PHP}


@pghistory.track()
class Unit(UuidModel):
    """A part of a program with beds or seats of its own."""

    program = models.ForeignKey(Program, on_delete=models.PROTECT, related_name="units")
    name = models.CharField(max_length=60)
    taken_by = models.CharField("for", max_length=8, choices=TakenBy, default=TakenBy.ANYONE)
    position = models.PositiveSmallIntegerField(default=100)

    objects = UnitQuerySet.as_manager()

    class Meta:
        ordering = ["position", "name"]
        constraints = [models.UniqueConstraint(fields=["program", "name"], name="programs_unit_once")]

    def __str__(self):
        return self.name


@pghistory.track()
class Bed(UuidModel):
    """A bed, or a numbered seat of an outpatient program."""

    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="beds")
    code = models.CharField(max_length=20)
    kind = models.CharField(max_length=4, choices=BedKind, default=BedKind.BED)
    room = models.CharField(max_length=20, blank=True)
    is_step_free = models.BooleanField("ground floor or elevator", default=False)
    is_active = models.BooleanField(default=True)

    objects = BedQuerySet.as_manager()

    class Meta:
        ordering = ["code"]
        constraints = [models.UniqueConstraint(fields=["unit", "code"], name="programs_bed_once")]

    def __str__(self):
        return self.code


@pghistory.track()
class BedUse(UuidModel):
    """One bed over one range of time, for one reason. The only table with the exclusion constraint.

    `period` is half-open and open-ended while nobody knows the end, so an overdue patient keeps the
    bed. `expires_at` belongs to holds: from that instant, by the database's clock, the use takes
    nothing, whether or not any process runs; the trigger marks it before the next write on that bed.
    """

    bed = models.ForeignKey(Bed, on_delete=models.PROTECT, related_name="uses")
    kind = models.CharField(max_length=10, choices=UseKind)
    state = models.CharField(max_length=10, choices=UseState, default=UseState.FIRM)
    period = DateTimeRangeField()
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = BedUseQuerySet.as_manager()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="programs_beduse_one_at_a_time",
                expressions=[("bed", RangeOperators.EQUAL), ("period", RangeOperators.OVERLAPS)],
                condition=Q(state="firm") & ~Q(kind="tentative"),
            ),
            ExclusionConstraint(
                name="programs_beduse_one_next_occupant",
                expressions=[("bed", RangeOperators.EQUAL), ("period", RangeOperators.OVERLAPS)],
                condition=Q(state="firm", kind="tentative"),
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["hold", "tentative"]) | Q(expires_at=None),
                name="programs_beduse_only_holds_expire",
            ),
            models.CheckConstraint(
                condition=~Q(kind="hold") | Q(expires_at__isnull=False), name="programs_beduse_hold_expires"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["hold", "tentative"]) | Q(state="firm"),
                name="programs_beduse_only_holds_end_early",
            ),
            models.CheckConstraint(
                condition=Q(period__isempty=False)
                & Q(period__lower_inf=False)
                & Q(period__lower_inc=True)
                & Q(period__upper_inc=False),
                name="programs_beduse_period",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state="firm"), name="programs_beduse_expiring"),
            # "Free since when": the newest end of each bed, however long its history.
            models.Index("bed", Func(F("period"), function="upper"), name="programs_beduse_ended"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="lapse_first",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                # A hold that is over by the clock makes way before anything firm is written on its bed, and
                # what is over stays over: it can be marked so, never revived nor turned into a placement.
                func="""
                    IF TG_OP = 'UPDATE' THEN
                        IF NEW.state IN ('firm', 'fulfilled')
                           AND (CASE OLD.state WHEN 'firm' THEN OLD.expires_at <= clock_timestamp()
                                ELSE NEW.state <> OLD.state END) THEN
                            RAISE EXCEPTION 'this use of the bed is over'
                                USING ERRCODE = 'check_violation', CONSTRAINT = 'programs_beduse_over_stays_over';
                        END IF;
                    END IF;
                    IF NEW.state = 'firm' THEN
                        UPDATE programs_beduse SET state = 'lapsed'
                         WHERE bed_id = NEW.bed_id AND id <> NEW.id
                           AND state = 'firm' AND expires_at <= clock_timestamp();
                    END IF;
                    RETURN NEW;
                """,
            )
        ]


@pghistory.track()
class BedHold(UuidModel, Versioned):
    """The promise of a bed to one person until a time; owns one `BedUse`.

    `request_id` is the id of the inquiry it was made for, if any (the room above this one).
    """

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="holds")
    use = models.OneToOneField(BedUse, on_delete=models.PROTECT, related_name="hold")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="holds")
    request_id = models.UUIDField(null=True, blank=True, db_index=True)
    reason = models.CharField(max_length=200)
    held_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="holds")
    held_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True, editable=False)
    released_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    release_reason = models.CharField(max_length=200, blank=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        ordering = ["use__expires_at"]
        indexes = [models.Index(fields=["person", "-held_at"], name="programs_bedhold_person")]


@pghistory.track()
class BedBlock(UuidModel):
    """A bed out of use, or being cleaned; owns one `BedUse`."""

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="bed_blocks")
    use = models.OneToOneField(BedUse, on_delete=models.PROTECT, related_name="block")
    reason = models.CharField(max_length=200)
    until = models.DateTimeField("expected back", null=True, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = FacilityScoped.as_manager()


@pghistory.track()
class Stay(UuidModel, Versioned):
    """Everything from admission to final discharge: a chain of placements.

    Length of stay is `discharged_at - admitted_at`, in days of the facility's calendar.
    """

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="stays")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="stays")
    request_id = models.UUIDField(null=True, blank=True, db_index=True)
    admitted_at = models.DateTimeField()
    admitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    planned_discharge_on = models.DateField(null=True, blank=True)
    discharged_at = models.DateTimeField(null=True, editable=False)
    discharge_type = models.CharField(max_length=16, choices=DischargeType, blank=True, editable=False)
    destination = models.CharField(max_length=200, blank=True)
    discharge_note = models.CharField(max_length=300, blank=True)

    objects = StayQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(discharged_at=None, discharge_type="")
                | (Q(discharged_at__isnull=False) & ~Q(discharge_type="")),
                name="programs_stay_discharge_has_type",
            ),
            models.CheckConstraint(
                condition=Q(discharged_at=None) | Q(discharged_at__gte=F("admitted_at")), name="programs_stay_in_order"
            ),
            models.UniqueConstraint(
                fields=["person", "facility"], condition=Q(discharged_at=None), name="programs_stay_one_open"
            ),
        ]
        indexes = [
            models.Index(fields=["facility", "-admitted_at"], name="programs_stay_admitted"),
            models.Index(fields=["facility", "-discharged_at"], name="programs_stay_discharged"),
            models.Index(fields=["person", "-admitted_at"], name="programs_stay_person"),
        ]

    def __str__(self):
        return f"Stay {self.pk}"


@pghistory.track()
class Placement(UuidModel, Versioned):
    """A person in a program from an instant on; owns one `BedUse`. One primary at any instant.

    The exclusion is per facility: refusing across facilities would tell one what the other knows.
    """

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="placements")
    stay = models.ForeignKey(Stay, on_delete=models.PROTECT, related_name="placements")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="placements")
    program = models.ForeignKey(Program, on_delete=models.PROTECT, related_name="placements")
    use = models.OneToOneField(BedUse, on_delete=models.PROTECT, related_name="placement")
    period = DateTimeRangeField()
    is_primary = models.BooleanField(default=True)
    reason = models.CharField(max_length=10, choices=PlacementReason)
    planned_end_on = models.DateField(null=True, blank=True)
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    objects = PlacementQuerySet.as_manager()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="programs_placement_one_primary",
                expressions=[
                    ("person", RangeOperators.EQUAL),
                    ("facility", RangeOperators.EQUAL),
                    ("period", RangeOperators.OVERLAPS),
                ],
                condition=Q(is_primary=True),
            ),
            models.CheckConstraint(
                condition=Q(period__isempty=False)
                & Q(period__lower_inf=False)
                & Q(period__lower_inc=True)
                & Q(period__upper_inc=False),
                name="programs_placement_period",
            ),
        ]
        indexes = [
            models.Index(
                fields=["facility", "program"],
                condition=Q(period__upper_inf=True),
                name="programs_placement_current",
            ),
            models.Index(fields=["stay"], name="programs_placement_stay"),
            models.Index(Func(F("period"), function="lower"), name="programs_placement_start"),
        ]

    def __str__(self):
        return f"Placement {self.pk}"

    def began_on(self, zone):
        """The calendar day in `zone` (ZoneInfo) on which it began."""
        return self.period.lower.astimezone(zone).date()

    def day_number(self, today, zone):
        """1 on the day it began, in the calendar of `zone`; `today` a date there."""
        return (today - self.began_on(zone)).days + 1

    def days_planned(self, zone):
        """Length of stay as planned, in days: the day of leaving does not count. None without a plan."""
        return (self.planned_end_on - self.began_on(zone)).days if self.planned_end_on else None

    def days_late(self, today):
        """Days past the planned end on `today`; 0 while there is time or no plan."""
        return max((today - self.planned_end_on).days, 0) if self.planned_end_on else 0


@pghistory.track()
class Appointment(UuidModel, Versioned):
    """A person expected at a place and time; the slot is wall-clock time in the facility's zone."""

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="appointments")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="appointments")
    kind = models.CharField(max_length=10, choices=AppointmentKind)
    on = models.DateField("day")
    time = models.TimeField()
    zone = models.CharField(max_length=64)
    starts_at = models.DateTimeField(editable=False)
    minutes = models.PositiveSmallIntegerField(default=60)
    place = models.CharField(max_length=120, blank=True)
    with_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="appointments"
    )
    remind_at = models.ForeignKey(
        ContactPoint, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name="remind by"
    )
    state = models.CharField(max_length=10, choices=AppointmentState, default=AppointmentState.BOOKED, editable=False)
    booked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        ordering = ["starts_at"]
        indexes = [
            models.Index(fields=["facility", "starts_at"], name="programs_appointment_day"),
            models.Index(fields=["person", "starts_at"], name="programs_appointment_person"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(minutes__gte=5, minutes__lte=480), name="programs_appointment_length"),
        ]
