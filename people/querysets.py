"""What we ask about people, always within what the user may see."""

from django.db import models
from django.db.models import Exists, OuterRef


class PersonQuerySet(models.QuerySet):
    def visible_to(self, user, permission):
        """Persons known to a facility where `user` holds `permission`."""
        from people.models import PersonAtFacility  # models import this module

        known = PersonAtFacility.objects.filter(person=OuterRef("pk"), facility__in=user.facility_ids(permission))
        return self.filter(Exists(known), merged_into=None)

    def known_here(self, facility):
        """Adds `is_known_here`: whether `facility` itself knows the person."""
        from people.models import PersonAtFacility  # models import this module

        here = PersonAtFacility.objects.filter(person=OuterRef("pk"), facility=facility)
        return self.annotate(is_known_here=Exists(here))


class OfVisiblePerson(models.QuerySet):
    """Rows with a `person`: visible exactly where the person is."""

    def visible_to(self, user, permission):
        from people.models import PersonAtFacility

        known = PersonAtFacility.objects.filter(person=OuterRef("person"), facility__in=user.facility_ids(permission))
        return self.filter(Exists(known))
