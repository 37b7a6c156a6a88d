"""Where a person may be when a message arrives: the sources of privacy.md 7.2, first rule.

The area code of a number is left out, because a mobile number travels; only codes outside the
mainland count, where both coasts would be too narrow. That can delay a message and never widen its window.
"""

import re

from messaging.quiet_hours import NOWHERE_KNOWN

EASTERN, CENTRAL, MOUNTAIN, PACIFIC = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"
# States with two clocks have both; Arizona's one rests all year, but the Navajo Nation's does not.
STATES = {
    "AL": [CENTRAL], "AK": ["America/Anchorage", "America/Adak"], "AZ": ["America/Phoenix", MOUNTAIN],
    "AR": [CENTRAL], "CA": [PACIFIC], "CO": [MOUNTAIN], "CT": [EASTERN], "DE": [EASTERN], "DC": [EASTERN],
    "FL": [EASTERN, CENTRAL], "GA": [EASTERN], "HI": ["Pacific/Honolulu"], "ID": [MOUNTAIN, PACIFIC],
    "IL": [CENTRAL], "IN": [EASTERN, CENTRAL], "IA": [CENTRAL], "KS": [CENTRAL, MOUNTAIN],
    "KY": [EASTERN, CENTRAL], "LA": [CENTRAL], "ME": [EASTERN], "MD": [EASTERN], "MA": [EASTERN],
    "MI": [EASTERN, CENTRAL], "MN": [CENTRAL], "MS": [CENTRAL], "MO": [CENTRAL], "MT": [MOUNTAIN],
    "NE": [CENTRAL, MOUNTAIN], "NV": [PACIFIC, MOUNTAIN], "NH": [EASTERN], "NJ": [EASTERN], "NM": [MOUNTAIN],
    "NY": [EASTERN], "NC": [EASTERN], "ND": [CENTRAL, MOUNTAIN], "OH": [EASTERN], "OK": [CENTRAL],
    "OR": [PACIFIC, MOUNTAIN], "PA": [EASTERN], "RI": [EASTERN], "SC": [EASTERN], "SD": [CENTRAL, MOUNTAIN],
    "TN": [EASTERN, CENTRAL], "TX": [CENTRAL, MOUNTAIN], "UT": [MOUNTAIN], "VT": [EASTERN], "VA": [EASTERN],
    "WA": [PACIFIC], "WV": [EASTERN], "WI": [CENTRAL], "WY": [MOUNTAIN],
    "PR": ["America/Puerto_Rico"], "VI": ["America/St_Thomas"], "GU": ["Pacific/Guam"],
    "MP": ["Pacific/Saipan"], "AS": ["Pacific/Pago_Pago"],
}  # fmt: skip
AREAS = {
    "808": "HI", "907": "AK", "787": "PR", "939": "PR", "340": "VI", "671": "GU", "670": "MP", "684": "AS",
}  # fmt: skip
_STATE_AND_CODE = re.compile(r"\b([A-Z]{2})\b[,.]?\s+\d{5}(?:-\d{4})?\b")


def of_person(person, contact_points, facility):
    """IANA names of every zone the person may be in; the window must be open in all of them.

    Their confirmed zone alone; else the zones of their home address and of a number from outside the
    mainland; else both coasts and the facility's.
    """
    if person.zone:
        return [person.zone]
    zones = []
    for point in contact_points:
        if point.kind == "address":
            zones += [zone for state in _STATE_AND_CODE.findall(point.value) for zone in STATES.get(state, [])]
        elif point.kind == "phone" and point.normal.startswith("+1"):
            zones += STATES.get(AREAS.get(point.normal[2:5], ""), [])
    has_home = any(point.kind == "address" for point in contact_points) and zones
    if not has_home:
        zones += [*NOWHERE_KNOWN, facility.zone]
    return list(dict.fromkeys(zones))
