"""Consents permit, and nothing else does; what is told is written down with the notice of the rule."""

import datetime as dt
import itertools
import threading
from pathlib import Path

import pgtrigger
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.permissions import Role
from core.errors import Refused
from core.models import Happening
from privacy import notices, rules, services
from privacy.enums import ConsentKind, ConsentState, ContentClass, Ladder, Purpose
from privacy.models import Consent, Disclosure, Revocation
from tests import factories as make

C, P = ContentClass, Purpose
DAY = dt.timedelta(days=1)
KEY = "a-key-of-this-form"
ASK = {"purpose": P.REFERRAL, "classes": [C.PRESENCE], "by": None}


def elements(person, **changed):
    """Every element of 42 CFR 2.31(a), as the form hands them to the service."""
    facility = changed.pop("facility", None) or person.known_at.get().facility
    return {
        "facility": facility,
        "kind": ConsentKind.SPECIFIC,
        "discloser": facility.name,
        "classes": [C.PRESENCE, C.DATES],
        "what": "Whether and when I am here",
        "purposes": [P.REFERRAL],
        "recipients": [make.make_organization()],
        "expires_on": facility.today() + 30 * DAY,
        "signer": person,
        "signer_role": "patient",
        "signature_how": "paper",
        "signed_name": person.name,
        "signed_at": timezone.now(),
        "revocation_text": notices.REVOCATION.format(how="by phone"),
        "by": None,
    } | changed


def code_of(person, recipient, **ask):
    """The reason code `permit` refuses with, or "" when it permits."""
    try:
        services.permit(person, recipient=recipient, **(ASK | ask))
    except services.NotPermitted as refusal:
        return refusal.code
    return ""


# The elements of 42 CFR 2.31 --------------------------------------------------------------------------


def test_a_consent_with_every_element_is_recorded_and_happens():
    person = make.make_person(at=make.make_facility())

    consent = services.record_consent(person, **elements(person))

    assert rules.state(consent, timezone.now()) == ConsentState.IN_FORCE
    assert Happening.objects.about(person.pk).get().verb == "consent.recorded"


@pytest.mark.parametrize(
    "missing, empty",
    [
        ("kind", ""),
        ("discloser", " "),
        ("classes", []),
        ("what", ""),
        ("purposes", []),
        ("recipients", []),
        ("revocation_text", ""),
        ("expires_on", None),
        ("signer_role", ""),
        ("signature_how", ""),
        ("signed_name", "  "),
        ("signed_at", None),
        ("signer", None),
    ],
)
def test_a_consent_without_one_element_is_refused_and_names_it(missing, empty):
    person = make.make_person(at=make.make_facility())

    with pytest.raises(services.Incomplete) as refusal:
        services.record_consent(person, **elements(person, **{missing: empty}))

    assert refusal.value.field == missing
    assert not Consent.objects.exists()


@pytest.mark.parametrize(
    "broken",
    [
        {"discloser": ""},
        {"what": ""},
        {"classes": []},
        {"classes": ["everything"]},
        {"purposes": []},
        {"purposes": ["marketing"]},
        {"revocation_text": ""},
        {"expires_on": None},
        {"signed_name": ""},
        {"signed_at": None},
        {"signer": None},
        {"signer_role": ""},
        {"signature_how": "oral"},
        {"kind": "general"},
        {"kind": "tpo", "purposes": ["treatment"], "recipient_class": "my providers"},
        {"kind": "tpo", "purposes": ["treatment"], "tpo_text": "May be redisclosed."},
        {"kind": "tpo", "purposes": ["court"], "tpo_text": "x", "recipient_class": "x"},
        {"classes": ["presence", "counseling_notes"]},
        {"kind": "counseling_notes", "classes": ["counseling_notes", "presence"]},
    ],
    ids=str,
)
def test_the_database_refuses_a_consent_without_one_element(broken):
    with pytest.raises(IntegrityError), transaction.atomic():
        make.make_consent(**broken)


