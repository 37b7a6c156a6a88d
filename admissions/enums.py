"""Vocabulary of inquiries and calls, and the one table of allowed moves."""

from django.db import models


class Channel(models.TextChoices):
    """How the request reached us."""

    CALL = "call", "Call"
    WEB = "web", "Web inquiry"
    REFERRAL = "referral", "Referral"
    WALK_IN = "walk_in", "Walk-in"


class Source(models.TextChoices):
    """How they found us, as they say it."""

    UNKNOWN = "unknown", "Not asked"
    SEARCH = "search", "Web search"
    AD = "ad", "Advertisement"
    FAMILY = "family", "Family or friend"
    ALUMNI = "alumni", "Former patient"
    PARTNER = "partner", "Referral partner"
    INSURANCE = "insurance", "Insurance"
    RETURNING = "returning", "Was here before"
    OTHER = "other", "Other"


class Stage(models.TextChoices):
    """Where an inquiry stands, from the first word to admission."""

    NEW = "new", "New"
    PRE_SCREEN = "pre_screen", "Pre-screen"
    BENEFITS = "benefits", "Benefits"
    DECISION = "decision", "Decision"
    SCHEDULED = "scheduled", "Scheduled"
    ADMITTED = "admitted", "In care"
    CLOSED = "closed", "Closed"


NEXT_STAGES = {
    Stage.NEW: {Stage.PRE_SCREEN, Stage.BENEFITS, Stage.DECISION, Stage.SCHEDULED, Stage.CLOSED},
    Stage.PRE_SCREEN: {Stage.BENEFITS, Stage.DECISION, Stage.SCHEDULED, Stage.CLOSED},
    Stage.BENEFITS: {Stage.PRE_SCREEN, Stage.DECISION, Stage.SCHEDULED, Stage.CLOSED},
    Stage.DECISION: {Stage.PRE_SCREEN, Stage.BENEFITS, Stage.SCHEDULED, Stage.CLOSED},
    Stage.SCHEDULED: {Stage.DECISION, Stage.ADMITTED, Stage.CLOSED},
    Stage.ADMITTED: set(),
    Stage.CLOSED: {Stage.NEW},  # reopened
}
OPEN_STAGES = [Stage.NEW, Stage.PRE_SCREEN, Stage.BENEFITS, Stage.DECISION, Stage.SCHEDULED]


class ClosedBecause(models.TextChoices):
    """Why an inquiry ended without admission."""

    DECLINED = "declined", "We could not take the person"
    REFERRED_OUT = "referred_out", "Referred elsewhere"
    CHOSE_OTHER = "chose_other", "Chose another place"
    NOT_NOW = "not_now", "Not ready now"
    UNREACHED = "unreached", "Could not be reached"
    COVERAGE = "coverage", "Coverage or cost"
    NO_BED = "no_bed", "No bed"
    INFORMATION = "information", "Wanted information only"
    SPAM = "spam", "Not an inquiry"
    DUPLICATE = "duplicate", "Same as another inquiry"


class Direction(models.TextChoices):
    """Who called whom."""

    IN = "in", "Incoming"
    OUT = "out", "Outgoing"


class CallOutcome(models.TextChoices):
    """How a call or attempt ended; only `reached` is a conversation."""

    REACHED = "reached", "Reached"
    VOICEMAIL = "voicemail", "Left voicemail"
    NO_ANSWER = "no_answer", "No answer"
    BUSY = "busy", "Busy"
    WRONG_NUMBER = "wrong_number", "Wrong number"
    ABANDONED = "abandoned", "Caller hung up"
    DECLINED = "declined", "Did not want to talk"


class Danger(models.TextChoices):
    """The answer to the grouped danger question."""

    NONE = "none", "No one is in danger"
    YES = "yes", "Yes, somebody is"
    CANNOT_TELL = "cannot_tell", "They cannot tell"


class SafetyAction(models.TextChoices):
    """What was done about a danger."""

    CALLED_911 = "called_911", "911 was called"
    CALLER_CALLS_911 = "caller_calls_911", "The caller calls 911"
    JOINED_988 = "joined_988", "988 joined the call"
    AT_HOSPITAL = "at_hospital", "Already with emergency services"
    REFUSED = "refused", "Refused help"
    LINE_LOST = "line_lost", "The line was lost"
    MISTAKE = "mistake", "Answered by mistake"


class Route(models.TextChoices):
    """How a substance is taken (TEDS ROUTE)."""

    ORAL = "oral", "Mouth or drink"
    SMOKED = "smoked", "Smoked"
    INHALED = "inhaled", "Nose"
    INJECTED = "injected", "Injected"
    OTHER = "other", "Other"
    UNKNOWN = "unknown", "Unknown"
    NOT_ASKED = "not_asked", "Not asked"


class Setting(models.TextChoices):
    """Supervised or prescribed use against misuse."""

    RECREATIONAL = "recreational", "Recreational"
    MEDICAL = "medical", "Medical"
    BOTH = "both", "Both"
    UNKNOWN = "unknown", "Unknown"
    NOT_ASKED = "not_asked", "Not asked"


class DecisionOutcome(models.TextChoices):
    """What the clinician decided."""

    ACCEPTED = "accepted", "Accepted"
    DECLINED = "declined", "Declined"
    MORE_INFORMATION = "more_information", "More information needed"
