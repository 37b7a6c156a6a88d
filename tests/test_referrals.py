"""Referrals in and out: the loop is closed, nothing is told without consent, nobody is paid."""

import datetime as dt

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from admissions import referring
from admissions.models import Inquiry
from core.errors import Refused, Stale
from core.models import Happening
from people.models import Person, ReadEvent
from privacy import services as privacy
from privacy.models import Disclosure
from referrals import fits, services
from referrals.enums import CLOSED_STATES, NEXT_STATES, ReferralState
from referrals.models import Partner, Referral, ReferralMove
from tests import factories as make
from work.models import Task

DAY = dt.timedelta(days=1)
ALLOWED = ["presence", "demographics", "treatment"]
KEY = "a-key-of-this-form"


def consent_to(partner, inquiry, **given):
    return make.make_consent(
        **{"person": inquiry.person, "facility": inquiry.facility, "to": [partner.organization], "classes": ALLOWED}
        | given
    )


def draft(*, partner=None, inquiry=None, **given):
    inquiry = inquiry or make.make_inquiry()
    return services.draft_out(
        **{"partner": partner or make.make_partner(), "facility": inquiry.facility, "person": inquiry.person,
           "reason": "Needs a doctor at night", "by": None} | given
    )  # fmt: skip


def sent(**given):
    row = draft(**given)
    consent_to(row.partner, row)
    return services.send(row, by=None)


# Sending ----------------------------------------------------------------------------------------------


def test_a_draft_is_sent_with_one_disclosure_and_a_day_to_ask_again():
    partner = make.make_partner()
    row = draft(partner=partner, category="res_med", urgency="urgent")
    consent = consent_to(partner, row)
    by = make.make_user(at=row.facility)

    row = services.send(row, by=by, how="fax")

    told = Disclosure.objects.get()
    assert (row.state, row.disclosure, row.follow_up_on) == ("sent", told, row.facility.today() + DAY)
    assert (told.consent, told.organization, told.purpose, told.how) == (
        consent,
        partner.organization,
        "referral",
        "fax",
    )
    assert told.classes == ALLOWED
    assert row.person.name in told.what
    assert "Detox" in told.what
    assert "Needs a doctor at night" not in told.what  # clinical words, and the consent has no clinical class
    assert [(move.from_state, move.to_state) for move in row.moves.all()] == [("", "draft"), ("draft", "sent")]
    assert {"referral.sent", "disclosure.made"} <= set(Happening.objects.values_list("verb", flat=True))


def test_the_reason_is_told_only_under_a_clinical_consent():
    row = draft()
    consent_to(row.partner, row, classes=[*ALLOWED, "clinical"])

    row = services.send(row, by=None, classes=[*services.LEAST, "clinical"])

    assert "Needs a doctor at night" in row.disclosure.what


def test_without_consent_nothing_is_sent_and_the_draft_stays():
    row = draft()
    consent_to(make.make_partner(), row)

    with pytest.raises(privacy.NotPermitted) as refusal:
        services.send(row, by=None)

    row.refresh_from_db()
    assert (refusal.value.code, row.state, Disclosure.objects.count()) == ("wrong_recipient", "draft", 0)


def test_a_treating_provider_is_reached_by_the_one_tpo_consent_and_a_sober_home_is_not():
    inquiry = make.make_inquiry()
    tpo = {"kind": "tpo", "purposes": ["treatment"], "recipient_class": "my treating providers", "tpo_text": "x"}
    consent_to(make.make_partner(), inquiry, **tpo)
    hospital = make.make_partner(organization=make.make_organization(is_part2_or_hipaa=True))
    home = make.make_partner(organization=make.make_organization(kind="sober_home"))

    row = services.send(draft(partner=hospital, inquiry=inquiry), by=None)

    assert row.disclosure.purpose == "treatment"
    with pytest.raises(privacy.NotPermitted):
        services.send(draft(partner=home, inquiry=inquiry), by=None)


@pytest.mark.parametrize("state", ["sent", "seen", "accepted", "arrived"])
def test_the_database_lets_nothing_leave_draft_without_a_disclosure(state):
    row = draft()
    closed = "now()" if state in CLOSED_STATES else "NULL"

    statement = "UPDATE referrals_referral SET state = %s, follow_up_on = now(), closed_at = " + closed
    refused = pytest.raises(IntegrityError, match="out_is_disclosed")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [state])
    row.refresh_from_db()
    assert row.state == "draft"