@pytest.mark.parametrize(
    "changed, field",
    [
        ({"kind": "tpo", "tpo_text": "x", "recipient_class": "x", "purposes": ["family"]}, "purposes"),
        ({"kind": "tpo", "recipient_class": "x", "purposes": ["treatment"]}, "tpo_text"),
        ({"kind": "tpo", "tpo_text": "x", "purposes": ["treatment"]}, "recipient_class"),
        ({"kind": "counseling_notes"}, "classes"),
        ({"classes": ["presence", "counseling_notes"]}, "classes"),
        ({"purposes": ["court", "family"]}, "purposes"),
        ({"kind": "proceedings", "purposes": ["referral"]}, "purposes"),
        ({"kind": "criminal_justice", "purposes": ["court", "treatment"]}, "purposes"),
    ],
    ids=str,
)
def test_kinds_are_not_combined(changed, field):
    person = make.make_person(at=make.make_facility())

    with pytest.raises(services.Incomplete) as refusal:
        services.record_consent(person, **elements(person, **changed))

    assert refusal.value.field == field


def test_a_signature_from_the_future_is_refused():
    person = make.make_person(at=make.make_facility())

    with pytest.raises(services.Incomplete) as refusal:
        services.record_consent(person, **elements(person, signed_at=timezone.now() + DAY))

    assert refusal.value.code == "not_yet"


def test_a_minor_does_not_sign_as_an_adult_and_a_parent_signs_only_when_allowed():
    facility = make.make_facility()
    minor = make.make_person(at=facility, birth_on=facility.today() - 16 * 365 * DAY)
    mother = make.make_person(at=facility)

    with pytest.raises(services.Incomplete, match="under 18"):
        services.record_consent(minor, **elements(minor))
    with pytest.raises(services.Incomplete) as refusal:
        services.record_consent(minor, **elements(minor, signer=mother, signer_role="parent"))
    assert refusal.value.field == "signer"

    minor.relationships.create(other=mother, relation="mother", may_sign=True)
    assert services.record_consent(minor, **elements(minor, signer=mother, signer_role="parent"))
    assert services.record_consent(minor, **elements(minor, signer_role="minor"))


def test_consents_recipients_revocations_and_disclosures_never_change():
    hospital = make.make_organization()
    consent = make.make_consent(to=[hospital])
    permit = services.permit(consent.person, recipient=hospital, **ASK)
    disclosure = services.disclose(permit, what="Is here", how="phone", by=None)
    services.revoke(consent, how="by phone", by=None)

    rows = [consent, consent.recipients.get(), Revocation.objects.get(), disclosure]
    for row in rows:
        table = connection.ops.quote_name(type(row)._meta.db_table)
        for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}"):
            refused = pytest.raises(DatabaseError, match="Cannot update or delete")
            with refused, transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)


# What is permitted ------------------------------------------------------------------------------------


RECIPIENTS = ["named", "other", "covered", "relative"]
CONSENTS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(ConsentKind.values),
        "classes": st.sets(st.sampled_from([C.PRESENCE, C.DATES, C.TREATMENT]), min_size=1),
        "purposes": st.sets(st.sampled_from([P.TREATMENT, P.REFERRAL, P.FAMILY]), min_size=1),
        "to": st.sets(st.sampled_from(["named", "covered", "relative"])),
        "signed_days_ago": st.sampled_from([-1, 0, 10]),
        "ends_in_days": st.sampled_from([-1, 0, 5, None]),
        "fate": st.sampled_from(["", "", "revoked", "superseded"]),
    }
)
QUESTIONS = st.fixed_dictionaries(
    {
        "recipient": st.sampled_from(RECIPIENTS),
        "purpose": st.sampled_from([P.TREATMENT, P.REFERRAL, P.FAMILY]),
        "classes": st.sets(st.sampled_from([C.PRESENCE, C.DATES, C.TREATMENT]), min_size=1),
    }
)


