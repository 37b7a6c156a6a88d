"""One plain function a model, making the smallest valid row; a test names only what it is about.

`HANDRAIL_TEST_HOUR` (0 to 23) puts every default facility into a zone where it is that hour now, so
that the whole suite can run at nine in the evening.
"""

import datetime as dt
import itertools
import os

from django.contrib.auth.hashers import make_password
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import timezone

from accounts.models import Facility, Membership, User
from accounts.permissions import Role
from admissions.enums import CallOutcome, Channel, Direction, Stage
from admissions.models import CallDraft, Inquiry, IntakeCall, SafetyCheck, StageChange, SubstanceUse, WebSubmission
from core.times import instant
from messaging.models import Message
from people.models import ContactPoint, Organization, Person, PersonAtFacility
from privacy.models import Consent, ConsentRecipient, Disclosure
from programs.enums import Category, UseKind
from programs.models import Appointment, Bed, BedBlock, BedHold, BedUse, Placement, Program, Stay, Unit
from referrals.models import Partner, PartnerContact, Referral, ReferralMove
from therapy.models import Modality, TherapyAssignment
from work.models import Task

_count = itertools.count(1)
PASSWORD = "correct horse battery staple"
_HASH = make_password(PASSWORD, hasher="argon2")


def zone_here():
    """The zone of facilities in tests: New York, or where it is `HANDRAIL_TEST_HOUR` o'clock now."""
    hour = os.environ.get("HANDRAIL_TEST_HOUR")
    if hour is None:
        return "America/New_York"
    ahead = (int(hour) - timezone.now().hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def make_facility(**given):
    n = next(_count)
    given.setdefault("zone", zone_here())
    return Facility.objects.create(
        **{"name": f"Facility {n}", "slug": f"facility-{n}", "neutral_name": "The office",
           "neutral_phone": "+13125550100"} | given
    )  # fmt: skip


def make_user(*, at=None, role=Role.COORDINATOR, flags=(), **given):
    """A member of staff at facility `at` (none without it), with role and membership flags."""
    n = next(_count)
    user = User.objects.create(
        **{"username": f"user{n}", "email": f"user{n}@example.org", "first_name": "Sam", "last_name": f"Worker{n}",
           "password": _HASH} | given
    )  # fmt: skip
    if at:
        Membership.objects.create(user=user, facility=at, role=role, **{f"is_{flag}": True for flag in flags})
    return user


def make_person(*, at=None, **given):
    """A person known to facility `at` (nobody knows them without it)."""
    person = Person.objects.create(**{"given_name": "Devin", "family_name": f"Oakes{next(_count)}"} | given)
    if at:
        know(person, at)
    return person


def know(person, facility):
    return PersonAtFacility.objects.get_or_create(
        person=person, facility=facility, defaults={"since": timezone.now()}
    )[0]


def make_contact_point(person=None, **given):
    n = next(_count)
    person = person or make_person()
    number = f"+1312555{100 + n % 100:04d}"
    return ContactPoint.objects.create(
        **{"person": person, "kind": "phone", "value": number, "normal": number, "ok_to_call": True} | given
    )


def make_email(person=None, **given):
    n = next(_count)
    address = f"person{n}@example.org"
    return make_contact_point(
        person,
        **{"kind": "email", "value": address, "normal": address, "ok_to_call": None, "ok_to_email": True} | given,
    )


def make_inquiry(*, facility=None, person=None, **given):
    facility = facility or make_facility()
    person = person or make_person(at=facility)
    know(person, facility)
    now = timezone.now()
    return Inquiry.objects.create(
        **{"facility": facility, "person": person, "channel": Channel.CALL, "opened_at": now, "stage_since": now}
        | given
    )


def make_call(inquiry=None, **given):
    inquiry = inquiry or make_inquiry()
    return IntakeCall.objects.create(
        **{"facility": inquiry.facility, "inquiry": inquiry, "direction": Direction.IN, "number": "(312) 555-0142",
           "normal": "+13125550142", "began_at": timezone.now(), "outcome": CallOutcome.REACHED} | given
    )  # fmt: skip


def make_draft(user, facility, **given):
    now = timezone.now()
    return CallDraft.objects.create(**{"user": user, "facility": facility, "began_at": now, "touched_at": now} | given)


def make_substance(inquiry, **given):
    rank = inquiry.substances.count() + 1
    return SubstanceUse.objects.create(**{"inquiry": inquiry, "rank": rank, "name": "Alcohol"} | given)


def make_safety_check(inquiry, **given):
    return SafetyCheck.objects.create(
        **{"facility": inquiry.facility, "inquiry": inquiry, "answer": "none", "asked_at": timezone.now()} | given
    )


def make_submission(inquiry, **given):
    return WebSubmission.objects.create(
        **{"facility": inquiry.facility, "inquiry": inquiry, "fields": {}, "received_at": timezone.now()} | given
    )


def make_task(*, facility=None, person=None, due_at=None, **given):
    """An open promise due at `due_at` (aware, default in an hour)."""
    facility = facility or make_facility()
    due_at = due_at or timezone.now() + dt.timedelta(hours=1)
    local = due_at.astimezone(facility.time_zone)
    return Task.objects.create(
        **{"facility": facility, "kind": "promise", "person": person or make_person(at=facility),
           "text": "Call back", "due_on": local.date(), "due_time": local.time(), "zone": facility.zone,
           "due_at": due_at} | given
    )  # fmt: skip


def make_program(*, facility=None, **given):
    n = next(_count)
    return Program.objects.create(
        **{"facility": facility or make_facility(), "name": f"Detox {n}", "category": Category.RES_MED} | given
    )


def make_bed(*, program=None, facility=None, **given):
    program = program or make_program(facility=facility)
    unit = program.units.first() or Unit.objects.create(program=program, name="Unit A")
    return Bed.objects.create(**{"unit": unit, "code": f"D-{next(_count):02d}"} | given)


def make_use(bed, *, kind=UseKind.PLACEMENT, start=None, end=None, **given):
    start = start or timezone.now()
    return BedUse.objects.create(**{"bed": bed, "kind": kind, "period": DateTimeTZRange(start, end, "[)")} | given)


def make_hold(*, bed=None, person=None, by=None, expires_at=None, facility=None, **given):
    bed = bed or make_bed(facility=facility)
    facility = bed.unit.program.facility
    now = timezone.now()
    use = make_use(bed, kind=UseKind.HOLD, start=now, expires_at=expires_at or now + dt.timedelta(hours=2))
    return BedHold.objects.create(
        **{"facility": facility, "use": use, "person": person or make_person(at=facility),
           "held_by": by or make_user(at=facility), "held_at": now, "reason": "On the line"} | given
    )  # fmt: skip


def make_block(bed, *, kind=UseKind.BLOCK, **given):
    return BedBlock.objects.create(
        **{"facility": bed.unit.program.facility, "use": make_use(bed, kind=kind), "reason": "Plumbing"} | given
    )


def make_placement(*, bed=None, person=None, stay=None, start=None, facility=None, **given):
    bed = bed or make_bed(facility=facility)
    program = bed.unit.program
    facility = program.facility
    start = start or timezone.now() - dt.timedelta(days=2)
    person = person or make_person(at=facility)
    stay = stay or Stay.objects.create(facility=facility, person=person, admitted_at=start)
    use = make_use(bed, start=start)
    return Placement.objects.create(
        **{"facility": facility, "stay": stay, "person": person, "program": program, "use": use,
           "period": DateTimeTZRange(start, None, "[)"), "reason": "admission"} | given
    )  # fmt: skip


def make_appointment(*, facility=None, person=None, starts_at=None, **given):
    facility = facility or make_facility()
    starts_at = starts_at or timezone.now() + dt.timedelta(days=1)
    local = starts_at.astimezone(facility.time_zone)
    return Appointment.objects.create(
        **{"facility": facility, "person": person or make_person(at=facility), "kind": "assessment",
           "on": local.date(), "time": local.time(), "zone": facility.zone, "starts_at": starts_at} | given
    )  # fmt: skip


def make_modality(**given):
    n = next(_count)
    return Modality.objects.create(**{"code": f"modality-{n}", "name": f"Modality {n}"} | given)


def make_assignment(*, placement=None, **given):
    placement = placement or make_placement()
    return TherapyAssignment.objects.create(
        **{"facility": placement.facility, "person": placement.person, "placement": placement,
           "modality": given.pop("modality", None) or make_modality(),
           "therapist": given.pop("therapist", None) or make_user(at=placement.facility, role=Role.CLINICIAN),
           "per_week": 2, "planned_sessions": 8, "starts_on": placement.facility.today()} | given
    )  # fmt: skip


def make_organization(**given):
    return Organization.objects.create(**{"name": f"Elm County Hospital {next(_count)}", "kind": "hospital"} | given)


def make_partner(**given):
    return Partner.objects.create(**{"organization": given.pop("organization", None) or make_organization()} | given)


def make_partner_contact(partner, **given):
    return PartnerContact.objects.create(**{"partner": partner, "name": "Wes Tolliver"} | given)


def make_referral(*, facility=None, partner=None, person=None, **given):
    """An inbound referral just received."""
    facility = facility or make_facility()
    referral = Referral.objects.create(
        **{"direction": "in", "facility": facility, "partner": partner or make_partner(),
           "person": person or make_person(at=facility), "reason": "Asks for detox", "state": "received",
           "made_at": timezone.now()} | given
    )  # fmt: skip
    ReferralMove.objects.create(referral=referral, to_state=referral.state, at=referral.made_at)
    return referral


def make_consent(*, person=None, facility=None, to=(), **given):
    """A specific consent that names the organizations or persons in `to`."""
    facility = facility or make_facility()
    person = person or make_person(at=facility)
    consent = Consent.objects.create(
        **{"person": person, "facility": facility, "kind": "specific", "discloser": facility.name,
           "classes": ["presence", "dates"], "what": "Whether and when I am here", "purposes": ["referral"],
           "revocation_text": "In writing to the office, save where already relied on.",
           "expires_on": facility.today() + dt.timedelta(days=90), "signer": person, "signer_role": "patient",
           "signature_how": "paper", "signed_name": person.name, "signed_at": timezone.now()} | given
    )  # fmt: skip
    for recipient in to:
        field = "person" if isinstance(recipient, Person) else "organization"
        ConsentRecipient.objects.create(consent=consent, **{field: recipient})
    return consent


def make_disclosure(consent, *, to, **given):
    """What was told to the organization `to` under `consent`, by phone."""
    return Disclosure.objects.create(
        **{"person": consent.person, "facility": consent.facility, "basis": "consent", "consent": consent,
           "organization": to, "purpose": consent.purposes[0], "classes": consent.classes[:1], "what": "Is here",
           "how": "phone", "notice": "The notice", "consent_copy": "The scope", "at": timezone.now()} | given
    )  # fmt: skip


def make_message(*, facility=None, due_at=None, user=None, contact_point=None, **given):
    """A due message to a member of staff, or to `contact_point`'s person."""
    facility = facility or make_facility()
    due_at = due_at or timezone.now() - dt.timedelta(seconds=1)
    local = due_at.astimezone(facility.time_zone)
    source = given.pop("source", None) or make_task(facility=facility)
    return Message.objects.create(
        **{"facility": facility, "contact_point": contact_point,
           "person": contact_point.person if contact_point else None,
           "user": None if contact_point else user or make_user(at=facility), "channel": "email",
           "purpose": "callback_due", "slot_key": str(next(_count)), "local_on": local.date(),
           "local_time": local.time(), "zone": facility.zone, "due_at": due_at, "next_at": due_at,
           "expires_at": due_at + dt.timedelta(hours=2), "source_kind": "task", "source_id": source.pk} | given
    )  # fmt: skip


def make_stage_change(inquiry, to, **given):
    return StageChange.objects.create(**{"inquiry": inquiry, "to_stage": Stage(to), "at": timezone.now()} | given)


def at_local(facility, day, time):
    """The aware instant of a wall-clock time at a facility."""
    return instant(day, time, facility.zone)