def test_a_move_cannot_send_a_draft_nor_send_twice():
    row = sent()

    with pytest.raises(services.MoveNotAllowed):
        services.move(draft(), "sent", by=None)
    with pytest.raises(services.MoveNotAllowed):
        services.send(row, by=None)
    assert Disclosure.objects.count() == 1


def test_a_revoked_consent_flags_drafts_and_open_referrals():
    row = sent()
    by = make.make_user(at=row.facility)
    Referral.objects.filter(pk=row.pk).update(made_by=by)
    waiting = draft(partner=row.partner, inquiry=make.make_inquiry(facility=row.facility, person=row.person))

    privacy.revoke(row.disclosure.consent, how="by phone", by=by)

    flagged = Task.objects.filter(kind="referral", text__startswith="Consent taken back")
    assert set(flagged.values_list("subject_id", flat=True)) == {row.pk, waiting.pk}
    with pytest.raises(privacy.NotPermitted, match="taken back"):
        services.send(waiting, by=None)


# Moving -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ReferralState.values)
@pytest.mark.parametrize("before", ReferralState.values)
def test_only_the_moves_of_the_table_are_made(before, to):
    row = make.make_referral(
        state=before, closed_at=timezone.now() if before in CLOSED_STATES else None, state_reason="x"
    )

    if ReferralState(to) in NEXT_STATES[ReferralState(before)] and to != "sent":
        assert services.move(row, to, reason="because", by=None).state == to
    else:
        with pytest.raises(services.MoveNotAllowed):
            services.move(row, to, reason="because", by=None)


def test_a_decline_needs_its_reason_here_and_in_the_database():
    row = make.make_referral()

    with pytest.raises(services.ReasonMissing):
        services.move(row, "declined", by=None)
    with pytest.raises(IntegrityError, match="declined_because"), transaction.atomic():
        Referral.objects.filter(pk=row.pk).update(state="declined", closed_at=timezone.now())

    assert services.move(row, "declined", reason="No women’s unit", by=None).state_reason == "No women’s unit"


@pytest.mark.parametrize("urgency, days", [("urgent", 1), ("soon", 3), ("routine", 14)])
def test_an_answer_that_is_no_outcome_sets_the_next_day_to_ask(urgency, days):
    row = sent(urgency=urgency)
    later = timezone.now() + 2 * DAY

    row = services.move(row, "seen", by=None, at=later)
    assert row.follow_up_on == row.facility.today(later) + days * DAY

    row = services.move(row, "no_capacity", by=None, at=later)
    assert (row.follow_up_on, row.closed_at) == (None, later)


def test_two_people_writing_an_answer_at_once_do_not_overwrite():
    row = sent()
    services.move(row, "seen", by=None, version=row.version)

    with pytest.raises(Stale):
        services.move(row, "declined", reason="Full", by=None, version=row.version)


def test_moves_are_never_changed():
    row = make.make_referral()

    for change in (lambda: row.moves.update(reason="x"), lambda: row.moves.all().delete()):
        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            change()
    assert ReferralMove.objects.count() == 1


def test_waiting_to_hear_becomes_one_task_a_round_until_an_outcome():
    by_then = timezone.now() + DAY
    row = sent(urgency="urgent")

    assert [services.follow_up_due(timezone.now()), services.follow_up_due(by_then)] == [0, 1]
    assert services.follow_up_due(by_then) == 0  # asked already
    task = Task.objects.get(subject_id=row.pk)
    assert (task.kind, task.subject_kind, task.person) == ("referral", "referral", row.person)
    assert services.follow_up_due(by_then + DAY) == 0  # somebody is still at it

    from work import services as work

    work.close(task, outcome="They call tomorrow", by=None)
    assert services.follow_up_due(by_then + 3 * DAY) == 1

    services.move(row, "accepted", by=None)
    services.move(row, "arrived", by=None)
    assert not Task.objects.open().filter(subject_id=row.pk).exists()
    assert services.follow_up_due(by_then + 30 * DAY) == 0


# In, out and back -------------------------------------------------------------------------------------


