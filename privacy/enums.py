"""The words of 42 CFR part 2 as the rule has them (as amended by 89 FR 12472)."""

from django.db import models


class ConsentKind(models.TextChoices):
    """A consent is exactly one of these (42 CFR 2.31, 2.35; domain: never combined)."""

    TPO = "tpo", "Treatment, payment and health care operations"
    SPECIFIC = "specific", "One named disclosure"
    COUNSELING_NOTES = "counseling_notes", "SUD counseling notes only"
    PROCEEDINGS = "proceedings", "Civil, criminal, administrative or legislative proceedings"
    CRIMINAL_JUSTICE = "criminal_justice", "Criminal justice (2.35)"


class ContentClass(models.TextChoices):
    """What kind of information is told. Whatever is in no class cannot be told."""

    PRESENCE = "presence", "That the person is or was here"
    DATES = "dates", "Dates of arrival and departure"
    DEMOGRAPHICS = "demographics", "Name, birth date and how to reach the person"
    INSURANCE = "insurance", "Insurance and benefits"
    TREATMENT = "treatment", "Level of care, attendance, progress"
    CLINICAL = "clinical", "Substances, assessments, medical facts"
    COUNSELING_NOTES = "counseling_notes", "SUD counseling notes"


class Purpose(models.TextChoices):
    """Why it is told."""

    TREATMENT = "treatment", "Treatment"
    PAYMENT = "payment", "Payment"
    OPERATIONS = "operations", "Health care operations"
    REFERRAL = "referral", "Referral"
    FAMILY = "family", "Involving family or friends"
    COURT = "court", "Court, probation or parole"
    EMPLOYER = "employer", "Employer or EAP"
    AT_REQUEST = "at_request", "At the request of the patient"


class SignerRole(models.TextChoices):
    """Who signed (42 CFR 2.31(a)(8), 2.14, 2.15)."""

    PATIENT = "patient", "The patient"
    MINOR = "minor", "The minor patient, who may consent to treatment alone"
    PARENT = "parent", "Parent or guardian together with the minor"
    REPRESENTATIVE = "representative", "Legal representative"


class SignatureHow(models.TextChoices):
    """How the signature was given; an oral consent is none."""

    PAPER = "paper", "Signed on paper, scan on file"
    ELECTRONIC = "electronic", "Signed electronically"


class Basis(models.TextChoices):
    """On what ground something was told."""

    CONSENT = "consent", "Written consent (2.31)"
    EMERGENCY = "emergency", "Medical emergency (2.51)"


class ConsentState(models.TextChoices):
    """What a consent is worth at one instant; only `in_force` permits anything."""

    IN_FORCE = "in_force", "In force"
    NOT_YET = "not_yet", "Not signed yet"
    EXPIRED = "expired", "Expired"
    SUPERSEDED = "superseded", "Replaced by a newer one"
    REVOKED = "revoked", "Revoked"


class Ladder(models.TextChoices):
    """How much the voice may say to somebody on the telephone; each step includes those before it."""

    NOTHING = "nothing", "Nothing"
    DATES = "dates", "Dates"
    INSURANCE = "insurance", "Insurance"
    CLINICAL = "clinical", "Clinical"
