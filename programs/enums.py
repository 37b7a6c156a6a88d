"""Vocabulary of programs, beds and stays."""

from django.db import models


class Category(models.TextChoices):
    """Our plain level-of-care categories, least to most intensive (domain: levels of care, section 2)."""

    RECOVERY_RES = "recovery_res", "Transitional living"
    OP = "op", "Outpatient"
    IOP = "iop", "Intensive outpatient"
    PHP = "php", "Partial hospitalization"
    RES_LOW = "res_low", "Residential, low intensity"
    RES_HIGH = "res_high", "Residential"
    RES_MED = "res_med", "Detox"
    HOSP = "hosp", "Hospital"


class Edition(models.TextChoices):
    """A level code means something only together with its edition."""

    THIRD = "3", "3rd edition (2013)"
    FOURTH = "4", "4th edition (2023)"


class BedKind(models.TextChoices):
    """An outpatient seat is a numbered bed of kind seat."""

    BED = "bed", "Bed"
    SEAT = "seat", "Seat"


class TakenBy(models.TextChoices):
    """Who a unit is for."""

    ANYONE = "anyone", "Anyone"
    WOMEN = "women", "Women"
    MEN = "men", "Men"


class UseKind(models.TextChoices):
    """Why a bed is not free."""

    HOLD = "hold", "Hold"
    PLACEMENT = "placement", "Placement"
    BLOCK = "block", "Blocked"
    CLEANING = "cleaning", "Cleaning"
    TENTATIVE = "tentative", "Next occupant"


class UseState(models.TextChoices):
    """`firm` counts in the exclusion constraint; the others are history."""

    FIRM = "firm", "Firm"
    LAPSED = "lapsed", "Lapsed"
    RELEASED = "released", "Released"
    FULFILLED = "fulfilled", "Became a placement"


class DischargeType(models.TextChoices):
    """How a stay ended."""

    COMPLETED = "completed", "Completed"
    TRANSFERRED = "transferred", "Transferred"
    AGAINST_ADVICE = "against_advice", "Left against advice"
    ADMINISTRATIVE = "administrative", "Administrative"
    REFERRED = "referred", "Referred elsewhere"
    DECEASED = "deceased", "Deceased"
    OTHER = "other", "Other"


class PlacementReason(models.TextChoices):
    """Why this placement began."""

    ADMISSION = "admission", "Admission"
    STEP_DOWN = "step_down", "Step down"
    STEP_UP = "step_up", "Step up"
    TRANSFER = "transfer", "Transfer"


class AppointmentState(models.TextChoices):
    """A booked appointment becomes kept, missed or cancelled."""

    BOOKED = "booked", "Booked"
    KEPT = "kept", "Kept"
    MISSED = "missed", "Did not arrive"
    CANCELLED = "cancelled", "Cancelled"


class AppointmentKind(models.TextChoices):
    """What the person is expected for."""

    ASSESSMENT = "assessment", "Assessment"
    TOUR = "tour", "Tour"
    ADMISSION = "admission", "Arrival"
    CALL = "call", "Telephone appointment"
    SESSION = "session", "Session"