def test_a_referral_that_comes_in_opens_an_inquiry_that_names_the_partner():
    facility, partner = make.make_facility(), make.make_partner()
    by = make.make_user(at=facility)

    inquiry = referring.receive_referral(
        facility=facility, partner=partner, by=by, reason="Drinks every day", given_name="Devin", phone="312 555 0142",
        category="res_med",
    )  # fmt: skip

    assert (inquiry.channel, inquiry.source, inquiry.words) == ("referral", "partner", "Drinks every day")
    assert (inquiry.referral.partner, inquiry.referral.state, inquiry.referral.person) == (
        partner,
        "received",
        inquiry.person,
    )
    assert inquiry.contact_point.normal == "+13125550142"
    assert inquiry.person.known_at.get().facility == facility


def test_up_to_three_partners_are_asked_each_under_its_own_disclosure():
    inquiry = make.make_inquiry()
    partners = [make.make_partner() for _ in range(3)]
    consent_to(partners[0], inquiry, to=[partner.organization for partner in partners])

    rows = referring.refer_out(inquiry, partners=partners, reason="No doctor at night", by=None)

    assert {row.partner for row in rows} == set(partners)
    assert Disclosure.objects.count() == 3
    inquiry.refresh_from_db()
    assert inquiry.stage == "new"  # open until somebody accepts
    with pytest.raises(Refused, match="asked already"):
        referring.refer_out(inquiry, partner=partners[0], reason="Again", by=None)
    with pytest.raises(Refused, match="At most 3"):
        referring.refer_out(inquiry, partners=[*partners, make.make_partner()], reason="Four", by=None)


def test_one_refusal_among_several_sends_nothing():
    inquiry = make.make_inquiry()
    first, second = make.make_partner(), make.make_partner()
    consent_to(first, inquiry)

    with pytest.raises(privacy.NotPermitted, match=str(second)):
        referring.refer_out(inquiry, partners=[first, second], reason="No bed", by=None)

    assert (Referral.objects.count(), Disclosure.objects.count()) == (0, 0)


def test_substances_are_told_only_when_chosen_and_allowed():
    inquiry, partner = make.make_inquiry(), make.make_partner()
    make.make_substance(inquiry, name="Ketamine", amount="1 g a day")
    consent_to(partner, inquiry, classes=[*ALLOWED, "clinical"])

    first = referring.refer_out(inquiry, partner=partner, reason="No bed", by=None)[0]
    services.move(first, "no_capacity", by=None)
    second = referring.refer_out(
        inquiry, partner=partner, reason="No bed", by=None, classes=[*services.LEAST, "clinical"]
    )[0]

    assert "Ketamine" not in first.disclosure.what
    assert "Uses: Ketamine, 1 g a day" in second.disclosure.what


def test_the_referrer_hears_of_it_only_under_consent_and_else_a_task_asks_for_one():
    referral = make.make_referral()
    inquiry = make.make_inquiry(facility=referral.facility, person=referral.person, referral=referral)
    by = make.make_user(at=inquiry.facility)

    for _ in range(2):
        with pytest.raises(privacy.NotPermitted):
            referring.tell_referrer(inquiry, what="admitted", by=by)
    task = Task.objects.get()  # one, however often somebody tries
    assert (task.owner, task.subject_id, Disclosure.objects.count()) == (by, inquiry.pk, 0)
    assert "consent" in task.text

    consent_to(referral.partner, inquiry, classes=["presence", "dates"])
    told = referring.tell_referrer(inquiry, what="admitted", by=by)
    assert (told.what, told.organization) == ("The person arrived", referral.partner.organization)


# Partners ---------------------------------------------------------------------------------------------


def test_money_that_depends_on_referrals_is_refused_by_its_law(signed_in):
    facility = make.make_facility()
    client = signed_in(make.make_user(at=facility))
    for choice in ("per_referral", "percentage", "bonus"):
        response = client.post(
            reverse("referrals:partner_new"),
            {"name": "Elm House", "kind": "sober_home", "compensation": choice, "idempotency_key": KEY},
        )
        assert "18 USC 220" in response.context["form"].errors["compensation"][0]
    assert not Partner.objects.exists()
    with pytest.raises(IntegrityError, match="compensation_is_closed"), transaction.atomic():
        make.make_partner(compensation="percentage")


