"""Consents, and the only way to tell anybody outside anything about a person.

`permit` asks, `disclose` writes the accounting; both in one transaction, under a share lock that keeps the
consent from ending in between (docs/decisions/0005). A revocation waits for those who are telling, and
whoever asks after its commit is refused.
"""

import dataclasses

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from core import happenings
from core.errors import Refused
from core.times import wall_clock
from people.models import Organization, OrganizationKind, Person, Relationship
from privacy import notices, rules
from privacy.enums import Basis, ConsentKind, ConsentState, ContentClass, Ladder, Purpose, SignerRole
from privacy.models import Consent, ConsentRecipient, Disclosure, Revocation

_when_revoked = []


class NotPermitted(Refused):
    """No consent permits this; `code` is the reason, `consent` the nearest one or None."""

    code = "no_consent"

    def __init__(self, message, *, code=None, consent=None):
        super().__init__(message, code=code)
        self.consent = consent


class Incomplete(Refused):
    """A required element of 42 CFR 2.31 is missing or cannot be; `field` is the name of its form field."""

    code = "incomplete"

    def __init__(self, message, *, field, code=None):
        super().__init__(message, code=code)
        self.field = field


@dataclasses.dataclass(frozen=True)
class Permit:
    """Leave to tell one recipient some classes for one purpose; worth something in its own transaction only."""

    consent: Consent
    person: Person
    recipient: Organization | Person
    purpose: str
    classes: frozenset
    at: object
    transaction: str


