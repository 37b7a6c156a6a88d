"""Which rows a user may see: joins from facilities to memberships, nothing else."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.permissions import FLAG_PERMISSIONS, ROLE_PERMISSIONS


class MembershipQuerySet(models.QuerySet):
    def current(self, at=None):
        """Memberships in force at `at` (aware, default now)."""
        at = at or timezone.now()
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=at), starts_at__lte=at)

    def of_user(self, user_id, at=None):
        """One user's memberships in force at open facilities, with user and facility, by facility name."""
        rows = self.current(at).filter(user=user_id, facility__is_active=True)
        return rows.select_related("user", "facility").order_by("facility__name", "pk")

    def granting(self, permission):
        """Memberships whose role or flags grant `permission`, by the one table."""
        roles = [role for role, granted in ROLE_PERMISSIONS.items() if permission in granted]
        rule = Q(role__in=roles)
        for flag, granted in FLAG_PERMISSIONS.items():
            if permission in granted:
                rule |= Q(**{flag: True})
        return self.filter(rule)


class FacilityQuerySet(models.QuerySet):
    def visible_to(self, user, permission):
        """Facilities where `user` holds `permission` now."""
        return self.filter(pk__in=user.facility_ids(permission))


class FacilityScoped(models.QuerySet):
    """Rows with a `facility`: visible where the user's membership grants the permission."""

    def visible_to(self, user, permission):
        """Rows at facilities where `user` holds `permission`. Every view starts here.

        The ids come from the memberships loaded with the request, so this costs no extra query
        and no superuser is an exception.
        """
        return self.filter(facility__in=user.facility_ids(permission))