def test_a_nearly_taken_name_is_shown_first_and_another_one_can_still_be_added(signed_in):
    make.make_partner(organization=make.make_organization(name="Elm County Hospital", city="Elm"))
    client = signed_in(make.make_user(at=make.make_facility()))
    given = {"name": "Elm County Hospitals", "kind": "hospital", "compensation": "none", "idempotency_key": KEY}

    first = client.post(reverse("referrals:partner_new"), given)
    assert "Elm County Hospital" in first.content.decode()
    assert Partner.objects.count() == 1

    second = client.post(reverse("referrals:partner_new"), given | {"is_another": "on"})
    assert second.status_code == 302
    assert Partner.objects.count() == 2


def test_a_partner_edited_by_two_people_keeps_the_first_edit(signed_in):
    partner = make.make_partner()
    client = signed_in(make.make_user(at=make.make_facility()))
    given = {
        "name": "Elm West", "kind": "hospital", "compensation": "none", "takes": ["res_med"],
        "version": partner.version, "organization_version": partner.organization.version,
    }  # fmt: skip
    url = reverse("referrals:partner_edit", args=[partner.pk])

    assert client.post(url, given).status_code == 302
    assert client.post(url, given | {"name": "Elm East"}).status_code == 200
    partner.refresh_from_db()
    assert (partner.takes, str(Partner.objects.get())) == (["res_med"], "Elm West")


def test_another_facilitys_referrals_are_in_no_tally():
    partner = make.make_partner()
    here, there = make.make_referral(partner=partner), make.make_referral(partner=partner)
    user = make.make_user(at=here.facility)

    rows = Referral.objects.visible_to(user, "handrail.view_people")

    assert rows.tallies([partner.pk])[partner.pk].received == 1
    assert there not in rows


# Pages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["referrals:referral", "referrals:move", "referrals:send"])
def test_another_facilitys_referral_does_not_exist(signed_in, name):
    url = reverse(name, args=[make.make_referral().pk])
    client = signed_in(make.make_user(at=make.make_facility()))

    assert client.get(url).status_code in {404, 405}
    assert client.post(url, {"to": "seen", "version": 1}).status_code in {404, 405}


TEST_SAVEPOINT = 2  # a test runs inside a transaction, so the request's own becomes two statements


def count_queries(client, url):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = client.get(url)
    assert response.status_code == 200
    return len(queries)


@pytest.mark.parametrize("page, most", [
    ("list", 5), ("partners", 5), ("partner", 8), ("refer_out", 15), ("consents", 9), ("referral", 6),
])  # fmt: skip
def test_queries_do_not_grow_with_rows(signed_in, page, most):
    facility = make.make_facility()
    inquiry, partner = make.make_inquiry(facility=facility), make.make_partner()
    client = signed_in(make.make_user(at=facility))
    referral = make.make_referral(facility=facility, partner=partner)
    url = {
        "list": reverse("referrals:list") + "?which=in",
        "partners": reverse("referrals:partners"),
        "partner": reverse("referrals:partner", args=[partner.pk]),
        "refer_out": reverse("admissions:refer_out", args=[inquiry.pk]),
        "consents": reverse("privacy:consents", args=[inquiry.person.pk]),
        "referral": reverse("referrals:referral", args=[referral.pk]),
    }[page]

    def add():
        made = make.make_partner()
        make.make_partner_contact(partner)
        consent_to(made, inquiry, to=[made.organization, make.make_person(at=facility)])
        make.make_referral(facility=facility, partner=partner)
        services.send(draft(partner=made, inquiry=inquiry), by=None)

    add()
    client.get(url)  # the first request of a session stamps it
    one = count_queries(client, url)
    add()
    add()

    assert count_queries(client, url) == one
    assert one - TEST_SAVEPOINT <= most


def test_referring_out_through_the_page(signed_in):
    facility = make.make_facility()
    inquiry = make.make_inquiry(facility=facility)
    fitting = make.make_partner(takes=["res_med"])
    wrong_level = make.make_partner(takes=["iop"])
    no_consent = make.make_partner(takes=["res_med"])
    consent_to(fitting, inquiry, to=[fitting.organization, wrong_level.organization])
    client = signed_in(make.make_user(at=facility))
    url = reverse("admissions:refer_out", args=[inquiry.pk])

    shown = client.post(url, {"category": "res_med", "show": "1", "idempotency_key": KEY})
    out = {one.partner: one.is_out for one in shown.context["choices"]}
    assert out == {fitting: False, wrong_level: True, no_consent: True}
    assert shown.context["choices"][0].partner == fitting

    given = {"category": "res_med", "partners": [fitting.pk], "reason": "No doctor at night", "urgency": "soon",
             "how": "phone", "idempotency_key": KEY}  # fmt: skip
    refused = client.post(url, given | {"partners": [fitting.pk, no_consent.pk]})
    assert str(no_consent) in str(refused.context["form"].errors)
    assert "No doctor at night" in refused.content.decode()
    assert not Referral.objects.exists()

    assert client.post(url, given).status_code == 302
    assert client.post(url, given).status_code == 302  # a double click
    assert Referral.objects.get().state == "sent"
    assert ReadEvent.objects.filter(person_ids__contains=[inquiry.person_id]).exists()


