"""Vocabulary of partners and referrals, and the one table of allowed moves."""

from django.db import models


class Compensation(models.TextChoices):
    """What money passes between us; a closed list. Anything that varies with referrals is no choice (18 USC 220)."""

    NONE = "none", "None"
    FLAT_SERVICES = "flat_services", "Flat fee for services at fair market value"


class Direction(models.TextChoices):
    """Sent to us, or by us."""

    IN = "in", "In"
    OUT = "out", "Out"


class ReferralState(models.TextChoices):
    """The closed loop; every move is a `ReferralMove` with who and when."""

    DRAFT = "draft", "Draft"
    RECEIVED = "received", "Received"
    SENT = "sent", "Sent"
    SEEN = "seen", "Seen"
    NEEDS_INFORMATION = "needs_information", "Needs information"
    ACCEPTED = "accepted", "Accepted"
    DECLINED = "declined", "Declined"
    NO_CAPACITY = "no_capacity", "No capacity"
    UNREACHABLE = "unreachable", "Could not reach"
    ARRIVED = "arrived", "Arrived"
    NOT_ARRIVED = "not_arrived", "Did not arrive"
    WITHDRAWN = "withdrawn", "Withdrawn"


S = ReferralState
_ANSWERS = {S.SEEN, S.NEEDS_INFORMATION, S.ACCEPTED, S.DECLINED, S.NO_CAPACITY, S.UNREACHABLE, S.WITHDRAWN}
# The same loop both ways: whoever received it answers. A draft becomes sent only by `services.send`.
NEXT_STATES = {
    S.DRAFT: {S.SENT, S.WITHDRAWN},
    S.SENT: _ANSWERS,
    S.RECEIVED: _ANSWERS,
    S.SEEN: _ANSWERS - {S.SEEN},
    S.NEEDS_INFORMATION: _ANSWERS - {S.NEEDS_INFORMATION},
    S.UNREACHABLE: _ANSWERS - {S.UNREACHABLE},
    S.ACCEPTED: {S.ARRIVED, S.NOT_ARRIVED, S.WITHDRAWN},
    S.DECLINED: set(),
    S.NO_CAPACITY: set(),
    S.ARRIVED: set(),
    S.NOT_ARRIVED: set(),
    S.WITHDRAWN: set(),
}
CLOSED_STATES = [state for state, following in NEXT_STATES.items() if not following]
# Somebody will ask why; the answer is written while it is known.
NEEDS_REASON = {S.DECLINED, S.WITHDRAWN}


class Urgency(models.TextChoices):
    """When we ask again: 1, 3 or 14 days."""

    URGENT = "urgent", "Urgent"
    SOON = "soon", "Soon"
    ROUTINE = "routine", "Routine"


FOLLOW_UP_DAYS = {Urgency.URGENT: 1, Urgency.SOON: 3, Urgency.ROUTINE: 14}
