"""When a consent permits a disclosure: pure functions over rows already loaded, no query and no lock.

`privacy.services.permit` locks first and then asks these; pages ask them to show what would be answered.
"""

from people.models import Organization
from privacy.enums import ConsentKind, ConsentState, ContentClass, Purpose

# The one TPO consent covers these purposes and no other (42 CFR 2.31(a)(5), 2.33).
TPO_PURPOSES = frozenset({Purpose.TREATMENT, Purpose.PAYMENT, Purpose.OPERATIONS})
NOTES = frozenset({ContentClass.COUNSELING_NOTES})

# Reasons against one consent, from the one that misses most to the one that nearly permits.
NEAREST_LAST = (
    "wrong_recipient",
    "wrong_purpose",
    "outside_scope",
    "not_yet",
    "superseded",
    "expired",
    "revoked",
    "",
)


def state(consent, at):
    """A `ConsentState` at `at` (aware): what has ended counts before what has not begun.

    `expires_on` is the last day, by the calendar of the consent's facility. A consent that ends with an event
    counts until it is revoked or replaced.
    """
    if getattr(consent, "revocation", None):
        return ConsentState.REVOKED
    if getattr(consent, "superseded_by", None):
        return ConsentState.SUPERSEDED
    if consent.signed_at > at:
        return ConsentState.NOT_YET
    if consent.expires_on and consent.facility.today(at) > consent.expires_on:
        return ConsentState.EXPIRED
    return ConsentState.IN_FORCE


def why_not(consent, *, recipient, purpose, classes, at):
    """The reason code why `consent` does not permit this, or "" when it does.

    `recipient` is an Organization or a Person, `classes` a frozenset of `ContentClass`, `at` aware.
    """
    if not covers_recipient(consent, recipient):
        return "wrong_recipient"
    if purpose not in consent.purposes or (consent.kind == ConsentKind.TPO and purpose not in TPO_PURPOSES):
        return "wrong_purpose"
    if not classes <= set(consent.classes):
        return "outside_scope"
    standing = state(consent, at)
    return "" if standing == ConsentState.IN_FORCE else standing.value


def covers_recipient(consent, recipient):
    """Whether the consent names `recipient`, or is the one TPO consent and it is a covered entity.

    TPO is no blank check: an employer, a court, a relative or a sober home that is no provider needs a
    consent of its own (domain: privacy, section 2).
    """
    is_organization = isinstance(recipient, Organization)
    if consent.kind == ConsentKind.TPO:
        return is_organization and recipient.is_part2_or_hipaa
    return any(
        (named.organization_id if is_organization else named.person_id) == recipient.pk
        for named in consent.recipients.all()
    )


def choose(consents, **ask):
    """(consent, "") for the first that permits, else (the nearest one or None, its reason code)."""
    nearest, reason = None, "no_consent"
    for consent in consents:
        code = why_not(consent, **ask)
        if not code:
            return consent, ""
        if nearest is None or NEAREST_LAST.index(code) > NEAREST_LAST.index(reason):
            nearest, reason = consent, code
    return nearest, reason
