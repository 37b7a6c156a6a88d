"""Referrals where they meet an inquiry: one comes in, a person is referred on, the referrer hears of it."""

import datetime as dt

from django.db import models, transaction
from django.utils import timezone

from accounts.permissions import Permission
from admissions.enums import Channel, ClosedBecause, Source
from admissions.models import Inquiry
from admissions.services import close_inquiry, open_inquiry
from core.errors import Refused
from people import services as people
from people.models import KnownBecause
from privacy import services as privacy
from privacy.enums import ContentClass
from referrals import services as referrals
from referrals.enums import Urgency
from referrals.fits import AT_MOST
from referrals.models import Referral
from work import services as work
from work.models import TaskKind


class News(models.TextChoices):
    """What a referrer may hear, in fixed words: each belongs to known content classes."""

    RECEIVED = "received", "The referral reached us and somebody is working on it"
    SCHEDULED = "scheduled", "An arrival is planned"
    ADMITTED = "admitted", "The person arrived"
    NOT_TAKEN = "not_taken", "We could not take the person"
    DISCHARGED = "discharged", "The stay has ended"


NEWS_CLASSES = {
    News.RECEIVED: {ContentClass.PRESENCE},
    News.SCHEDULED: {ContentClass.PRESENCE, ContentClass.DATES},
    News.ADMITTED: {ContentClass.PRESENCE, ContentClass.DATES},
    News.NOT_TAKEN: {ContentClass.PRESENCE},
    News.DISCHARGED: {ContentClass.PRESENCE, ContentClass.DATES},
}


def receive_referral(
    *,
    facility,
    partner,
    by,
    reason,
    person=None,
    contact=None,
    category="",
    urgency=Urgency.SOON,
    phone="",
    at=None,
    **name,
):
    """`partner` refers somebody to `facility`: a Referral and the Inquiry it opens, in one transaction.

    `person` is somebody known already; without one a new Person is made of `name` (fields of Person), reached
    at `phone` when one is given. Answers the Inquiry. Raises Refused without a reason.
    """
    at = at or timezone.now()
    with transaction.atomic():
        if person is None:
            person = people.create_person(facility=facility, by=by, at=at, because=KnownBecause.REFERRAL, **name)
        point = people.add_contact_point(person, kind="phone", value=phone, by=by) if phone.strip() else None
        people.know(person, facility=facility, because=KnownBecause.REFERRAL, at=at)
        referral = referrals.receive(
            partner=partner,
            contact=contact,
            facility=facility,
            person=person,
            reason=reason,
            category=category,
            urgency=urgency,
            by=by,
            at=at,
        )
        return open_inquiry(
            facility=facility,
            person=person,
            channel=Channel.REFERRAL,
            source=Source.PARTNER,
            words=referral.reason,
            referral=referral,
            contact_point=point,
            by=by,
            at=at,
        )


def refer_out(
    inquiry,
    *,
    reason,
    by,
    partner=None,
    partners=(),
    classes=referrals.LEAST,
    category="",
    urgency=Urgency.SOON,
    how="phone",
    closes=False,
    at=None,
):
    """Ask one partner, or up to three of whom the person chooses: one Referral and one Disclosure each.

    All or none: one refusal (`privacy.services.NotPermitted` names the partner and the reason) sends nothing.
    The inquiry stays open until somebody accepts, unless `closes`. Raises Refused for none, more than three,
    or a partner that is already asked.
    """
    partners = list(dict.fromkeys([*partners, *filter(None, [partner])]))
    at = at or timezone.now()
    if not partners:
        raise Refused("Choose at least one partner.", code="no_partner")
    if len(partners) > AT_MOST:
        raise Refused(f"At most {AT_MOST} at once: the person chooses among their answers.", code="too_many")
    sent = []
    with transaction.atomic():
        locked = (
            Inquiry.objects.select_for_update(of=("self",), no_key=True)
            .select_related("person", "facility")
            .get(pk=inquiry.pk)
        )
        asked = Referral.objects.sent().waiting().filter(person=locked.person, facility=locked.facility)
        for again in asked.filter(partner__in=partners).select_related("partner__organization"):
            raise Refused(f"{again.partner} is asked already: {again.get_state_display().lower()}.", code="asked")
        for chosen in sorted(partners, key=lambda row: str(row.pk)):
            draft = referrals.draft_out(
                partner=chosen,
                facility=locked.facility,
                person=locked.person,
                reason=reason,
                category=category,
                urgency=urgency,
                by=by,
                at=at,
            )
            told = referrals.packet(draft, classes, substances_told(locked))
            sent.append(referrals.send(draft, by=by, at=at, classes=classes, what=told, how=how))
        if closes:
            close_inquiry(locked, because=ClosedBecause.REFERRED_OUT, by=by, at=at)
    return sent


def tell_referrer(inquiry, *, what, by, how="phone", at=None):
    """Tell the partner who referred the person `what` (a `News`), if and only if a consent allows it.

    Answers the Disclosure. Without consent it raises `privacy.services.NotPermitted`, and a task to ask the
    person for it stays: call it outside a transaction that such a refusal rolls back.
    """
    at = at or timezone.now()
    if what not in News.values:
        raise Refused("Choose one of the sentences offered.", code="unknown_news")
    if inquiry.referral is None:
        raise Refused("Nobody referred this person to us.", code="no_referrer")
    news, partner = News(what), inquiry.referral.partner
    try:
        with transaction.atomic():
            permit = referrals.permit_partner(
                inquiry.person, partner=partner, facility=inquiry.facility, classes=NEWS_CLASSES[news], by=by, at=at
            )
            return privacy.disclose(permit, what=news.label, how=how, by=by, at=at)
    except privacy.NotPermitted:
        _ask_for_consent(inquiry, partner, by=by, at=at)
        raise


def substances_told(inquiry):
    """The substances as told, as lines of class clinical: one query."""
    rows = list(inquiry.substances.all())
    if not rows:
        return {}
    told = [", ".join(filter(None, [row.name, row.amount, _last_use(row)])) for row in rows]
    return {ContentClass.CLINICAL: [f"Uses: {'; '.join(told)}"]}


def _last_use(row):
    return f"last use {row.last_use}" if row.last_use else ""


def _ask_for_consent(inquiry, partner, *, by, at):
    """One task per inquiry, tomorrow at ten: whoever wanted to tell asks the person to sign."""
    facility = inquiry.facility
    owner = by if by is not None and by.may(Permission.VIEW_PEOPLE, facility) else None
    return work.promise(
        facility=facility,
        person=inquiry.person,
        owner=owner,
        text=f"Ask for consent to tell {partner}",
        on=facility.today(at) + dt.timedelta(days=1),
        time=dt.time(10),
        by=by,
        subject=inquiry,
        kind=TaskKind.FOLLOW_UP,
        rule="consent.referrer",
        at=at,
    )
