"""The last days of one or more facilities, each by its own calendar and clock."""

import datetime as dt
from dataclasses import dataclass, field

from django.db.models import Q
from django.utils import timezone

from core.times import instant

DAYS = (7, 30, 90)


@dataclass(frozen=True)
class Period:
    """The last `days` calendar days of `facilities`, today included, as seen at `now` (aware).

    Midnight is each facility's own: the same instant may lie inside for one and outside for another.
    """

    facilities: tuple
    days: int = 30
    now: dt.datetime = field(default_factory=timezone.now)

    def first_day(self, facility):
        return facility.today(self.now) - dt.timedelta(days=self.days - 1)

    def within(self, field):
        """Rows with a `facility` whose `field` (an instant) lies in the period."""
        return self._between(field, self.first_day)

    def today(self, field):
        """Rows whose `field` lies in the facility's today."""
        return self._between(field, lambda facility: facility.today(self.now))

    def here(self):
        """Rows of these facilities, whenever."""
        return Q(facility__in=[facility.pk for facility in self.facilities])

    def _between(self, field, first_day):
        rule = Q(pk__in=[])
        for facility in self.facilities:
            start = instant(first_day(facility), dt.time(0), facility.zone)
            end = instant(facility.today(self.now) + dt.timedelta(days=1), dt.time(0), facility.zone)
            rule |= Q(facility=facility.pk, **{f"{field}__gte": start, f"{field}__lt": end})
        return rule

    def dates(self):
        """Every day of the period, oldest first, over all facilities."""
        first = min(self.first_day(facility) for facility in self.facilities)
        last = max(facility.today(self.now) for facility in self.facilities)
        return [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
