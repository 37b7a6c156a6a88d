"""Each invariant is quiet on good rows and speaks on the one row that breaks it."""

import datetime as dt
import json
from io import StringIO
from uuid import uuid4

import pgtrigger
import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from admissions.enums import Channel, Stage
from core.models import IdempotencyKey
from messaging.models import Attempt, Message
from people.models import Person, PersonAtFacility, ReadEvent
from privacy.models import Disclosure
from programs.models import BedBlock, BedHold, BedUse, Placement, Stay
from referrals.models import Referral, ReferralMove
from reports import invariants
from tests import factories as make
from work.models import Task

HOUR = dt.timedelta(hours=1)


def loosen(table):
    """Drop the constraints of `table` for the rest of this test, as an import or a bug could."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('c', 'x', 'u')", [table]
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}" CASCADE')
        cursor.execute(
            "SELECT indexrelid::regclass::text FROM pg_index"
            " WHERE indrelid = %s::regclass AND indisunique AND NOT indisprimary",
            [table],
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX {name}")


def _placed():
    facility = make.make_facility()
    person = make.make_person(at=facility)
    placement = make.make_placement(facility=facility, person=person)
    placement.refresh_from_db()
    return placement


def break_bed_used_twice_at_once():
    bed = _placed().use.bed
    loosen("programs_beduse")
    use = make.make_use(bed, kind="block")
    _own(use)


def _own(use):
    BedBlock.objects.create(facility=use.bed.unit.program.facility, use=use, reason="x")


def break_bed_promised_twice_next():
    bed = make.make_bed()
    loosen("programs_beduse")
    for _ in range(2):
        _own(make.make_use(bed, kind="tentative"))


def break_bed_use_without_owner():
    make.make_use(make.make_bed())


def break_two_primary_placements_at_once():
    first = _placed()
    loosen("programs_placement")
    make.make_placement(
        bed=make.make_bed(program=first.program), person=first.person, stay=first.stay, start=first.period.lower
    )


def break_placement_differs_from_its_bed_use():
    placement = _placed()
    Placement.objects.filter(pk=placement.pk).update(period=(placement.period.lower + HOUR, None))


def break_placement_in_another_program_than_its_bed():
    placement = _placed()
    Placement.objects.filter(pk=placement.pk).update(program=make.make_program(facility=placement.facility))


def break_placement_of_another_person_than_its_stay():
    placement = _placed()
    Placement.objects.filter(pk=placement.pk).update(person=make.make_person(at=placement.facility))


def break_open_stay_without_current_placement():
    facility = make.make_facility()
    Stay.objects.create(facility=facility, person=make.make_person(at=facility), admitted_at=timezone.now())


def break_closed_stay_with_open_placement():
    stay = _placed().stay
    Stay.objects.filter(pk=stay.pk).update(discharged_at=timezone.now(), discharge_type="completed")


def break_gap_between_primary_placements():
    first = _placed()
    now = timezone.now()
    BedUse.objects.filter(pk=first.use_id).update(period=(first.period.lower, now - HOUR))
    Placement.objects.filter(pk=first.pk).update(period=(first.period.lower, now - HOUR))
    make.make_placement(bed=make.make_bed(program=first.program), person=first.person, stay=first.stay, start=now)


def break_fulfilled_hold_without_placement():
    hold = make.make_hold()
    BedUse.objects.filter(pk=hold.use_id).update(state="fulfilled")


def break_released_hold_that_still_takes():
    BedHold.objects.filter(pk=make.make_hold().pk).update(released_at=timezone.now())


def break_admitted_inquiry_without_stay():
    inquiry = make.make_inquiry(stage=Stage.ADMITTED, admitted_at=timezone.now())
    make.make_stage_change(inquiry, "admitted")


def break_stay_of_an_inquiry_not_admitted():
    placement = _placed()
    inquiry = make.make_inquiry(facility=placement.facility, person=placement.person)
    Stay.objects.filter(pk=placement.stay_id).update(request_id=inquiry.pk)


def break_inquiry_stage_differs_from_its_last_change():
    make.make_inquiry(stage=Stage.DECISION)


def break_person_with_inquiry_at_a_facility_that_does_not_know_them():
    inquiry = make.make_inquiry()
    PersonAtFacility.objects.filter(person=inquiry.person).delete()


def break_caller_at_a_facility_that_does_not_know_them():
    make.make_inquiry(caller=make.make_person())


def break_person_in_care_at_a_facility_that_does_not_know_them():
    PersonAtFacility.objects.filter(person=_placed().person).delete()


def break_call_at_another_facility_than_its_inquiry():
    make.make_call(facility=make.make_facility())


def break_reached_inquiry_without_a_talk():
    now = timezone.now()
    make.make_inquiry(channel=Channel.REFERRAL, first_attempt_at=now, first_reached_at=now)


def break_web_inquiry_without_what_was_sent():
    make.make_inquiry(channel=Channel.WEB)


def break_promise_closed_without_outcome():
    task = make.make_task()
    loosen("work_task")
    Task.objects.filter(pk=task.pk).update(state="kept", closed_at=timezone.now())


def break_open_promise_with_an_end():
    task = make.make_task()
    loosen("work_task")
    Task.objects.filter(pk=task.pk).update(closed_at=timezone.now())


def break_promise_kept_beyond_the_grace():
    now = timezone.now()
    make.make_task(due_at=now - HOUR, state="kept", closed_at=now, outcome="Reached")


def break_e1_alert_closed_by_who_acted():
    check = make.make_safety_check(make.make_inquiry(), answer="yes", is_e1=True)
    actor, now = make.make_user(), timezone.now()
    loosen("admissions_safetycheck")
    type(check).objects.filter(pk=check.pk).update(
        action="called_911", action_at=now, action_by=actor, closed_at=now, closed_by=actor
    )


def break_saved_draft_that_kept_its_words():
    call = make.make_call()
    make.make_draft(make.make_user(at=call.facility), call.facility, saved_as=call, content={"caller": "Somebody"})


def _attempt(message, number, outcome="accepted"):
    Attempt.objects.create(message=message, number=number, idempotency_key=str(number), lease_token=uuid4(),
                           began_at=timezone.now(), outcome=outcome)  # fmt: skip


def break_message_accepted_twice():
    message = make.make_message(state="sent", sent_at=timezone.now())
    loosen("messaging_attempt")
    _attempt(message, 1)
    _attempt(message, 2, "resolved_sent")


def break_slot_sent_twice():
    first = make.make_message(state="sent", sent_at=timezone.now(), slot_key="same")
    loosen("messaging_message")
    second = make.make_message(
        facility=first.facility, user=first.user, state="sent", sent_at=timezone.now(), slot_key="same"
    )
    _attempt(first, 1)
    _attempt(second, 1)


def break_sent_message_without_acceptance():
    make.make_message(state="sent", sent_at=timezone.now())


def break_message_sending_without_lease():
    message = make.make_message()
    loosen("messaging_message")
    Message.objects.filter(pk=message.pk).update(state="sending")


def break_message_lease_over_for_ten_minutes():
    make.make_message(state="sending", lease_token=uuid4(), lease_until=timezone.now() - HOUR)


def break_message_due_and_expired_for_ten_minutes():
    make.make_message(due_at=timezone.now() - 5 * HOUR)


def _disclosed():
    facility = make.make_facility()
    partner = make.make_partner()
    consent = make.make_consent(facility=facility, to=[partner.organization])
    return Disclosure.objects.create(
        person=consent.person, facility=facility, basis="consent", consent=consent, organization=partner.organization,
        purpose="referral", classes=["presence"], what="That she is here", how="Telephone", notice="2.32",
        consent_copy="Whether I am here", at=timezone.now(),
    )  # fmt: skip


def break_disclosure_without_ground():
    disclosure = _disclosed()
    loosen("privacy_disclosure")
    with pgtrigger.ignore():
        Disclosure.objects.filter(pk=disclosure.pk).update(notice="")


def break_disclosure_outside_its_consent():
    disclosure = _disclosed()
    with pgtrigger.ignore():
        Disclosure.objects.filter(pk=disclosure.pk).update(classes=["presence", "clinical"])


def break_referral_out_without_disclosure():
    referral = make.make_referral()
    loosen("referrals_referral")
    Referral.objects.filter(pk=referral.pk).update(direction="out")


def break_referral_state_differs_from_its_last_move():
    ReferralMove.objects.create(
        referral=make.make_referral(), from_state="received", to_state="accepted", at=timezone.now()
    )


def break_consent_without_every_element():
    make.make_consent(to=[])


def break_therapy_outside_its_placement():
    assignment = make.make_assignment()
    now = timezone.now()
    placement = Placement.objects.get(pk=assignment.placement_id)
    BedUse.objects.filter(pk=placement.use_id).update(period=(placement.period.lower, now))
    Placement.objects.filter(pk=placement.pk).update(period=(placement.period.lower, now))
    Stay.objects.filter(pk=placement.stay_id).update(discharged_at=now, discharge_type="completed")


def break_idempotency_key_without_answer():
    IdempotencyKey.objects.create(actor="1", key="12345678", route="x", fingerprint="x", location="", status=0)


def break_read_event_without_persons():
    ReadEvent.objects.create(page="x", person_ids=[])


def break_merged_person_with_open_stay():
    Person.objects.filter(pk=_placed().person_id).update(merged_into=make.make_person())


@pytest.mark.parametrize("name", invariants.INVARIANTS)
def test_each_invariant_speaks_on_the_row_that_breaks_it_and_no_other_does(name):
    globals()[f"break_{name}"]()

    found = {broken: count for broken, count in invariants.check().items() if count}

    assert found == {name: 1}


def test_a_house_with_one_row_of_everything_breaks_nothing():
    now = timezone.now()
    placement = _placed()
    facility, person = placement.facility, placement.person
    inquiry = make.make_inquiry(
        facility=facility, person=person, stage=Stage.ADMITTED, admitted_at=now, channel=Channel.WEB
    )
    make.make_submission(inquiry)
    make.make_stage_change(inquiry, "admitted")
    make.make_call(inquiry)
    make.make_hold(facility=facility)
    make.make_task(facility=facility, person=person)
    make.make_assignment(placement=placement)
    make.make_message(due_at=now)
    make.make_referral(facility=facility, person=person)
    _disclosed()

    assert not any(invariants.check().values())


def test_the_command_prints_one_object_and_fails_on_a_violation():
    make.make_use(make.make_bed())
    out = StringIO()

    with pytest.raises(SystemExit) as left:
        call_command("check_invariants", stdout=out)

    assert left.value.code == 1
    assert json.loads(out.getvalue()) == dict.fromkeys(invariants.INVARIANTS, 0) | {"bed_use_without_owner": 1}