def oracle(consents, question):
    """Whether the rule allows it: written from domain/privacy.md section 2, not from the code."""
    for consent in consents:
        if consent["kind"] == "tpo":
            reaches = question["recipient"] == "covered" and question["purpose"] == P.TREATMENT
        else:
            reaches = question["recipient"] in consent["to"]
        if consent["kind"] == "counseling_notes":
            reaches = False  # nothing but notes, and no notes are asked for here
        begun = consent["signed_days_ago"] >= 0
        ended = consent["ends_in_days"] is not None and consent["ends_in_days"] < 0
        if (
            reaches
            and question["purpose"] in consent["purposes"]
            and question["classes"] <= consent["classes"]
            and begun
            and not ended
            and not consent["fate"]
        ):
            return True
    return False


def legal(consent):
    """What the database lets in, kept as near to what was drawn as possible."""
    if consent["kind"] == "tpo":
        return consent | {"purposes": {P.TREATMENT}}
    if consent["kind"] == "counseling_notes":
        return consent | {"classes": {C.COUNSELING_NOTES}}
    return consent


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(CONSENTS.map(legal), max_size=3), question=QUESTIONS)
def test_permit_answers_as_the_rule_does(drawn, question):
    with transaction.atomic():
        facility = make.make_facility()
        person = make.make_person(at=facility)
        who = {
            "named": make.make_organization(),
            "other": make.make_organization(),
            "covered": make.make_organization(is_part2_or_hipaa=True),
            "relative": make.make_person(at=facility),
        }
        for drawn_one in drawn:
            ends = drawn_one["ends_in_days"]
            tpo = {"recipient_class": notices.TPO_RECIPIENTS, "tpo_text": "x"} if drawn_one["kind"] == "tpo" else {}
            common = {
                "person": person,
                "facility": facility,
                "kind": drawn_one["kind"],
                "classes": sorted(drawn_one["classes"]),
                "purposes": sorted(drawn_one["purposes"]),
                "signed_at": timezone.now() - drawn_one["signed_days_ago"] * DAY,
                "expires_on": None if ends is None else facility.today() + ends * DAY,
                "expires_event": "the end of the treatment" if ends is None else "",
            } | tpo
            consent = make.make_consent(to=[who[name] for name in sorted(drawn_one["to"])], **common)
            if drawn_one["fate"] == "revoked":
                services.revoke(consent, how="by phone", by=None)
            if drawn_one["fate"] == "superseded":
                make.make_consent(**common, supersedes=consent)  # names nobody

        # A successor of a TPO consent needs no names: it is one more consent of the same scope.
        successors = [one | {"fate": ""} for one in drawn if one["fate"] == "superseded" and one["kind"] == "tpo"]
        code = code_of(person, who[question["recipient"]], purpose=question["purpose"], classes=question["classes"])

        assert (code == "") == oracle([*drawn, *successors], question)
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    "changed, ask, code",
    [
        ({}, {}, ""),
        ({}, {"purpose": P.FAMILY}, "wrong_purpose"),
        ({}, {"purpose": "marketing"}, "wrong_purpose"),
        ({}, {"classes": [C.PRESENCE, C.CLINICAL]}, "outside_scope"),
        ({}, {"classes": []}, "unclassified"),
        ({}, {"classes": ["gossip"]}, "unclassified"),
        ({}, {"classes": [C.COUNSELING_NOTES]}, "counseling_notes"),
        ({}, {"classes": [C.PRESENCE, C.COUNSELING_NOTES]}, "counseling_notes"),
        ({"signed_at": timezone.now() + DAY}, {}, "not_yet"),
        ({"signed_at": timezone.now() - 9 * DAY, "expires_on": dt.date(2020, 1, 1)}, {}, "expired"),
        ({"expires_on": None, "expires_event": "when I say so"}, {}, ""),
        ({"kind": "counseling_notes", "classes": ["counseling_notes"]}, {"classes": [C.COUNSELING_NOTES]}, ""),
        ({"kind": "counseling_notes", "classes": ["counseling_notes"]}, {}, "outside_scope"),
    ],
)
def test_a_refusal_names_its_reason(changed, ask, code):
    hospital = make.make_organization()
    consent = make.make_consent(to=[hospital], **changed)

    assert code_of(consent.person, hospital, **ask) == code


