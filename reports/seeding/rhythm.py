"""When people call and when offices answer: pure functions of a random generator and the clock."""

import datetime as dt

from core.times import instant

# Calls by local hour, midnight first; the desk is quieter at night and never silent.
HOURS = [2, 1, 1, 1, 1, 1, 3, 6, 10, 13, 14, 13, 11, 12, 13, 12, 11, 9, 8, 7, 6, 5, 4, 3]
WEEKDAYS = [13, 12, 11, 11, 10, 7, 6]  # Monday first
GROWTH = 2.2  # the last day of the year sees this many times the calls of the first


def openings(rng, count, *, start, end, zone):
    """`count` instants between `start` and `end` (aware), sorted: more by day than by night, more on Mondays,
    more of late than a year ago."""
    first, days = start.date(), max((end - start).days, 1)
    weights = [WEEKDAYS[(first + dt.timedelta(days=n)).weekday()] * (1 + (GROWTH - 1) * n / days) for n in range(days)]
    for n in range(max(days - 5, 0), days):
        weights[n] *= 0.4  # today's scene tells most of the last days itself
    chosen = rng.choices(range(days), weights, k=count)
    hours = rng.choices(range(24), HOURS, k=count)
    found = [
        instant(first + dt.timedelta(days=n), dt.time(hour, rng.randrange(60), rng.randrange(60)), zone)
        for n, hour in zip(chosen, hours, strict=True)
    ]
    return sorted(min(max(at, start), end - dt.timedelta(minutes=rng.randrange(30, 600))) for at in found)


def office(at, zone, opens=8, closes=18):
    """`at`, or the next morning just after opening when the desk by day is not there (aware instants)."""
    local = at.astimezone(zone)
    if opens <= local.hour < closes:
        return at
    day = local.date() + dt.timedelta(days=local.hour >= closes)
    return instant(day, dt.time(opens, local.minute), str(zone))


def around(rng, minutes):
    """A span of about `minutes`, long tail to the late side (timedelta)."""
    return dt.timedelta(minutes=min(minutes * rng.lognormvariate(0, 0.7), minutes * 12))


def round_up(at, minutes=15):
    """The next full `minutes` of the clock at or after `at`, as a promise is spoken (aware)."""
    step = dt.timedelta(minutes=minutes)
    past = dt.timedelta(minutes=at.minute % minutes, seconds=at.second, microseconds=at.microsecond)
    return at if not past else at - past + step
