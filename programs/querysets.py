"""What we ask about beds and stays."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.querysets import FacilityScoped


class InProgram(models.QuerySet):
    """Rows below a program: visible where the program's facility is."""

    path = "program__facility__in"

    def visible_to(self, user, permission):
        return self.filter(**{self.path: user.facility_ids(permission)})


class UnitQuerySet(InProgram):
    path = "program__facility__in"


class BedQuerySet(InProgram):
    path = "unit__program__facility__in"


class HoldQuerySet(FacilityScoped):
    def open(self, now=None):
        """Holds that hold: firm and not past their end by the clock."""
        return self.filter(use__state="firm", use__expires_at__gt=now or timezone.now())


class BedUseQuerySet(InProgram):
    path = "bed__unit__program__facility__in"

    def taking(self, at=None):
        """Uses that take their bed at `at` (aware, default now); a lapsed hold takes nothing."""
        at = at or timezone.now()
        return self.filter(state="firm", period__contains=at).filter(Q(expires_at=None) | Q(expires_at__gt=at))


class StayQuerySet(FacilityScoped):
    def current(self):
        return self.filter(discharged_at=None)


class PlacementQuerySet(FacilityScoped):
    def current(self):
        """Placements that have not ended."""
        return self.filter(period__upper_inf=True)