def permit(person, *, recipient, purpose, classes, by, at=None, facility=None):
    """A `Permit` to tell `recipient` (Organization or Person) the `classes` about `person` for `purpose`.

    Must run inside the transaction that tells; the consents are locked FOR SHARE until it ends. `at` (aware,
    default now) is the instant asked about; a revocation or replacement counts whenever it was committed.
    With `facility` only its consents count. Raises NotPermitted with one of the codes: no_consent,
    wrong_recipient, wrong_purpose, outside_scope, unclassified, counseling_notes, not_yet, expired, superseded,
    revoked, merged.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("A permit is worth nothing outside the transaction that tells.")
    at = at or timezone.now()
    purpose, classes = _checked_question(person, recipient, purpose, classes)
    _share_lock(person)
    consents = Consent.objects.filter(person=person).for_decision()
    if facility is not None:
        consents = consents.filter(facility=facility)
    consent, reason = rules.choose(consents, recipient=recipient, purpose=purpose, classes=classes, at=at)
    if reason:
        _refuse(reason, consent, recipient=recipient, purpose=purpose, classes=classes)
    return Permit(consent, person, recipient, purpose, classes, at, _transaction_id())


def disclose(permit, *, what, how, by, at=None):
    """Write down what is told under `permit`, with the statement of 42 CFR 2.32 and the consent's scope.

    `what` is the text told, word for word where it leaves as text; `how` the way ("phone", "fax"). Answers
    the `Disclosure`, whose notice and consent copy must travel with it. Raises NotPermitted for a permit of
    another transaction; the database refuses it too when the consent no longer holds.
    """
    if not connection.in_atomic_block or permit.transaction != _transaction_id():
        raise NotPermitted("This permission belonged to another moment. Ask again.", code="permit_over")
    what, how = what.strip(), how.strip()
    if not what or not how:
        raise Refused("Write down what is told, and how.", code="nothing_told")
    at = at or permit.at
    consent, recipient = permit.consent, permit.recipient
    try:
        with transaction.atomic():
            disclosure = Disclosure.objects.create(
                person=permit.person,
                facility=consent.facility,
                basis=Basis.CONSENT,
                consent=consent,
                **_to(recipient),
                purpose=permit.purpose,
                classes=_in_order(permit.classes),
                what=what,
                how=how[:40],
                notice=notices.STATEMENT_1,
                consent_copy=explain(consent),
                at=at,
                by=by,
            )
    except IntegrityError as error:
        if "privacy_disclosure_consent_holds" not in str(error):
            raise
        raise NotPermitted("The consent does not hold any more. Nothing was told.", code="permit_over") from None
    told = ", ".join(ContentClass(name).label.lower() for name in disclosure.classes)
    happenings.record(
        "disclosure.made",
        f"Told {_name(recipient)}, under consent: {told}",
        by=by,
        about=permit.person,
        place=consent.facility,
        subject=disclosure,
        at=at,
    )
    return disclosure


def disclose_emergency(
    person, *, facility, recipient, received_by, affiliation, nature, classes, what, how, by, at=None
):
    """Tell medical personnel what a bona fide medical emergency needs, without consent (42 CFR 2.51).

    `recipient` is the Organization (hospital, ambulance service, clinic); `received_by` the name and
    `affiliation` the place of whoever was told, `nature` that of the emergency, `by` who told: all of them
    required at once by 2.51(c). Raises Refused: nobody but medical personnel is told on this ground.
    """
    is_medical = isinstance(recipient, Organization) and (
        recipient.kind == OrganizationKind.HOSPITAL or recipient.is_part2_or_hipaa
    )
    if not is_medical:
        raise Refused(
            "In an emergency only medical personnel may be told: an ambulance, a hospital, a doctor.",
            code="not_medical",
        )
    if by is None:
        raise Refused("The record must name who told.", code="nobody_told")
    given = {"received_by": received_by, "affiliation": affiliation, "nature": nature, "what": what, "how": how}
    for field, value in given.items():
        if not value.strip():
            raise Incomplete("The rule asks for this at once (42 CFR 2.51).", field=field)
    classes = _classified(classes)
    at = at or timezone.now()
    with transaction.atomic():
        disclosure = Disclosure.objects.create(
            person=person,
            facility=facility,
            basis=Basis.EMERGENCY,
            organization=recipient,
            purpose=Purpose.TREATMENT,
            classes=_in_order(classes),
            what=what.strip(),
            how=how.strip()[:40],
            notice=notices.STATEMENT_1,
            emergency=f"Nature: {nature.strip()}\nTold: {received_by.strip()}, {affiliation.strip()}\nBy: {by}",
            at=at,
            by=by,
        )
        happenings.record(
            "disclosure.emergency",
            f"Told {recipient.name} in a medical emergency",
            by=by,
            about=person,
            place=facility,
            subject=disclosure,
            at=at,
        )
    return disclosure


def record_consent(
    person,
    *,
    facility,
    kind,
    discloser,
    classes,
    what,
    purposes,
    expires_on=None,
    expires_event="",
    signer,
    signer_role,
    signature_how,
    signed_name,
    signed_at,
    revocation_text,
    recipients=(),
    recipient_class="",
    tpo_text="",
    supersedes=None,
    by,
    at=None,
):
    """Write down a signed consent with every element of 42 CFR 2.31(a). Answers the immutable row.

    `recipients` are Organizations and Persons; `signed_at` is aware and not after `at` (default now);
    `supersedes` is the consent in force that this one replaces. Raises Incomplete with the field that is missing
    or contradicts the kind: a TPO consent is for treatment, payment and operations only, counseling notes and
    proceedings are combined with nothing, and who may sign follows 2.14 and 2.15.
    """
    at = at or timezone.now()
    new = Consent(
        person=person,
        facility=facility,
        kind=kind,
        discloser=discloser.strip(),
        classes=_in_order(classes),
        what=what.strip(),
        purposes=list(dict.fromkeys(purposes)),
        recipient_class=recipient_class.strip(),
        revocation_text=revocation_text.strip(),
        tpo_text=tpo_text.strip(),
        expires_on=expires_on,
        expires_event=expires_event.strip(),
        signer=signer,
        signer_role=signer_role,
        signature_how=signature_how,
        signed_name=signed_name.strip(),
        signed_at=signed_at,
        supersedes=supersedes,
        recorded_by=by,
    )
    recipients = list(dict.fromkeys(recipients))
    _check_elements(new, recipients, at=at)
    with transaction.atomic():
        if supersedes is not None:
            _check_replaceable(supersedes, person=person, facility=facility, at=at)
        new.save(force_insert=True)
        ConsentRecipient.objects.bulk_create(
            ConsentRecipient(consent=new, **_to(recipient, person_field="person")) for recipient in recipients
        )
        happenings.record(
            "consent.recorded",
            f"Consent recorded, {new.get_kind_display().lower()}: {', '.join(_recipient_words(new, recipients))}",
            by=by,
            about=person,
            place=facility,
            subject=new,
            at=at,
        )
    return new


def supersede(consent, *, by, **elements):
    """Replace a consent in force by a newly signed one. Raises Incomplete as `record_consent` does."""
    return record_consent(consent.person, facility=consent.facility, supersedes=consent, by=by, **elements)


def revoke(consent, *, how, by, at=None):
    """Take a consent back, at once and for everything not yet told; what was told stays in the accounting.

    `how` says how it was taken back: in writing, or by word of mouth, which counts just the same (our rule,
    domain: privacy, section 2). Idempotent: a second call answers the first revocation. Rooms that hold something
    back for a third party hear of it through `when_revoked`. Raises Refused without `how`.
    """
    how = " ".join(how.split())
    if not how:
        raise Refused("Say how it was taken back: on paper, by phone, in person.", code="how_missing")
    at = at or timezone.now()
    with transaction.atomic():
        locked = (
            Consent.objects.select_for_update(of=("self",)).select_related("person", "facility").get(pk=consent.pk)
        )
        earlier = Revocation.objects.filter(consent=locked).first()
        if earlier:
            return earlier
        revocation = Revocation.objects.create(consent=locked, at=at, how=how[:200], by=by)
        happenings.record(
            "consent.revoked",
            f"Consent revoked: {how}",
            by=by,
            about=locked.person,
            place=locked.facility,
            subject=locked,
            at=at,
        )
        for told in _when_revoked:
            told(locked, by=by, at=at)
    return revocation


def when_revoked(listener):
    """Register `listener(consent, *, by, at)`; called inside the revocation's transaction (from `ready()`)."""
    if listener not in _when_revoked:
        _when_revoked.append(listener)