def test_receiving_through_the_page_asks_before_it_takes_a_known_number_for_the_same_person(signed_in):
    facility, partner = make.make_facility(), make.make_partner()
    known = make.make_contact_point(make.make_person(at=facility)).person
    number = known.contact_points.get().value
    client = signed_in(make.make_user(at=facility))
    url = reverse("admissions:receive_referral")
    given = {"partner": partner.pk, "given_name": "Devin", "phone": number, "reason": "Drinks", "urgency": "soon",
             "idempotency_key": KEY}  # fmt: skip

    asked = client.post(url, given)
    assert known.name in asked.content.decode()
    assert not Inquiry.objects.exists()

    assert client.post(url, given | {"person": str(known.pk)}).status_code == 302
    assert Inquiry.objects.get().person == known
    assert client.post(url, given | {"person": "new", "idempotency_key": KEY + "2"}).status_code == 302
    assert Person.objects.count() == 2


JUNK = [
    "\x00",
    "9" * 5000,
    "x" * 10_000,
    "-1",
    "1e999",
    "no-such-uuid",
    "\ud800".encode("utf-8", "surrogatepass"),
    "٣",
]


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_no_input_breaks_a_page(signed_in, junk):
    facility = make.make_facility()
    referral = make.make_referral(facility=facility)
    inquiry = make.make_inquiry(facility=facility, person=referral.person, referral=referral)
    consent = make.make_consent(person=referral.person, facility=facility)
    client = signed_in(make.make_user(at=facility, flags=["privacy_officer"]))
    client.raise_request_exception = False
    fields = [
        "to", "reason", "version", "name", "kind", "compensation", "takes", "owner", "organization_version",
        "partner", "contact", "phone", "age_about", "person", "category", "urgency", "partners", "how", "what",
        "classes", "purposes", "organization_1", "relatives", "expires_on", "expires_event", "signed_on",
        "signed_time", "signer", "signer_role", "signature_how", "discloser", "given_name", "email",
        "tells_clinical", "recipient_class",
    ]  # fmt: skip
    data = {name: [junk, junk] for name in fields} | {"idempotency_key": KEY}
    posts = [
        reverse("referrals:move", args=[referral.pk]), reverse("referrals:partner_new"),
        reverse("referrals:partner_edit", args=[referral.partner.pk]),
        reverse("referrals:contact_new", args=[referral.partner.pk]), reverse("admissions:receive_referral"),
        reverse("admissions:refer_out", args=[inquiry.pk]), reverse("admissions:tell_referrer", args=[inquiry.pk]),
        reverse("privacy:consent_new", args=[referral.person.pk]),
        reverse("privacy:consent_revoke", args=[consent.pk]),
    ]  # fmt: skip
    for url in posts:
        assert client.post(url, data).status_code in {200, 302}, url
    for kind in ("specific", "tpo"):
        assert client.post(posts[-2], data | {"kind": kind}).status_code in {200, 302}
    assert client.post(posts[5], data | {"show": "1"}).status_code == 200
    text = junk.encode() if isinstance(junk, str) else junk
    for name in ("referrals:list", "referrals:partners", "privacy:reads"):
        answer = client.get(reverse(name), dict.fromkeys(("which", "q", "after"), text[:3000]))
        assert answer.status_code == 200, name


def test_partners_are_ordered_by_fit_and_name_and_never_by_numbers():
    many = fits.Fit(make.make_partner(organization=make.make_organization(name="Zinnia")), False, "", (), tally=99)
    few = fits.Fit(make.make_partner(organization=make.make_organization(name="Aster")), False, "", (), tally=0)
    out = fits.Fit(make.make_partner(organization=make.make_organization(name="Abel")), True, "", ())

    assert fits.in_order([out, many, few]) == [few, many, out]