def test_the_last_day_is_the_facilitys_day():
    hospital = make.make_organization()
    facility = make.make_facility(zone="America/Los_Angeles")
    consent = make.make_consent(
        facility=facility,
        to=[hospital],
        expires_on=dt.date(2026, 3, 1),
        signed_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )
    before_midnight = dt.datetime(2026, 3, 2, 7, 59, tzinfo=dt.UTC)

    assert code_of(consent.person, hospital, at=before_midnight) == ""
    assert code_of(consent.person, hospital, at=before_midnight + dt.timedelta(minutes=1)) == "expired"


def test_nobody_is_told_without_a_consent_or_under_somebody_elses():
    hospital = make.make_organization()
    consent = make.make_consent(to=[hospital])
    other = make.make_person(at=consent.facility)

    assert code_of(other, hospital) == "no_consent"
    assert code_of(consent.person, make.make_organization()) == "wrong_recipient"
    assert code_of(consent.person, other) == "wrong_recipient"


@pytest.mark.parametrize("is_covered, purpose, code", [
    (True, P.TREATMENT, ""), (True, P.PAYMENT, ""), (True, P.OPERATIONS, ""),
    (True, P.REFERRAL, "wrong_purpose"), (True, P.COURT, "wrong_purpose"), (True, P.FAMILY, "wrong_purpose"),
    (False, P.TREATMENT, "wrong_recipient"),
])  # fmt: skip
def test_tpo_covers_covered_entities_for_its_three_purposes_only(is_covered, purpose, code):
    recipient = make.make_organization(is_part2_or_hipaa=is_covered)
    consent = make.make_consent(
        to=[recipient], kind="tpo", purposes=["treatment", "payment", "operations"],
        recipient_class=notices.TPO_RECIPIENTS, tpo_text="x",
    )  # fmt: skip

    assert code_of(consent.person, recipient, purpose=purpose) == code


def test_tpo_never_covers_a_relative():
    consent = make.make_consent(
        kind="tpo", purposes=["treatment"], recipient_class=notices.TPO_RECIPIENTS, tpo_text="x"
    )

    assert code_of(consent.person, make.make_person(), purpose=P.TREATMENT) == "wrong_recipient"


def test_two_narrow_consents_do_not_add_up_to_a_wide_one():
    hospital = make.make_organization()
    first = make.make_consent(to=[hospital], classes=["presence"])
    make.make_consent(person=first.person, facility=first.facility, to=[hospital], classes=["dates"])

    assert code_of(first.person, hospital, classes=[C.DATES]) == ""
    assert code_of(first.person, hospital, classes=[C.PRESENCE, C.DATES]) == "outside_scope"


def test_another_facilitys_consent_does_not_count_here():
    hospital = make.make_organization()
    consent = make.make_consent(to=[hospital])

    assert code_of(consent.person, hospital, facility=consent.facility) == ""
    assert code_of(consent.person, hospital, facility=make.make_facility()) == "no_consent"


def test_merging_widens_nothing():
    hospital, relative = make.make_organization(), make.make_person()
    consent = make.make_consent(to=[hospital, relative])
    survivor = make.make_person(at=consent.facility)
    consent.person.merged_into = survivor
    consent.person.save()
    other = make.make_consent(to=[relative])
    relative.merged_into = make.make_person()
    relative.save()

    assert code_of(survivor, hospital) == "no_consent"
    assert code_of(consent.person, hospital) == "merged"
    assert code_of(other.person, relative) == "wrong_recipient"
    assert code_of(other.person, relative.merged_into) == "wrong_recipient"


