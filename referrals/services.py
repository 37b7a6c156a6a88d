"""Referrals in and out: received, drafted, sent under consent, and moved until the outcome is known."""

import datetime as dt
from contextlib import contextmanager

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.permissions import Permission
from core import happenings
from core.errors import Refused, Stale
from people.models import Organization
from privacy import services as privacy
from privacy.enums import ContentClass, Purpose
from referrals.enums import CLOSED_STATES, FOLLOW_UP_DAYS, NEEDS_REASON, NEXT_STATES, Direction, ReferralState, Urgency
from referrals.models import Partner, PartnerContact, Referral, ReferralMove
from work import services as work
from work.models import Task, TaskKind

# A referral is made for finding a place, which is treatment where a treating provider receives it: the first
# consent that permits counts (45 CFR 164.501, "treatment").
PURPOSES = (Purpose.REFERRAL, Purpose.TREATMENT)
# The least a partner needs to answer: that somebody asks, who it is, which level.
LEAST = (ContentClass.PRESENCE, ContentClass.DEMOGRAPHICS, ContentClass.TREATMENT)
ASK_AT = dt.time(10)


class MoveNotAllowed(Refused):
    """The referral is not in a state that leads to the one asked for."""

    code = "move_not_allowed"


class ReasonMissing(Refused):
    """This answer needs its reason."""

    code = "reason_missing"


class PartnerExists(Refused):
    """A partner of nearly this name is on the list already; `partners` are the nearest."""

    code = "partner_exists"

    def __init__(self, message, *, partners):
        super().__init__(message)
        self.partners = partners


def receive(*, partner, facility, person, reason, by, contact=None, category="", urgency=Urgency.SOON, at=None):
    """`partner` sends `person` to `facility`. Answers the Referral, state received.

    Taking information in needs no consent; answering the partner does (`admissions.referring.tell_referrer`).
    Raises Refused without a reason, or for a contact of another partner.
    """
    at = at or timezone.now()
    reason = _reason(reason)
    if contact is not None and contact.partner_id != partner.pk:
        raise Refused("That contact works for another partner.", code="other_partner")
    with transaction.atomic():
        referral = Referral.objects.create(
            direction=Direction.IN,
            facility=facility,
            partner=partner,
            contact=contact,
            person=person,
            category=category,
            reason=reason,
            urgency=urgency,
            state=ReferralState.RECEIVED,
            follow_up_on=_ask_again(facility, urgency, at),
            made_by=by,
            made_at=at,
        )
        _moved(referral, "", ReferralState.RECEIVED, by=by, at=at)
        _happened("referral.received", f"Referred to us by {partner}: {reason}", referral, by=by, at=at)
    return referral


def draft_out(*, partner, facility, person, reason, by, contact=None, category="", urgency=Urgency.SOON, at=None):
    """Prepare to refer `person` to `partner`. Nothing is told: a draft leaves only through `send`."""
    at = at or timezone.now()
    reason = _reason(reason)
    if not partner.organization.is_active:
        raise Refused(f"{partner} is not on the list any more.", code="partner_inactive")
    if contact is not None and contact.partner_id != partner.pk:
        raise Refused("That contact works for another partner.", code="other_partner")
    with transaction.atomic():
        referral = Referral.objects.create(
            direction=Direction.OUT,
            facility=facility,
            partner=partner,
            contact=contact,
            person=person,
            category=category,
            reason=reason,
            urgency=urgency,
            state=ReferralState.DRAFT,
            made_by=by,
            made_at=at,
        )
        _moved(referral, "", ReferralState.DRAFT, by=by, at=at)
    return referral


