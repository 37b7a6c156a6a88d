"""When a message may reach a person: the time rule of privacy.md 7.2, pure arithmetic.

Staff are exempt; who is asked about is decided in the engine.
"""

import datetime as dt
from zoneinfo import ZoneInfo

from core.times import instant

# 47 CFR 64.1200(c)(1), narrowed at its start to our rule: 8:00 am is allowed, 9:00 pm is not.
HARD_START, HARD_END = dt.time(8), dt.time(21)
# Nothing known about where somebody lives: allowed everywhere from one coast to the other.
NOWHERE_KNOWN = ("America/Los_Angeles", "America/New_York")
SEARCH = dt.timedelta(days=14)


def next_allowed(now, zones, window, expires_at):
    """The first instant from `now` (aware) on that lies inside `window` in every one of `zones`.

    `zones` are IANA names; none means that nothing is known, and then both coasts count. `window` is a
    pair of local times, [start, end), which may narrow the hard limits 8:00 to 21:00 and never widen
    them. Returns an aware UTC instant, or None when it would be later than `expires_at` (aware, or
    None: never too late), or when the windows do not meet within two weeks.
    """
    start, end = max(window[0], HARD_START), min(window[1], HARD_END)
    places = [ZoneInfo(zone) for zone in dict.fromkeys(zones or NOWHERE_KNOWN)]
    at = now.astimezone(dt.UTC)
    latest = at + SEARCH if expires_at is None else min(at + SEARCH, expires_at)
    while start < end and at <= latest:
        later = max(_opening(at, place, start, end) for place in places)
        if later == at:
            return at
        at = later
    return None


def _opening(at, place, start, end):
    """`at` itself when the window is open there, else the instant of its next opening."""
    local = at.astimezone(place)
    if start <= local.time() < end:
        return at
    day = local.date()
    while (opening := instant(day, start, place.key)) <= at:
        day += dt.timedelta(days=1)
    return opening