def test_a_newer_consent_replaces_the_older_at_once():
    hospital = make.make_organization()
    consent = make.make_consent(to=[hospital])
    given_now = elements(consent.person, facility=consent.facility, classes=[C.DATES], recipients=[hospital])
    given_now.pop("facility"), given_now.pop("by")

    newer = services.supersede(consent, by=None, **given_now)

    assert code_of(consent.person, hospital) == "superseded"
    assert code_of(consent.person, hospital, classes=[C.DATES]) == ""
    assert services.in_force(consent.person) == [newer]
    with pytest.raises(Refused, match="replaced or taken back"):
        services.supersede(consent, by=None, **given_now)


def test_an_oral_revocation_counts_at_once_and_twice_is_once():
    hospital = make.make_organization()
    consent = make.make_consent(to=[hospital])

    first = services.revoke(consent, how="said so on the phone", by=None)
    again = services.revoke(consent, how="and on paper", by=None)

    assert first == again
    assert code_of(consent.person, hospital) == "revoked"
    with pytest.raises(Refused, match="how"):
        services.revoke(consent, how=" ", by=None)


# What is told -----------------------------------------------------------------------------------------


def test_what_is_told_is_written_down_with_the_notice_and_the_scope():
    hospital = make.make_organization()
    consent = make.make_consent(to=[hospital], what="Whether I am there")
    by = make.make_user(at=consent.facility)

    permit = services.permit(consent.person, recipient=hospital, **ASK | {"by": by})
    disclosure = services.disclose(permit, what="Is here since Monday", how="phone", by=by)

    disclosure.refresh_from_db()
    assert disclosure.notice == notices.STATEMENT_1
    assert (disclosure.consent, disclosure.organization, disclosure.purpose) == (consent, hospital, "referral")
    assert (disclosure.classes, disclosure.what, disclosure.by) == (["presence"], "Is here since Monday", by)
    for element in (consent.person.name, hospital.name, "Whether I am there", consent.revocation_text):
        assert element in disclosure.consent_copy
    assert Happening.objects.filter(verb="disclosure.made", subject_id=disclosure.pk).count() == 1


def test_the_notice_is_the_rules_text_word_for_word():
    # 42 CFR 2.32(a)(1) as amended by 89 FR 12472, joined to one line.
    assert " ".join(notices.STATEMENT_1.split()) == (
        "This record which has been disclosed to you is protected by Federal confidentiality rules (42 CFR part 2). "
        "These rules prohibit you from using or disclosing this record, or testimony that describes the information "
        "contained in this record, in any civil, criminal, administrative, or legislative proceedings by any Federal, "
        "State, or local authority, against the patient, unless authorized by the consent of the patient, except as "
        "provided at 42 CFR 2.12(c)(5) or as authorized by a court in accordance with 42 CFR 2.64 or 2.65. In "
        "addition, the Federal rules prohibit you from making any other use or disclosure of this record unless at "
        "least one of the following applies: (i) Further use or disclosure is expressly permitted by the written "
        "consent of the individual whose information is being disclosed in this record or as otherwise permitted by "
        "42 CFR part 2. (ii) You are a covered entity or business associate and have received the record for "
        "treatment, payment, or health care operations, or (iii) You have received the record from a covered entity "
        "or business associate as permitted by 45 CFR part 164, subparts A and E. A general authorization for the "
        "release of medical or other information is NOT sufficient to meet the required elements of written consent "
        "to further use or redisclose the record (see 42 CFR 2.31)."
    )


def test_the_obsolete_notice_is_nowhere_in_the_tree():
    root = Path(__file__).resolve().parent.parent
    obsolete = [
        "This information has been disclosed to you " + "from records",
        "protected by federal " + "confidentiality rules",
    ]
    looked_at = 0
    for path in itertools.chain.from_iterable(root.rglob(f"*.{kind}") for kind in ("py", "html", "txt", "md", "js")):
        if any(part.startswith(".") or part == "vendor" for part in path.relative_to(root).parts):
            continue
        text = " ".join(path.read_text(errors="replace").split())
        looked_at += 1
        assert not [words for words in obsolete if words in text], path

    assert looked_at > 50