def in_force(person, at=None, *, facility=None):
    """The person's consents in force at `at` (aware, default now), newest first, recipients loaded; 2 queries."""
    at = at or timezone.now()
    consents = Consent.objects.filter(person=person).for_decision()
    if facility is not None:
        consents = consents.filter(facility=facility)
    return [consent for consent in consents if rules.state(consent, at) == ConsentState.IN_FORCE]


def preview(person, *, recipients, purposes, classes, at=None, facility=None):
    """`{recipient.pk: (consent or None, reason code)}` of what `permit` would answer now; nothing is locked.

    For pages only: the first of `purposes` that permits counts. "" is yes. 2 queries for any number of recipients.
    """
    at = at or timezone.now()
    consents = Consent.objects.filter(person=person).for_decision()
    if facility is not None:
        consents = consents.filter(facility=facility)
    loaded, classes, answers = list(consents), frozenset(classes), {}
    for recipient in recipients:
        tried = [
            rules.choose(loaded, recipient=recipient, purpose=purpose, classes=classes, at=at) for purpose in purposes
        ]
        answers[recipient.pk] = next((answer for answer in tried if not answer[1]), tried[0])
    return answers


def may_say(person, to_person, at=None, *, facility=None):
    """How much may be said about `person` to `to_person` on the telephone: a `Ladder` step.

    Each step includes those before it, so a consent that skips one counts only up to the gap. The person
    themself may be told everything. Whatever is then said to somebody else still goes through `permit`.
    """
    if to_person is None or person is None or person.merged_into_id or to_person.merged_into_id:
        return Ladder.NOTHING
    if person.pk == to_person.pk:
        return Ladder.CLINICAL
    best = 0
    for consent in in_force(person, at, facility=facility):
        if Purpose.FAMILY not in consent.purposes and Purpose.AT_REQUEST not in consent.purposes:
            continue
        if rules.covers_recipient(consent, to_person):
            best = max(best, _steps(set(consent.classes)))
    return list(Ladder)[best]


def explain(consent):
    """The consent's scope in plain lines: what must travel with each disclosure (42 CFR 2.32(a))."""
    to = [str(named.organization or named.person) for named in consent.recipients.all()]
    if consent.recipient_class:
        to.append(consent.recipient_class)
    signed_on, _ = wall_clock(consent.signed_at, consent.facility.zone)
    lines = [
        f"Consent of {consent.person}, {consent.get_kind_display()} (42 CFR 2.31)",
        f"Who may tell: {consent.discloser}",
        f"What: {', '.join(ContentClass(name).label for name in consent.classes)}. {consent.what}",
        f"To: {'; '.join(to)}",
        f"For: {', '.join(Purpose(name).label for name in consent.purposes)}",
        f"Until: {until(consent)}",
        f"Signed {signed_on:%B} {signed_on.day}, {signed_on.year} by {consent.signed_name} "
        f"({consent.get_signer_role_display().lower()}), {consent.get_signature_how_display().lower()}",
        consent.revocation_text,
    ]
    return "\n".join([*lines, consent.tpo_text] if consent.tpo_text else lines)


def until(consent):
    """When the consent ends, in words."""
    ends = []
    if consent.expires_on:
        ends.append(f"the end of {consent.expires_on:%B} {consent.expires_on.day}, {consent.expires_on.year}")
    if consent.expires_event:
        ends.append(consent.expires_event)
    return ", or ".join(ends)