def send(referral, *, by, at=None, classes=LEAST, what="", how="phone"):
    """Tell the partner, under consent and written down, in one transaction. Answers the Referral, state sent.

    `what` is the text they get (by default `packet` of those classes), `how` the way. We ask again in 1, 3 or
    14 days. Raises `privacy.services.NotPermitted` with its reason code, MoveNotAllowed unless it is a draft.
    """
    at = at or timezone.now()
    with transaction.atomic():
        locked = _locked(referral)
        if locked.direction != Direction.OUT or locked.state != ReferralState.DRAFT:
            raise MoveNotAllowed(f"{locked.get_state_display()}: only a draft can be sent.")
        permit = permit_partner(
            locked.person, partner=locked.partner, facility=locked.facility, classes=classes, by=by, at=at
        )
        told = what or packet(locked, classes)
        locked.disclosure = privacy.disclose(permit, what=told, how=how, by=by, at=at)
        locked.follow_up_on = _ask_again(locked.facility, locked.urgency, at)
        _set(locked, ReferralState.SENT, by=by, at=at, fields=["disclosure", "follow_up_on"])
        _happened("referral.sent", f"Referred to {locked.partner}: {locked.reason}", locked, by=by, at=at)
    return locked


def move(referral, to, *, by, reason="", at=None, version=None):
    """Write down an answer or an outcome, theirs or ours. Answers the Referral in its new state.

    An outcome ends the asking; anything else sets the next day to ask. Raises MoveNotAllowed by `NEXT_STATES`,
    ReasonMissing for a decline or withdrawal without one, Stale when `version` (int, of the page) is old.
    """
    at = at or timezone.now()
    reason = " ".join(reason.split())[:300]
    with transaction.atomic():
        locked = _locked(referral)
        if version is not None and locked.version != version:
            raise Stale("Somebody else wrote an answer while you had this open. Nothing was overwritten.")
        state = _allowed(locked, to)
        if state in NEEDS_REASON and not reason:
            raise ReasonMissing("Write why: whoever calls next will be asked.")
        locked.state_reason = reason
        is_over = state in CLOSED_STATES
        locked.closed_at = at if is_over else None
        locked.follow_up_on = None if is_over else _ask_again(locked.facility, locked.urgency, at)
        _set(locked, state, by=by, at=at, fields=["state_reason", "closed_at", "follow_up_on"], reason=reason)
        if is_over:
            _stop_asking(locked, by=by, at=at)
        words = (
            f"{locked.partner}: {state.label.lower()}"
            if not locked.is_in
            else f"Our answer to {locked.partner}: {state.label.lower()}"
        )
        _happened("referral.moved", f"{words}. {reason}" if reason else words, locked, by=by, at=at, state=state.value)
    return locked


def follow_up_due(now=None, *, limit=200):
    """Ask for answers that are due: at most one open task per referral, until an outcome. Answers how many were made.

    Idempotent: the day to ask is part of the task's rule key, the row is locked, and each time the next day is
    set 1, 3 or 14 days on. Called by the periodic job; several at once share the rows.
    """
    now = now or timezone.now()
    latest_today = (now + dt.timedelta(hours=14)).date()  # it is tomorrow somewhere
    made = 0
    with transaction.atomic():
        due = (
            Referral.objects.select_for_update(of=("self",), skip_locked=True, no_key=True)
            .filter(follow_up_on__lte=latest_today, closed_at=None)
            .select_related("facility", "partner__organization", "person", "made_by")
            .order_by("follow_up_on", "pk")[:limit]
        )
        for referral in due:
            today = referral.facility.today(now)
            if referral.follow_up_on > today:
                continue
            made += _ask(referral, on=today, now=now)
    return made


def permit_partner(person, *, partner, facility, classes, by, at):
    """The first permit among `PURPOSES` to tell `partner`; without any the refusal of the first one."""
    refusals = []
    for purpose in PURPOSES:
        try:
            return privacy.permit(
                person,
                recipient=partner.organization,
                purpose=purpose,
                classes=classes,
                by=by,
                at=at,
                facility=facility,
            )
        except privacy.NotPermitted as refusal:
            refusals.append(refusal)
    raise refusals[0]