def test_a_permit_outside_a_transaction_is_a_mistake_of_ours(transactional_db):
    consent = make.make_consent()

    with pytest.raises(transaction.TransactionManagementError):
        services.permit(consent.person, recipient=make.make_organization(), **ASK)


def test_a_permit_of_another_transaction_is_refused(transactional_db):
    hospital = make.make_organization()
    consent = make.make_consent(to=[hospital])
    with transaction.atomic():
        permit = services.permit(consent.person, recipient=hospital, **ASK)

    with pytest.raises(services.NotPermitted) as outside:
        services.disclose(permit, what="Is here", how="phone", by=None)
    with transaction.atomic(), pytest.raises(services.NotPermitted) as inside:
        services.disclose(permit, what="Is here", how="phone", by=None)

    assert (outside.value.code, inside.value.code) == ("permit_over", "permit_over")
    assert not Disclosure.objects.exists()


def test_a_permit_of_a_rolled_back_part_cannot_outlive_the_consent():
    hospital = make.make_organization()
    consent = make.make_consent(to=[hospital])
    part = transaction.savepoint()
    permit = services.permit(consent.person, recipient=hospital, **ASK)
    transaction.savepoint_rollback(part)
    services.revoke(consent, how="by phone", by=None)

    with pytest.raises(services.NotPermitted):
        services.disclose(permit, what="Is here", how="phone", by=None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"classes": ["presence", "clinical"]},
        {"purpose": "family"},
        {"at": timezone.now() - 400 * DAY},
        {"at": timezone.now() + 400 * DAY},
        {"consent": None},
        {"notice": ""},
        {"consent_copy": ""},
        {"person": make.make_person},
        {"facility": make.make_facility},
    ],
)
def test_the_database_refuses_a_disclosure_the_consent_does_not_carry(wrong):
    hospital = make.make_organization()
    consent = make.make_consent(to=[hospital], signed_at=timezone.now() - DAY)
    row = {
        "person": consent.person, "facility": consent.facility, "basis": "consent", "consent": consent,
        "organization": hospital, "purpose": "referral", "classes": ["presence"], "what": "x", "how": "phone",
        "notice": notices.STATEMENT_1, "consent_copy": "x", "at": timezone.now(),
    }  # fmt: skip
    Disclosure.objects.create(**row)  # right as it stands
    changed = {field: value() if callable(value) else value for field, value in wrong.items()}

    with pytest.raises(IntegrityError), transaction.atomic():
        Disclosure.objects.create(**row | changed)


def test_an_emergency_tells_medical_personnel_only_and_asks_every_fact():
    facility = make.make_facility()
    person, by = make.make_person(at=facility), make.make_user(at=facility)
    facts = {
        "facility": facility, "recipient": make.make_organization(), "received_by": "Dr. Imani Cole",
        "affiliation": "Emergency department", "nature": "Not breathing", "classes": [C.CLINICAL],
        "what": "Took ketamine and alcohol", "how": "phone", "by": by,
    }  # fmt: skip

    told = services.disclose_emergency(person, **facts)

    assert told.basis == "emergency"
    for fact in ("Dr. Imani Cole", "Emergency department", "Not breathing", str(by)):
        assert fact in told.emergency
    for fact in ("received_by", "affiliation", "nature", "what", "how"):
        with pytest.raises(services.Incomplete):
            services.disclose_emergency(person, **facts | {fact: " "})
    for recipient in (make.make_organization(kind="court"), make.make_organization(kind="sober_home"), person):
        with pytest.raises(Refused) as refusal:
            services.disclose_emergency(person, **facts | {"recipient": recipient})
        assert refusal.value.code == "not_medical"
    with pytest.raises(Refused):
        services.disclose_emergency(person, **facts | {"by": None})
    assert Disclosure.objects.count() == 1


