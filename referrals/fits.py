"""Why a partner fits, or does not: reasons for the page, computed from rows already loaded."""

from dataclasses import dataclass

from programs.enums import Category

AT_MOST = 3  # partners asked at once; the person chooses


@dataclass(frozen=True)
class Reason:
    """One line beside a partner: `icon`, `meaning` of the look, and the words."""

    icon: str
    meaning: str
    words: str


@dataclass(frozen=True)
class Fit:
    """One partner as a choice. `is_out`: visible, with its reason, but cannot be ticked. `word` says it."""

    partner: object
    is_out: bool
    word: str
    reasons: tuple
    consent: object = None
    tally: object = None
    open_referral: object = None


def fit(partner, *, category, answer, tally=None, open_referral=None):
    """How `partner` fits somebody who needs `category` (or "", not said), given consent's `answer`.

    `answer` is (consent or None, reason code or "") as `privacy.services.preview` gives it.
    """
    consent, code = answer
    reasons = [_level(partner, category), _consent(code), Reason("question-lg", "quiet", "Plan: ask them")]
    if open_referral is not None:
        reasons.insert(0, Reason("hourglass-split", "quiet", f"Asked already: {open_referral.get_state_display()}"))
    wrong_level = bool(category and partner.takes and category not in partner.takes)
    is_out = wrong_level or bool(code) or open_referral is not None
    if wrong_level:
        word = "Does not fit"
    elif open_referral is not None:
        word = "Asked"
    elif code:
        word = "No consent"
    else:
        word = "Fits" if category and category in partner.takes else "May be asked"
    return Fit(partner, is_out, word, tuple(reasons), consent if not code else None, tally, open_referral)


def in_order(fits):
    """By fit, then by name: never by who sends us people (18 USC 220)."""
    return sorted(fits, key=lambda one: (one.is_out, str(one.partner).casefold(), str(one.partner.pk)))


def _level(partner, category):
    if not partner.takes:
        return Reason("question-lg", "quiet", "Levels they take are not on file")
    if not category:
        return Reason("question-lg", "quiet", "Level not said yet")
    label = Category(category).label
    if category in partner.takes:
        return Reason("check-lg", "ok", f"{label}")
    return Reason("x-lg", "quiet", f"Does not take: {label.lower()}")


_CONSENT_WORDS = {
    "no_consent": "No consent names them",
    "wrong_recipient": "No consent names them",
    "wrong_purpose": "Consent is not for a referral",
    "outside_scope": "Consent does not include all of this",
    "not_yet": "Consent is dated in the future",
    "expired": "Consent has expired",
    "superseded": "Consent was replaced",
    "revoked": "Consent was taken back",
}


def _consent(code):
    if not code:
        return Reason("check-lg", "ok", "Consent allows it")
    return Reason("lock", "quiet", _CONSENT_WORDS.get(code, "No consent"))