def packet(referral, classes=LEAST, more=None):
    """What the partner is told, as plain lines: each line belongs to one of `classes`, and no other is there (I-23).

    `more` is `{ContentClass: [line, …]}` from the upper rooms. The reason is in our words and clinical.
    """
    person, more = referral.person, more or {}
    by_class = {
        ContentClass.PRESENCE: [f"Referred by: {referral.facility.name}"],
        ContentClass.DEMOGRAPHICS: [f"Name: {person.name}", *_age_line(referral)],
        ContentClass.TREATMENT: (
            [f"Level of care asked for: {referral.get_category_display()}"] if referral.category else []
        ),
        ContentClass.CLINICAL: [f"Why: {referral.reason}"],
    }
    lines = []
    for name in ContentClass:
        if name in classes:
            lines += [*by_class.get(name, []), *more.get(name, [])]
    return "\n".join(lines)


def _age_line(referral):
    person = referral.person
    if born := person.birth_on:
        return [f"Born: {born:%B} {born.day}, {born.year}"]
    age = person.age(referral.facility.today())
    return [] if age is None else [f"Age: about {age}"]


def consent_was_revoked(consent, *, by, at):
    """Flag drafts and open outbound referrals of the person to whoever that consent named.

    Drafts cannot be sent any more; whoever made an open one learns that nothing further may be told.
    """
    named = [recipient.organization_id for recipient in consent.recipients.all() if recipient.organization_id]
    rows = Referral.objects.outgoing().waiting().filter(person=consent.person, facility=consent.facility)
    rows = rows.filter(disclosure__consent=consent) | rows.filter(
        state=ReferralState.DRAFT, partner__organization__in=named
    )
    for referral in rows.select_related("facility", "partner__organization", "person", "made_by"):
        _happened(
            "referral.consent_revoked",
            f"Consent taken back: tell {referral.partner} nothing more",
            referral,
            by=by,
            at=at,
        )
        _task(
            referral,
            text=f"Consent taken back: tell {referral.partner} nothing more, and withdraw or ask again",
            on=referral.facility.today(at) + dt.timedelta(days=1),
            rule=f"referral.revoked:{consent.pk}",
            now=at,
        )


# Partners --------------------------------------------------------------------------------------------


def create_partner(*, name, kind, by, is_another=False, organization=None, takes=(), at=None, **given):
    """Put a partner on the list. `given` are fields of Organization and Partner.

    An existing `organization` that is no partner yet becomes one. Raises PartnerExists when a name is nearly
    taken, unless `is_another`; Refused when name, city and state are taken.
    """
    name = " ".join(name.split())
    if organization is None:
        alike = [] if is_another else list(Partner.objects.named_like(name))
        if alike:
            names = ", ".join(str(partner) for partner in alike)
            raise PartnerExists(
                f"Already on the list: {names}. Use that one, or say that this is another.", partners=alike
            )
    own = {field: given.pop(field) for field in ("owner", "compensation", "note") if field in given}
    with _name_is_free(), transaction.atomic():
        if organization is None:
            organization = Organization.objects.create(name=name, kind=kind, **given)
        partner = Partner.objects.create(organization=organization, takes=list(takes), **own)
        happenings.record("partner.added", f"Partner added: {partner}", by=by, subject=partner, at=at)
    return partner


def edit_partner(partner, *, organization_version, version, by, takes, owner, compensation, note, **organization):
    """Change a partner and its organization. Raises Stale when either version (int, of the form) is old."""
    with _name_is_free(), transaction.atomic():
        for field, value in organization.items():
            setattr(partner.organization, field, value)
        partner.organization.save_if_current(organization_version, fields=list(organization))
        partner.takes, partner.owner, partner.compensation, partner.note = list(takes), owner, compensation, note
        partner.save_if_current(version, fields=["takes", "owner", "compensation", "note"])
        happenings.record("partner.changed", f"Partner changed: {partner}", by=by, subject=partner)
    return partner