@pytest.mark.parametrize(
    "classes, purposes, level",
    [
        (["presence"], ["family"], Ladder.NOTHING),
        (["dates"], ["family"], Ladder.DATES),
        (["dates", "insurance"], ["family"], Ladder.INSURANCE),
        (["insurance"], ["family"], Ladder.NOTHING),
        (["dates", "insurance", "treatment", "clinical"], ["family"], Ladder.CLINICAL),
        (["dates", "treatment", "clinical"], ["family"], Ladder.DATES),
        (["dates"], ["referral"], Ladder.NOTHING),
        (["dates"], ["at_request"], Ladder.DATES),
    ],
)
def test_the_ladder_says_no_more_than_the_consent(classes, purposes, level):
    mother = make.make_person()
    consent = make.make_consent(to=[mother], classes=classes, purposes=purposes)

    assert services.may_say(consent.person, mother) == level
    assert services.may_say(consent.person, make.make_person()) == Ladder.NOTHING
    assert services.may_say(consent.person, consent.person) == Ladder.CLINICAL
    services.revoke(consent, how="by phone", by=None)
    assert services.may_say(consent.person, mother) == Ladder.NOTHING


# Pages ------------------------------------------------------------------------------------------------


def test_recording_a_consent_through_the_page(signed_in):
    facility = make.make_facility()
    person = make.make_person(at=facility)
    hospital = make.make_organization()
    client = signed_in(make.make_user(at=facility))
    url = reverse("privacy:consent_new", args=[person.pk])
    given = {
        "kind": "specific", "discloser": facility.name, "classes": ["presence", "dates"], "what": "When I arrive",
        "organization_1": hospital.pk, "purposes": ["referral"], "states_revocation": "on",
        "revocation_how": "by phone", "expires_event": "the end of the treatment", "signer_role": "patient",
        "signature_how": "paper", "signed_name": person.name, "signed_on": "today", "idempotency_key": KEY,
    }  # fmt: skip

    opened = client.post(url, {"choose": "specific", "idempotency_key": KEY})
    assert b"checked" not in opened.content  # nothing is said yes to beforehand
    for element in set(given) - {"idempotency_key", "kind"}:
        response = client.post(url, {name: value for name, value in given.items() if name != element})
        assert response.context["form"].errors, element
    assert not Consent.objects.exists()

    response = client.post(url, given)
    consent = Consent.objects.get()
    assert response.headers["Location"] == reverse("privacy:consent", args=[consent.pk])
    assert consent.recipients.get().organization == hospital
    assert "by phone" in consent.revocation_text
    page = client.get(response.headers["Location"]).content.decode()
    assert hospital.name in page

    client.post(reverse("privacy:consent_revoke", args=[consent.pk]), {"how": "in writing"})
    assert services.in_force(person) == []


def test_a_newly_signed_consent_can_replace_an_older_one_through_the_page(signed_in):
    older = make.make_consent(to=[make.make_organization()])
    other = make.make_consent(to=[make.make_organization()])
    client = signed_in(make.make_user(at=older.facility))
    given = {
        "kind": "specific", "discloser": "We", "classes": ["presence"], "what": "That I am here",
        "organization_1": make.make_organization().pk, "purposes": ["family"], "states_revocation": "on",
        "revocation_how": "by phone", "expires_event": "when I say so", "signer_role": "patient",
        "signature_how": "paper", "signed_name": "Devin", "signed_on": "today", "idempotency_key": KEY,
    }  # fmt: skip
    url = reverse("privacy:consent_new", args=[older.person.pk])

    assert "supersedes" in client.post(url, given | {"supersedes": str(other.pk)}).context["form"].errors
    assert client.post(url, given | {"supersedes": str(older.pk)}).status_code == 302

    assert [consent.supersedes for consent in services.in_force(older.person)] == [older]