# What permit stands on ---------------------------------------------------------------------------------


def _checked_question(person, recipient, purpose, classes):
    if person.merged_into_id:
        raise NotPermitted("This record was merged into another one. Open that one.", code="merged")
    if getattr(recipient, "merged_into_id", None):
        raise NotPermitted("The recipient's record was merged: a consent names who it names.", code="wrong_recipient")
    if purpose not in Purpose.values:
        raise NotPermitted("Name the purpose.", code="wrong_purpose")
    classes = _classified(classes)
    if ContentClass.COUNSELING_NOTES in classes and classes != rules.NOTES:
        raise NotPermitted(
            "Counseling notes go alone, under a consent of their own (42 CFR 2.31(b)).", code="counseling_notes"
        )
    return Purpose(purpose), classes


def _classified(classes):
    classes = frozenset(classes)
    if not classes or not classes <= set(ContentClass.values):
        raise NotPermitted("What belongs to no class cannot be told.", code="unclassified")
    return frozenset(ContentClass(name) for name in classes)


def _share_lock(person):
    """Keep every consent of `person` as it is until this transaction ends; revoking takes FOR UPDATE."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM privacy_consent WHERE person_id = %s ORDER BY id FOR SHARE", [person.pk])


def _transaction_id():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text")
        return cursor.fetchone()[0]


def _refuse(reason, consent, *, recipient, purpose, classes):
    who, signed = _name(recipient), ""
    if classes == rules.NOTES and reason in ("no_consent", "wrong_recipient", "wrong_purpose", "outside_scope"):
        reason = "counseling_notes"
    if consent is not None:
        day, _ = wall_clock(consent.signed_at, consent.facility.zone)
        signed = f" The consent was signed {day:%b} {day.day}, {day.year}."
    missing = [ContentClass(name).label.lower() for name in _in_order(classes)]
    if consent is not None:
        missing = [ContentClass(name).label.lower() for name in _in_order(classes - set(consent.classes))] or missing
    sentences = {
        "no_consent": f"No consent on file names {who}.",
        "wrong_recipient": f"No consent on file names {who}.",
        "wrong_purpose": f"The consent for {who} is not for this purpose: {Purpose(purpose).label.lower()}.",
        "outside_scope": f"The consent for {who} does not include: {', '.join(missing)}.",
        "not_yet": f"The consent for {who} is dated in the future.",
        "superseded": f"The consent for {who} was replaced by a newer one that does not allow this.",
        "expired": f"The consent for {who} has expired.{signed}",
        "revoked": f"The consent for {who} was taken back.{signed}",
        "counseling_notes": f"Counseling notes need a consent of their own that names {who} (42 CFR 2.31(b)).",
    }
    raise NotPermitted(sentences[reason], code=reason, consent=consent)


def _to(recipient, person_field="to_person"):
    return {"organization": recipient} if isinstance(recipient, Organization) else {person_field: recipient}


def _name(recipient):
    return recipient.name


def _in_order(classes):
    """Class values in the order of the enum, each once; unknown ones stay last, for the database to refuse."""
    given = set(classes)
    return [name for name in ContentClass.values if name in given] + sorted(given - set(ContentClass.values))


def _steps(classes):
    """How many steps of the ladder `classes` climb without a gap."""
    needed = [{ContentClass.DATES}, {ContentClass.INSURANCE}, {ContentClass.TREATMENT, ContentClass.CLINICAL}]
    climbed = 0
    for step in needed:
        if not step <= classes:
            break
        climbed += 1
    return climbed


# What record_consent stands on ----------------------------------------------------------------------------


_REQUIRED = {
    "discloser": "Write who may tell (2.31(a)(2)).",
    "classes": "Choose what may be told (2.31(a)(3)).",
    "what": "Write what may be told, in the words of the form (2.31(a)(3)).",
    "purposes": "Choose what it is for (2.31(a)(5)).",
    "revocation_text": "The form must say that it can be taken back, and how (2.31(a)(6)).",
    "signer_role": "Choose who signed (2.31(a)(8)).",
    "signature_how": "Choose how it was signed; word of mouth is no consent (2.31(a)(8)).",
    "signed_name": "Write the name as signed (2.31(a)(8)).",
    "signed_at": "Write when it was signed (2.31(a)(9)).",
}


def _check_elements(new, recipients, *, at):
    """Raise Incomplete for the first element of 42 CFR 2.31 that is missing or cannot be."""
    if new.kind not in ConsentKind.values:
        raise Incomplete("Choose what kind of consent it is.", field="kind")
    for field, sentence in _REQUIRED.items():
        if not getattr(new, field):
            raise Incomplete(sentence, field=field)
    if not set(new.classes) <= set(ContentClass.values) or not set(new.purposes) <= set(Purpose.values):
        raise Incomplete("Choose among what is offered.", field="classes")
    if new.signed_at > at:
        raise Incomplete("A signature is not from the future.", field="signed_at", code="not_yet")
    if not new.expires_on and not new.expires_event:
        raise Incomplete("Write a last day or the event that ends it (2.31(a)(7)).", field="expires_on")
    if new.expires_on and new.expires_on < new.facility.today(new.signed_at):
        raise Incomplete("It would have ended before it was signed.", field="expires_on")
    _check_kind(new, recipients)
    _check_signer(new, at=at)


def _check_kind(new, recipients):
    kind, purposes, notes = new.kind, set(new.purposes), ContentClass.COUNSELING_NOTES
    if kind == ConsentKind.TPO:
        if not purposes <= rules.TPO_PURPOSES:
            raise Incomplete("This one is for treatment, payment and operations only.", field="purposes")
        if not new.recipient_class:
            raise Incomplete("Write whom it is for: the class of recipients (2.31(a)(4)).", field="recipient_class")
        if not new.tpo_text:
            raise Incomplete(
                "The form must say what redisclosure means and what follows from not signing (2.31(a)(10)).",
                field="tpo_text",
            )
    elif not recipients:
        raise Incomplete("Name at least one recipient (2.31(a)(4)).", field="recipients")
    if kind == ConsentKind.COUNSELING_NOTES and set(new.classes) != rules.NOTES:
        raise Incomplete("A consent for counseling notes covers nothing else (2.31(b)).", field="classes")
    if kind != ConsentKind.COUNSELING_NOTES and notes in new.classes:
        raise Incomplete("Counseling notes need a consent of their own (2.31(b)).", field="classes")
    if kind in (ConsentKind.PROCEEDINGS, ConsentKind.CRIMINAL_JUSTICE) and purposes != {Purpose.COURT}:
        raise Incomplete("This kind is for the court and nothing else (2.31(d), 2.35).", field="purposes")
    if Purpose.COURT in purposes and len(purposes) > 1:
        raise Incomplete("A consent for the court is combined with no other purpose (2.31(d)).", field="purposes")
    if any(getattr(recipient, "merged_into_id", None) for recipient in recipients) or new.person in recipients:
        raise Incomplete("Choose another recipient.", field="recipients")


def _check_signer(new, *, at):
    """42 CFR 2.31(a)(8), 2.14, 2.15: who signs. State law decides when a minor signs alone (counsel)."""
    signs_alone = new.signer_role in (SignerRole.PATIENT, SignerRole.MINOR)
    if new.signer_role not in SignerRole.values:
        raise Incomplete("Choose who signed (2.31(a)(8)).", field="signer_role")
    if new.signer_id is None or signs_alone != (new.signer_id == new.person_id):
        raise Incomplete("Choose the person who signed.", field="signer")
    is_minor = new.person.is_minor(new.facility.today(at))
    if is_minor and new.signer_role == SignerRole.PATIENT:
        raise Incomplete(
            "The person is under 18: choose the minor alone, or a parent together with the minor (2.14).",
            field="signer_role",
        )
    if is_minor is False and new.signer_role in (SignerRole.MINOR, SignerRole.PARENT):
        raise Incomplete("The person is of age and signs alone.", field="signer_role")
    if new.signer_role == SignerRole.PARENT:
        may_sign = Relationship.objects.filter(person=new.person, other=new.signer, may_sign=True)
        if not may_sign.exists():
            raise Incomplete("Nothing says that this relative may sign for the minor.", field="signer")


def _check_replaceable(old, *, person, facility, at):
    locked = Consent.objects.select_for_update(of=("self",)).get(pk=old.pk)
    if locked.person_id != person.pk or locked.facility_id != facility.pk:
        raise Refused("Only a consent of the same person here can be replaced.", code="other_person")
    current = Consent.objects.filter(pk=old.pk).for_decision().get()
    if rules.state(current, at) in (ConsentState.REVOKED, ConsentState.SUPERSEDED):
        raise Refused("That consent was replaced or taken back before. Record a new one.", code="superseded")


def _recipient_words(consent, recipients):
    return [_name(recipient) for recipient in recipients] or [consent.recipient_class]
