"""One facility with one row of everything, canary words in every text field."""

from types import SimpleNamespace

from accounts.permissions import Role
from tests import factories as make


def build_world(canary):
    """A facility and its rows; every text that belongs to it contains `canary`.

    Attributes: facility, coordinator, clinician, manager, admin (users), person, relative,
    contact_point, email, inquiry, call, safety_check, task, program, bed (free), hold, block, placement, stay,
    appointment, consent, disclosure, partner, contact, organization, referral, assignment, message, submission,
    membership, draft (of the coordinator).
    """
    f = make.make_facility(name=f"{canary} House", slug=canary.lower(), neutral_name=f"{canary} Office",
                           street=f"{canary} Street", city=canary)  # fmt: skip
    w = SimpleNamespace(facility=f, canary=canary)
    for role in Role:
        setattr(w, role.value, make.make_user(at=f, role=role, first_name=canary, last_name=role.label))
    w.membership = w.coordinator.memberships.get()
    w.person = make.make_person(at=f, given_name=canary, family_name="Hartwell", language=canary)
    w.relative = make.make_person(at=f, given_name=canary, family_name="Relative")
    w.contact_point = make.make_contact_point(w.relative, label=canary)
    w.email = make.make_email(w.person, label=canary)
    w.organization = make.make_organization()  # of the whole organization, so without the canary
    w.partner = make.make_partner(organization=w.organization)
    w.contact = make.make_partner_contact(w.partner)
    w.referral = make.make_referral(facility=f, partner=w.partner, person=w.person, reason=canary)
    w.inquiry = make.make_inquiry(facility=f, person=w.person, caller=w.relative, relation="mother", words=canary,
                                  contact_point=w.contact_point, owner=w.coordinator, referral=w.referral)  # fmt: skip
    w.call = make.make_call(w.inquiry, caller=w.relative, notes=canary, by=w.coordinator)
    w.substance = make.make_substance(w.inquiry, name=canary, amount=canary)
    w.safety_check = make.make_safety_check(w.inquiry, asked_by=w.coordinator)
    w.submission = make.make_submission(w.inquiry, fields={"message": canary})
    w.task = make.make_task(
        facility=f, person=w.person, owner=w.coordinator, text=canary, contact_point=w.contact_point,
        subject_kind="inquiry", subject_id=w.inquiry.pk,
    )  # fmt: skip
    w.program = make.make_program(facility=f, name=f"{canary} Detox")
    w.bed = make.make_bed(program=w.program, room=canary)
    held = make.make_bed(program=w.program)
    w.hold = make.make_hold(bed=held, person=w.relative, by=w.coordinator, reason=canary)
    w.placement = make.make_placement(bed=make.make_bed(program=w.program), person=w.person)
    w.stay = w.placement.stay
    w.block = make.make_block(make.make_bed(program=w.program), reason=canary, by=w.clinician)
    w.appointment = make.make_appointment(facility=f, person=w.person, place=canary)
    w.consent = make.make_consent(person=w.person, facility=f, to=[w.organization], what=canary)
    w.disclosure = make.make_disclosure(w.consent, to=w.organization, what=canary, consent_copy=canary)
    w.assignment = make.make_assignment(placement=w.placement, therapist=w.clinician, goal=canary)
    w.message = make.make_message(facility=f, contact_point=w.email)
    w.draft = make.make_draft(w.coordinator, f, content={"caller": canary})
    return w
