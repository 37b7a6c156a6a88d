"""Referrals in and out, with the consent and the disclosure that must come before the second kind."""

import datetime as dt

from privacy.models import Consent, ConsentRecipient, Disclosure
from referrals.models import CLOSED_STATES, Referral, ReferralMove
from reports.seeding.ledger import days

try:
    from privacy.notices import STATEMENT_1 as NOTICE
except ImportError:
    NOTICE = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."  # 2.32(a)(2)

# The wording of a center's own form is the center's; these sentences stand in for it.
REVOCATION = "In writing to the office at any time, except where it was already relied on."
WHAT = {"referral": "My name, how to reach me, the level of care I ask for, and what I use",
        "family": "Whether I am here, and the dates of arrival and departure"}  # fmt: skip
REASONS = {"declined": "Needs another level of care", "no_capacity": "No bed in the next days",
           "unreachable": "Four tries without an answer"}  # fmt: skip
CLASSES = {"referral": ["presence", "dates", "demographics", "treatment", "clinical"], "family": ["presence", "dates"]}


def referral_in(demo, facility, partner, person, *, at, made_by, moves=(), reason, category="res_med"):
    """A person sent to us: received at `at`, then `moves` [(state, at)]."""
    return _referral(demo, facility, partner, person, "in", [("received", at), *moves], made_by, reason, category)


def referral_out(demo, facility, partner, person, *, at, made_by, moves=(), reason, category="res_med"):
    """A person sent by us: consent signed an hour before, told with the notice, then `moves` [(state, at)]."""
    consent = consent_for(demo, facility, person, at=at - dt.timedelta(hours=1), by=made_by, to=partner.organization)
    disclosure = demo.ledger.add(
        Disclosure,
        person=person,
        facility=facility,
        basis="consent",
        consent=consent,
        organization=partner.organization,
        purpose="referral",
        classes=CLASSES["referral"],
        what="Referral with name, level asked for and substances",
        how="Telephone",
        notice=NOTICE,
        consent_copy=f"{consent.what}. Until {consent.expires_on:%B %-d, %Y}.",
        at=at,
        by=made_by,
    )
    row = _referral(
        demo, facility, partner, person, "out", [("draft", at), ("sent", at), *moves], made_by, reason, category
    )
    row.disclosure = disclosure
    row.follow_up_on = facility.today(at) + days(3)
    return row


def _referral(demo, facility, partner, person, direction, moves, by, reason, category):
    row = demo.ledger.add(
        Referral,
        direction=direction,
        facility=facility,
        partner=partner,
        person=person,
        category=category,
        reason=reason,
        urgency="soon",
        made_by=by,
        made_at=moves[0][1],
    )
    before = ""
    for state, at in moves:
        move(demo, row, state, at, before=before, by=by)
        before = state
    return row


def move(demo, referral, state, at, *, before, by):
    """`referral` is in `state` since `at`; a no says why."""
    why = REASONS.get(state, "")
    demo.ledger.add(ReferralMove, referral=referral, from_state=before, to_state=state, at=at, by=by, reason=why)
    referral.state, referral.state_reason = state, why
    referral.closed_at = at if state in CLOSED_STATES else None


def consent_for(demo, facility, person, *, at, by, to=None, to_person=None, purpose="referral", lasts=90):
    """A specific consent signed by the person, for one organization or one person, `lasts` days."""
    consent = demo.ledger.add(
        Consent,
        person=person,
        facility=facility,
        kind="specific",
        discloser=facility.name,
        classes=CLASSES[purpose],
        what=WHAT[purpose],
        purposes=[purpose],
        revocation_text=REVOCATION,
        expires_on=facility.today(at) + days(lasts),
        signer=person,
        signer_role="patient",
        signature_how="electronic",
        signed_name=person.name,
        signed_at=at,
        recorded_by=by,
        created_at=at,
    )
    demo.ledger.add(ConsentRecipient, consent=consent, organization=to, person=to_person)
    return consent