@contextmanager
def _name_is_free():
    """Say it in words when an organization of this name in this place is on file already."""
    try:
        yield
    except IntegrityError as error:
        if "people_organization_once" not in str(error) and "partner_organization_id" not in str(error):
            raise
        raise Refused("An organization of this name in this place is on file already.", code="name_taken") from None


def add_contact(partner, *, name, by, role="", phone="", email=""):
    """Someone who works at the partner; not a Person."""
    return PartnerContact.objects.create(
        partner=partner, name=" ".join(name.split()), role=role, phone=phone, email=email
    )


# What these stand on ----------------------------------------------------------------------------------


def _reason(text):
    text = " ".join(text.split())
    if not text:
        raise ReasonMissing("Write in a few words why.")
    return text[:300]


def _locked(referral):
    return (
        Referral.objects.select_for_update(of=("self",), no_key=True)
        .select_related("facility", "partner__organization", "person", "made_by")
        .get(pk=referral.pk)
    )


def _allowed(referral, to):
    if to not in ReferralState.values:
        raise MoveNotAllowed("Choose one of the answers offered.")
    state = ReferralState(to)
    if state == ReferralState.SENT or state not in NEXT_STATES[ReferralState(referral.state)]:
        raise MoveNotAllowed(f"{referral.get_state_display()} cannot become {state.label.lower()}.")
    return state


def _set(referral, state, *, by, at, fields, reason=""):
    """The only code that changes `Referral.state`."""
    _moved(referral, referral.state, state, by=by, at=at, reason=reason)
    referral.state = state
    referral.version += 1
    referral.save(update_fields=["state", "version", *fields])


def _moved(referral, before, after, *, by, at, reason=""):
    ReferralMove.objects.create(referral=referral, from_state=before, to_state=after, reason=reason, at=at, by=by)


def _ask_again(facility, urgency, at):
    """The facility's day on which we ask again after `at`."""
    return facility.today(at) + dt.timedelta(days=FOLLOW_UP_DAYS[Urgency(urgency)])


def _ask(referral, *, on, now):
    """One task for this round; 1 when it was made, 0 when somebody is already at it."""
    round_, referral.follow_up_on = referral.follow_up_on, _ask_again(referral.facility, referral.urgency, now)
    referral.save(update_fields=["follow_up_on"])
    if Task.objects.open().filter(subject_id=referral.pk, kind=TaskKind.REFERRAL).exists():
        return 0
    verb = "Answer" if referral.is_in else "Ask"
    _task(
        referral,
        text=f"{verb} {referral.partner} about the referral",
        on=on,
        rule=f"referral.hear:{round_}",
        now=now,
    )
    return 1


def _task(referral, *, text, on, rule, now):
    """A task of kind referral for whoever made it, due at ten, or in an hour when ten is over."""
    facility, owner = referral.facility, referral.made_by
    if owner is not None and not owner.may(Permission.VIEW_PEOPLE, facility):
        owner = None
    local = (now + dt.timedelta(hours=1)).astimezone(facility.time_zone)
    time = ASK_AT
    if (on, time) < (local.date(), local.time()):
        on, time = local.date(), local.time().replace(second=0, microsecond=0)
    return work.promise(
        facility=facility,
        person=referral.person,
        owner=owner,
        text=text,
        on=on,
        time=time,
        by=None,
        subject=referral,
        kind=TaskKind.REFERRAL,
        rule=rule,
        at=now,
    )


def _stop_asking(referral, *, by, at):
    """The outcome is known: open tasks about it end with it."""
    for task in Task.objects.open().filter(subject_id=referral.pk, kind=TaskKind.REFERRAL):
        work.close(task, outcome=f"Outcome known: {referral.get_state_display().lower()}", by=by, at=at)


def _happened(verb, text, referral, *, by, at, **data):
    happenings.record(
        verb, text, by=by, about=referral.person, place=referral.facility, subject=referral, at=at, **data
    )
