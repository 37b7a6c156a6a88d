"""What we ask about beds and stays."""

from django.db import models
from django.db.models import Case, Exists, F, FilteredRelation, Func, OuterRef, Q, Subquery, Value, When
from django.utils import timezone

from accounts.querysets import FacilityScoped
from programs.enums import TakenBy, UseKind, UseState

# The clock that decides about holds is the database's: every process asks the same one.
CLOCK = Func(function="clock_timestamp", output_field=models.DateTimeField())
# The same clock at the start of the statement. It stands still while PostgreSQL searches, so an index can answer
# what takes a bed now; for pages that only look. Whoever decides behind a lock asks CLOCK.
GLANCE = Func(function="statement_timestamp", output_field=models.DateTimeField())
# Which unit a person's sex for clinical use fits; unknown and other fit everywhere and a person decides.
FITTING_UNITS = {"female": TakenBy.WOMEN, "male": TakenBy.MEN}


class InProgram(models.QuerySet):
    """Rows below a program: visible where the program's facility is."""

    path = "program__facility__in"

    def visible_to(self, user, permission):
        return self.filter(**{self.path: user.facility_ids(permission)})


class UnitQuerySet(InProgram):
    path = "program__facility__in"


class BedQuerySet(InProgram):
    path = "unit__program__facility__in"

    def in_use(self):
        """Beds and seats that exist for anybody: neither they nor their program are switched off."""
        return self.filter(is_active=True, unit__program__is_active=True)

    def free(self):
        """Beds that nothing firm takes at this instant, by the database's clock."""
        return self.filter(~Exists(_uses().taking_now().filter(bed=OuterRef("pk"))))

    def fitting(self, person):
        """Beds in units that take `person` (or anybody, when None or their sex is not known)."""
        fitting = FITTING_UNITS.get(person.sex) if person else None
        return self.filter(unit__taken_by__in=[TakenBy.ANYONE, fitting]) if fitting else self

    def with_free_since(self):
        """Adds `free_since`: when the newest use that is over ended, and `last_kind`: what it was."""
        over = _uses().filter(bed=OuterRef("pk"), period__endswith__lte=CLOCK).order_by("-period__endswith")
        return self.annotate(
            free_since=Subquery(over.values("period__endswith")[:1]), last_kind=Subquery(over.values("kind")[:1])
        )

    def ranked(self, facility_ids, person=None):
        """Best first: near, in a unit of their own (whose sex is not known: one for anyone), an elevator last,
        long free.
        """
        near = Case(
            *[When(unit__program__facility=pk, then=Value(n)) for n, pk in enumerate(facility_ids)], default=99
        )
        for_anyone = 1 if person and person.sex in FITTING_UNITS else -1
        own_unit = Case(When(unit__taken_by=TakenBy.ANYONE, then=Value(for_anyone)), default=Value(0))
        return self.order_by(
            near,
            "unit__program__position",
            own_unit,
            "is_step_free",
            F("free_since").asc(nulls_first=True),
            "code",
            "pk",
        )

    def for_board(self, facility):
        """Every bed of a facility in the order of the board; one that something takes now has it as `use_now`.

        At most one firm use takes a bed at an instant (the exclusion constraint), so a bed is one row.
        """
        firm = Q(uses__state=UseState.FIRM, uses__kind__in=[kind for kind in UseKind if kind != UseKind.TENTATIVE])
        is_on = Q(uses__period__contains=GLANCE) & (Q(uses__expires_at=None) | Q(uses__expires_at__gt=GLANCE))
        owners = [f"use_now__{owner}" for owner in ("hold__person", "hold__held_by", "placement__person", "block")]
        return (
            self.in_use()
            .filter(unit__program__facility=facility)
            .annotate(use_now=FilteredRelation("uses", condition=firm & is_on))
            .select_related("unit__program", *owners)
            .order_by("unit__program__position", "unit__program__name", "unit__position", "unit__name", "code", "pk")
        )


class HoldQuerySet(FacilityScoped):
    def open(self, now=None):
        """Holds that hold: firm and not past their end by the clock."""
        return self.filter(use__state="firm", use__expires_at__gt=now or timezone.now())

    def with_bed(self):
        return self.select_related("use__bed__unit__program__facility", "person", "held_by")


class BedUseQuerySet(InProgram):
    path = "bed__unit__program__facility__in"

    def taking(self, at=None):
        """Uses that take their bed at `at` (aware, default now); a lapsed hold takes nothing."""
        at = at or timezone.now()
        return self.exclusive().filter(period__contains=at).filter(Q(expires_at=None) | Q(expires_at__gt=at))

    def taking_now(self):
        """Uses that take their bed at this instant by the database's clock."""
        return self.exclusive().not_lapsed().filter(period__contains=CLOCK)

    def exclusive(self):
        """Uses that the exclusion constraint counts."""
        return self.filter(state=UseState.FIRM).exclude(kind=UseKind.TENTATIVE)

    def not_lapsed(self):
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=CLOCK))

    def lapsed(self):
        """Holds that are over by the database's clock and not marked so yet."""
        return self.filter(state=UseState.FIRM, expires_at__lte=CLOCK)


class StayQuerySet(FacilityScoped):
    def current(self):
        return self.filter(discharged_at=None)


class PlacementQuerySet(FacilityScoped):
    def current(self):
        """Placements that have not ended."""
        return self.filter(period__upper_inf=True)

    def for_list(self):
        """Everything the list of people in care reads, in the order of programs and beds."""
        return self.select_related("person", "program", "stay", "use__bed__unit").order_by(
            "program__position", "program__name", "use__bed__unit__name", "use__bed__code", "pk"
        )

    def with_therapies(self):
        """With their therapies of every state, modality and therapist: the room above, read backwards."""
        return self.prefetch_related("therapy_assignments__modality", "therapy_assignments__therapist")


class AppointmentQuerySet(FacilityScoped):
    def booked(self):
        return self.filter(state="booked")

    def for_list(self):
        return self.select_related("person", "with_user", "remind_at").order_by("starts_at", "pk")


def _uses():
    from programs.models import BedUse  # models import this module

    return BedUse.objects.all()