@pytest.mark.parametrize("kind", ["tpo", "counseling_notes", "criminal_justice", "proceedings"])
def test_each_kind_of_consent_can_be_recorded_through_its_own_form(signed_in, kind):
    facility = make.make_facility()
    person = make.make_person(at=facility)
    client = signed_in(make.make_user(at=facility))
    given = {
        "kind": kind, "discloser": facility.name, "classes": ["presence"], "what": "That I am here",
        "organization_1": make.make_organization().pk, "purposes": ["treatment"], "states_revocation": "on",
        "revocation_how": "by phone", "states_redisclosure": "on", "refusing": "Nothing",
        "recipient_class": "my providers", "expires_on": "12/31/2099", "signer_role": "patient",
        "signature_how": "electronic",
        "signed_name": person.name, "signed_on": "yesterday", "signed_time": "2pm", "idempotency_key": KEY,
    }  # fmt: skip

    response = client.post(reverse("privacy:consent_new", args=[person.pk]), given)

    assert response.status_code == 302, response.context["form"].errors
    assert Consent.objects.get().kind == kind


def test_the_privacy_officer_sees_what_was_told_and_who_read_and_others_do_not(signed_in):
    consent = make.make_consent(to=[make.make_organization(name="Elm Clinic")])
    make.make_disclosure(consent, to=consent.recipients.get().organization)
    facility = consent.facility
    url = reverse("privacy:accounting", args=[consent.person.pk])

    client = signed_in(make.make_user(at=facility))
    assert client.get(url).status_code == 403
    client.get(reverse("privacy:consents", args=[consent.person.pk]))

    client = signed_in(make.make_user(at=facility, role=Role.ADMIN, flags=["privacy_officer"]))
    page = client.get(url).content.decode()
    assert "Elm Clinic" in page
    assert "privacy:consents" in page


# The gap between the question and the telling -----------------------------------------------------------


def race(consent, hospital, *, patience):
    """Revoke in the gap between permit and disclose. Answers whether the revocation was committed before the telling
    was, or the code with which the telling was refused. `patience` seconds are given to the revocation to get in.
    """
    asked = threading.Event()

    def revoke():
        try:
            asked.wait(20)
            services.revoke(consent, how="by phone", by=None)
        finally:
            connection.close()

    revoker = threading.Thread(target=revoke)
    revoker.start()
    try:
        with transaction.atomic():
            permit = services.permit(consent.person, recipient=hospital, **ASK)
            asked.set()
            revoker.join(patience)
            services.disclose(permit, what="Is here", how="phone", by=None)
            return Revocation.objects.filter(consent=consent).exists()
    except services.NotPermitted as refusal:
        return refusal.code
    finally:
        revoker.join(20)


def test_a_revocation_waits_for_what_is_being_told_and_stops_all_after(transactional_db):
    hospital = make.make_organization()
    consent = make.make_consent(to=[hospital])

    assert race(consent, hospital, patience=1) is False
    assert Disclosure.objects.count() == 1
    with transaction.atomic():
        assert code_of(consent.person, hospital) == "revoked"


def test_without_the_lock_the_gap_would_tell_after_the_revocation(transactional_db, monkeypatch):
    """Negative control: the race above goes red when nobody takes the share lock."""
    hospital = make.make_organization()
    consent = make.make_consent(to=[hospital])
    monkeypatch.setattr(services, "_share_lock", lambda person: None)

    with pgtrigger.ignore("privacy.Disclosure:consent_holds"):
        assert race(consent, hospital, patience=20) is True
    assert Disclosure.objects.count() == 1


def test_the_database_alone_closes_the_gap(transactional_db, monkeypatch):
    hospital = make.make_organization()
    consent = make.make_consent(to=[hospital])
    monkeypatch.setattr(services, "_share_lock", lambda person: None)

    assert race(consent, hospital, patience=20) == "permit_over"
    assert not Disclosure.objects.exists()
