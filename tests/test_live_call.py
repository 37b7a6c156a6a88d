"""The live call: three facts suffice, one save makes one call, danger comes before everything."""

import datetime as dt
import threading

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.permissions import Role
from admissions import calls, drafts, red_flags, safety, services, spoken
from admissions.enums import Danger, SafetyAction, Stage
from admissions.models import CallDraft, Inquiry, IntakeCall, SafetyCheck, SubstanceUse
from admissions.substances import SUBSTANCES, breathing_warning, find
from core.errors import Refused, Stale
from core.models import Happening
from core.times import instant
from messaging import purposes
from messaging.models import Message
from people.models import ContactPoint, Person, ReadEvent, Relation, Relationship
from programs.models import BedHold
from referrals.models import Referral
from tests import factories as make
from work.models import Task

FACTS = {
    "caller": "Renata Oakes", "relation": "mother", "reach": "(312) 555-0142", "first": "Devin",
    "s-TOTAL_FORMS": "1", "s-INITIAL_FORMS": "0", "writer": "window-one", "version": "0",
}  # fmt: skip
AUTOSAVE = {"HTTP_X_HANDRAIL_AUTOSAVE": "1"}


@pytest.fixture
def facility():
    return make.make_facility()


@pytest.fixture
def sam(facility):
    return make.make_user(at=facility, first_name="Sam", last_name="Okafor")


@pytest.fixture
def draft(sam, facility):
    return drafts.begin(sam, facility=facility)


def url(name, draft):
    return reverse(f"admissions:{name}", args=[draft.pk])


def save(client, draft, **more):
    return client.post(url("call", draft), FACTS | more)


# Saving ---------------------------------------------------------------------------------------------------------


def test_n_begins_a_call_once_however_often_it_is_pressed(signed_in, sam):
    client = signed_in(sam)
    form = {"idempotency_key": "one-and-the-same"}

    first = client.post(reverse("admissions:call_new"), form)
    again = client.post(reverse("admissions:call_new"), form)

    assert first.url == again.url == url("call", CallDraft.objects.get(user=sam))


def test_three_facts_suffice_and_make_two_people_with_a_relation(signed_in, sam, draft):
    response = save(signed_in(sam), draft, ok=["call", "text"])

    inquiry = Inquiry.objects.get()
    assert response.url == reverse("admissions:inquiry", args=[inquiry.pk])
    devin, renata = inquiry.person, inquiry.caller
    assert (renata.given_name, renata.family_name, devin.given_name, devin.family_name) == (
        "Renata", "Oakes", "Devin", "",
    )  # fmt: skip
    assert Relationship.objects.get(person=devin).other == renata
    assert inquiry.relation == Relation.MOTHER
    point = ContactPoint.objects.get()
    assert (point.person, point.normal, point.ok_to_call, point.ok_to_text, point.ok_to_voicemail) == (
        renata, "+13125550142", True, True, None,
    )  # fmt: skip
    assert (inquiry.contact_point, inquiry.owner, inquiry.stage) == (point, sam, Stage.NEW)
    assert inquiry.first_reached_at == inquiry.opened_at == draft.began_at
    call = IntakeCall.objects.get()
    assert (call.inquiry, call.caller, call.direction, call.outcome, call.by) == (
        inquiry,
        renata,
        "in",
        "reached",
        sam,
    )
    assert call.ended_at >= call.began_at
    draft.refresh_from_db()
    assert (draft.saved_as, draft.content) == (call, {})
    assert {h.verb for h in Happening.objects.filter(about_id=devin.pk)} == {"inquiry.opened", "call.recorded"}


@pytest.mark.parametrize(
    "told, missing",
    [
        ({"caller": ""}, "caller"),
        ({"reach": ""}, "reach"),
        ({"first": "", "relation": "unknown"}, "first"),
    ],
)
def test_each_of_the_three_facts_is_asked_for_and_what_was_typed_stays(signed_in, sam, draft, told, missing):
    response = save(signed_in(sam), draft, words="He said yes", **told)

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [missing]
    assert "He said yes" in response.content.decode()
    assert not Inquiry.objects.exists()
    draft.refresh_from_db()
    assert drafts.values(draft)["words"] == "He said yes"


def test_withheld_no_way_given_and_a_brother_without_a_name_are_three_facts(signed_in, sam, draft):
    save(signed_in(sam), draft, caller="", withheld="on", reach="", no_way="on", first="", relation="sibling")

    inquiry = Inquiry.objects.get()
    assert (inquiry.caller, inquiry.relation, inquiry.contact_point) == (None, Relation.SIBLING, None)
    assert inquiry.person.name == "No name yet"


def test_the_person_who_calls_for_themselves_is_one_person(signed_in, sam, draft):
    save(signed_in(sam), draft, caller="Garrett Lowe", relation="self", first="")

    inquiry = Inquiry.objects.get()
    assert Person.objects.count() == 1
    assert (inquiry.caller, inquiry.person.name, inquiry.relation) == (inquiry.person, "Garrett Lowe", Relation.SELF)


def test_a_second_save_of_the_same_draft_answers_the_first_inquiry(signed_in, sam, draft):
    client = signed_in(sam)

    first = save(client, draft)
    again = save(client, draft, caller="Somebody Else")

    assert again.url == reverse("admissions:call", args=[draft.pk]) or again.url == first.url
    assert client.get(url("call", draft)).url == first.url
    assert (Inquiry.objects.count(), IntakeCall.objects.count(), Person.objects.count()) == (1, 1, 2)


@pytest.mark.django_db(transaction=True)
def test_eight_saves_at_once_make_one_call():
    facility = make.make_facility()
    sam = make.make_user(at=facility)
    draft = drafts.begin(sam, facility=facility)
    gate, answers = threading.Barrier(8), []

    def press():
        client = Client()
        client.force_login(sam)
        gate.wait()
        answers.append(save(client, draft).status_code)
        connection.close()

    threads = [threading.Thread(target=press) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert answers == [302] * 8
    assert (Inquiry.objects.count(), IntakeCall.objects.count(), Person.objects.count()) == (1, 1, 2)


def test_everything_told_is_kept(signed_in, sam, draft, facility):
    partner = make.make_partner()
    other = make.make_user(at=facility, first_name="Maya", last_name="Lindqvist")

    save(
        signed_in(sam), draft, last="Oakes", age="about 26", words="He fell down the stairs.", notes="Speaks softly",
        source="partner", partner=partner.pk, promise="hour", promise_text="What a first day looks like",
        promise_owner=other.pk, outcome="abandoned",
        **{"s-TOTAL_FORMS": "3", "s-0-name": "K", "s-0-route": "inhaled", "s-0-setting": "recreational",
           "s-0-amount": "about 1 g a day", "s-0-last_use": "2 hours ago", "s-2-name": "Alcohol",
           "s-2-route": "oral", "s-2-setting": "not_asked"},
    )  # fmt: skip

    inquiry = Inquiry.objects.get()
    assert (inquiry.person.age_about, inquiry.words, inquiry.source) == (26, "He fell down the stairs.", "partner")
    rows = SubstanceUse.objects.filter(inquiry=inquiry)
    assert [(r.rank, r.substance, r.name, r.route, r.setting) for r in rows] == [
        (1, "KET", "K", "inhaled", "recreational"), (2, "ALC", "Alcohol", "oral", "not_asked"),
    ]  # fmt: skip
    assert rows[0].last_use == "2 hours ago"
    assert rows[0].last_use_at == draft.began_at - dt.timedelta(hours=2)
    referral = Referral.objects.get()
    assert (inquiry.referral, referral.partner, referral.direction, referral.person) == (
        referral, partner, "in", inquiry.person,
    )  # fmt: skip
    task = Task.objects.get(kind="promise")
    assert (task.owner, task.person, task.text, task.subject_id) == (
        other, inquiry.person, "What a first day looks like", inquiry.pk,
    )  # fmt: skip
    assert dt.timedelta(minutes=58) < task.due_at - timezone.now() < dt.timedelta(minutes=61)
    assert (inquiry.calls.get().outcome, inquiry.calls.get().notes) == ("abandoned", "Speaks softly")


def test_a_promise_at_a_time_nobody_can_read_is_refused_beside_its_field(signed_in, sam, draft):
    response = save(signed_in(sam), draft, promise="other", promise_when="soonish")

    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["promise_when"]


def test_a_promise_in_the_past_saves_nothing_and_keeps_what_was_typed(signed_in, sam, draft):
    response = save(signed_in(sam), draft, promise="other", promise_when="1/1/2020 9am", words="kept")

    assert response.status_code == 422
    assert "already over" in response.content.decode()
    assert not Person.objects.exists()


def test_the_best_bed_is_held_with_the_save_and_a_taken_one_never_costs_the_call(signed_in, sam, facility):
    bed = make.make_bed(facility=facility)
    client = signed_in(sam)
    first, second = drafts.begin(sam, facility=facility), drafts.begin(sam, facility=facility)
    assert f"Save and hold {bed.code}" in client.get(url("call_beds", first)).content.decode()

    save(client, first, hold=str(bed.pk))
    save(client, second, hold=str(bed.pk))
    save(client, drafts.begin(sam, facility=facility), hold=str(make.make_bed().pk))

    assert Inquiry.objects.count() == 3
    assert BedHold.objects.get().person == first.__class__.objects.get(pk=first.pk).saved_as.inquiry.person
    assert "No bed is free now" in client.get(url("call_beds", drafts.begin(sam, facility=facility))).content.decode()


def test_a_known_person_chosen_from_the_candidates_gets_the_inquiry(signed_in, sam, draft, facility):
    garrett = make.make_person(at=facility, given_name="Garrett", family_name="Lowe")
    client = signed_in(sam)
    client.post(url("call_match", draft), {"role": "person", "person": garrett.pk})

    save(client, draft, caller="", relation="self", first="", age="44")

    inquiry = Inquiry.objects.get()
    assert (inquiry.person, Person.objects.count()) == (garrett, 1)
    garrett.refresh_from_db()
    assert garrett.age_about == 44


def test_a_later_call_joins_its_inquiry_and_counts_as_an_attempt(signed_in, sam, facility):
    known = make.make_inquiry(
        facility=facility, channel="web", words="My brother needs help", relation="unknown",
        caller=make.make_person(at=facility, given_name="Jordan", family_name="Testcase"),
    )  # fmt: skip
    client = signed_in(sam)
    client.post(reverse("admissions:call_new"), {"inquiry": known.pk, "idempotency_key": "12345678"})
    draft = CallDraft.objects.get()
    page = client.get(url("call", draft)).content.decode()
    assert "Jordan Testcase" in page

    response = save(client, draft, caller="Jordan Testcase", words="He agreed to talk", relation="sibling")

    assert response.url == reverse("admissions:inquiry", args=[known.pk])
    known.refresh_from_db()
    assert (Inquiry.objects.count(), Person.objects.count()) == (1, 2)
    assert known.words == "My brother needs help\n\nHe agreed to talk"
    assert (known.relation, known.owner) == ("sibling", sam)
    assert known.first_reached_at is not None
    assert known.calls.get().direction == "out"


# Drafts ---------------------------------------------------------------------------------------------------------


def test_what_is_typed_is_kept_and_shown_again(signed_in, sam, draft):
    client = signed_in(sam)

    answer = client.post(url("call_draft", draft), FACTS | {"words": "burns\x00"}, **AUTOSAVE).json()

    assert (answer["version"], answer["facts"], answer["danger"]) == (1, True, False)
    page = client.get(url("call", draft)).content.decode()
    assert "Renata Oakes" in page
    assert "burns" in page
    assert client.get(reverse("admissions:calls")).content.decode().count("Renata Oakes") == 1
    assert client.session["call_until"] > timezone.now().timestamp() + 7000


@pytest.mark.parametrize("is_on_a_call", [True, False])
def test_the_absolute_end_of_a_session_never_cuts_an_open_call(signed_in, sam, draft, is_on_a_call):
    client = signed_in(sam)
    if is_on_a_call:
        client.post(url("call_draft", draft), FACTS, **AUTOSAVE)
    session = client.session
    session["started"] = int(timezone.now().timestamp()) - 13 * 3600
    session.save()

    assert client.post(url("call_draft", draft), FACTS, **AUTOSAVE).status_code == (200 if is_on_a_call else 302)


def test_a_window_that_is_behind_overwrites_nothing(signed_in, sam, draft):
    client = signed_in(sam)
    client.post(url("call_draft", draft), FACTS | {"words": "first window"}, **AUTOSAVE)

    late = client.post(
        url("call_draft", draft), FACTS | {"words": "second", "writer": "window-two", "version": "0"}, **AUTOSAVE
    )
    saved = save(client, draft, writer="window-two")

    assert (late.status_code, late.json(), saved.status_code) == (409, {"conflict": True}, 409)
    assert not Inquiry.objects.exists()
    draft.refresh_from_db()
    assert drafts.values(draft)["words"] == "first window"


def test_the_same_window_is_never_late_for_itself(draft):
    drafts.remember(draft, {"words": ["a"]}, writer="one", version=0)
    drafts.remember(draft, {"words": ["ab"]}, writer="one", version=0)

    with pytest.raises(Stale):
        drafts.remember(draft, {"words": ["x"]}, writer="two", version=1)
    assert drafts.remember(draft, {"words": ["abc"]}, writer="two", version=2).version == 3


@pytest.mark.parametrize("name", ["call", "call_draft", "call_danger", "call_emergency", "call_candidates",
                                  "call_compare", "call_match", "call_beds", "call_discard"])  # fmt: skip
def test_somebody_elses_draft_does_not_exist(signed_in, facility, draft, name):
    client = signed_in(make.make_user(at=facility, role=Role.MANAGER, flags=["supervisor"]))

    assert client.get(url(name, draft)).status_code in {404, 405}
    assert client.post(url(name, draft), FACTS).status_code in {404, 405}
    assert "Oakes" not in client.get(reverse("admissions:calls")).content.decode()


def test_a_draft_is_thrown_away_with_a_reason_only(signed_in, sam, draft):
    client = signed_in(sam)
    drafts.remember(draft, {"words": ["something"]}, writer="one", version=0)

    client.post(url("call_discard", draft), {"reason": " "})
    draft.refresh_from_db()
    assert draft.discarded_at is None
    client.post(url("call_discard", draft), {"reason": "Wrong number"})

    draft.refresh_from_db()
    assert (draft.content, draft.discarded_at is None) == ({}, False)
    assert Happening.objects.get(verb="call.discarded").text == "Unsaved call thrown away: Wrong number"
    assert save(client, draft).status_code == 302
    assert not Inquiry.objects.exists()


# Who was seen before ------------------------------------------------------------------------------------------------


def test_candidates_are_shown_within_sight_only_and_the_look_is_recorded(signed_in, sam, draft, facility):
    seen = make.make_person(at=facility, given_name="Renata")
    hidden = make.make_person(at=make.make_facility(), given_name="Unseen")
    for person in (seen, hidden):
        make.make_contact_point(person, value="(312) 555-0142", normal="+13125550142")
    client = signed_in(sam)

    page = client.post(url("call_candidates", draft), {"reach": "312-555-0142"}).content.decode()

    assert "Renata" in page
    assert "Unseen" not in page
    assert ReadEvent.objects.latest("pk").person_ids == [seen.pk]
    assert client.post(url("call_match", draft), {"role": "caller", "person": hidden.pk}).status_code == 404


@pytest.mark.parametrize("matches", [1, 3])
def test_pages_of_the_call_ask_a_bounded_number_of_questions(
    signed_in, sam, draft, facility, matches, django_assert_max_num_queries
):
    for _ in range(matches):
        person = make.make_person(at=facility)
        make.make_contact_point(person, value="(312) 555-0142", normal="+13125550142")
        make.make_inquiry(facility=facility, person=person)
    client = signed_in(sam)

    with django_assert_max_num_queries(12):  # three of them for the session's first stamp
        client.get(url("call", draft))
    with django_assert_max_num_queries(9):
        client.post(url("call_candidates", draft), {"reach": "3125550142"})
    client.post(url("call_draft", draft), FACTS, **AUTOSAVE)
    with django_assert_max_num_queries(10):
        client.post(url("call_draft", draft), FACTS, **AUTOSAVE)


# Danger ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "facts, tier",
    [
        ({}, None),
        ({"danger": "none"}, None),
        ({"danger": "yes"}, "E1"),
        ({"danger": "cannot_tell"}, "E3"),
        ({"danger": "cannot_tell", "can_be_reached": True, "reason_for_fear": True}, "E3"),
        ({"danger": "cannot_tell", "can_be_reached": False, "reason_for_fear": False}, "E3"),
        ({"danger": "cannot_tell", "can_be_reached": False, "reason_for_fear": True}, "E1"),
    ],
)
def test_the_grouped_question_follows_section_six(facts, tier):
    assert red_flags.evaluate(facts)[0] == tier


def test_a_yes_changes_the_whole_screen_and_shuts_beds_and_saving_until_it_is_recorded(signed_in, sam, draft):
    client = signed_in(sam)

    answer = client.post(url("call_danger", draft), FACTS | {"danger": "yes"}, **AUTOSAVE).json()

    assert answer == {"go": url("call_emergency", draft)}
    check = SafetyCheck.objects.get()
    assert (check.is_e1, check.asked_as_group, check.asked_by, check.action) == (True, True, sam, "")
    assert (Task.objects.get(kind="safety").owner, Task.objects.get().subject_id) == (None, check.pk)
    page = client.get(url("call_emergency", draft)).content.decode()
    assert "911 now. Stay on the line." in page
    assert "Renata Oakes" in page
    assert client.get(url("call", draft)).url == url("call_emergency", draft)
    assert client.get(url("call_beds", draft)).status_code == 409
    assert save(client, draft).url == url("call_emergency", draft)
    with pytest.raises(safety.ActionMissing):
        calls.save_call(draft, data={"relation": "mother"}, by=sam)
    assert client.post(url("call_discard", draft), {"reason": "away"}).url == url("call", draft)
    assert client.post(url("call_emergency", draft), {}).context["form"].errors.keys() == {"action"}

    client.post(
        url("call_emergency", draft),
        {"action": "called_911", "note": "Ambulance on its way", "where": "418 Alder Court", "step": ["called"],
         "writer": "window-one", "part": "emergency"},
    )  # fmt: skip

    check.refresh_from_db()
    assert (check.action, check.action_by, check.closed_at) == (SafetyAction.CALLED_911, sam, None)
    assert client.get(url("call_beds", draft)).status_code == 200
    save(client, draft)
    check.refresh_from_db()
    inquiry = Inquiry.objects.get()
    assert (check.inquiry, check.call) == (inquiry, inquiry.calls.get())
    assert "Where they were: 418 Alder Court" in inquiry.calls.get().notes
    assert Task.objects.get(kind="safety").person == inquiry.person


def test_a_yes_in_a_plain_form_leads_to_the_emergency_page_too(signed_in, sam, draft):
    response = save(signed_in(sam), draft, danger="yes")

    assert response.url == url("call_emergency", draft)
    assert SafetyCheck.objects.get().is_e1
    assert not Inquiry.objects.exists()


def test_an_answer_by_mistake_is_asked_again(signed_in, sam, draft):
    client = signed_in(sam)
    client.post(url("call_danger", draft), FACTS | {"danger": "yes"}, **AUTOSAVE)
    client.post(url("call_emergency", draft), {"action": "mistake"})

    page = client.get(url("call", draft))
    assert (page.context["danger"], page.context["live"]["danger"]) == ("", False)
    save(client, draft, danger="none")

    assert list(SafetyCheck.objects.order_by("asked_at").values_list("answer", "action")) == [
        ("yes", "mistake"), ("none", ""),
    ]  # fmt: skip
    assert SafetyCheck.objects.filter(inquiry=Inquiry.objects.get()).count() == 2


def test_no_danger_is_written_down_once_as_one_grouped_answer(signed_in, sam, draft):
    client = signed_in(sam)
    client.post(url("call_danger", draft), FACTS | {"danger": "none"}, **AUTOSAVE)
    answer = client.post(url("call_danger", draft), FACTS | {"danger": "none"}, **AUTOSAVE).json()
    assert answer["danger"]

    save(client, draft, danger="none")

    check = SafetyCheck.objects.get()
    assert (check.answer, check.is_e1, check.inquiry) == ("none", False, Inquiry.objects.get())


def test_they_cannot_tell_waits_for_the_two_questions_behind_it(signed_in, sam, draft):
    client = signed_in(sam)
    told = FACTS | {"danger": "cannot_tell"}

    client.post(url("call_danger", draft), told, **AUTOSAVE)
    assert not SafetyCheck.objects.exists()
    client.post(url("call_danger", draft), told | {"reachable": "no"}, **AUTOSAVE)
    assert not SafetyCheck.objects.exists()
    answer = client.post(url("call_danger", draft), told | {"reachable": "no", "fear": "yes"}, **AUTOSAVE).json()

    assert answer == {"go": url("call_emergency", draft)}
    assert SafetyCheck.objects.get().is_e1


def test_they_cannot_tell_without_fear_asks_a_supervisor_about_a_welfare_check(signed_in, sam, draft):
    client = signed_in(sam)
    client.post(
        url("call_danger", draft), FACTS | {"danger": "cannot_tell", "reachable": "no", "fear": "no"}, **AUTOSAVE
    )

    assert not SafetyCheck.objects.get().is_e1
    assert Task.objects.get().text == "Decide on a welfare check"
    assert save(client, draft).url.startswith("/inquiries/")


def test_an_alert_is_closed_by_a_second_person_who_may(signed_in, sam, facility):
    check = safety.ask(facility=facility, answer=Danger.YES, by=sam)
    ruth = make.make_user(at=facility, flags=["supervisor"])
    close = reverse("admissions:alert_close", args=[check.pk])
    client = signed_in(ruth)

    client.post(close)
    check.refresh_from_db()
    assert check.closed_at is None  # nothing is recorded yet
    safety.record_action(check, action="called_911", by=ruth)
    client.post(close)
    check.refresh_from_db()
    assert check.closed_at is None  # she acted herself
    assert signed_in(sam).post(close).status_code == 403
    other = make.make_user(at=facility, flags=["clinical_lead"])
    assert "A call that is not saved yet" in signed_in(other).get(reverse("admissions:alerts")).content.decode()
    signed_in(other).post(close)

    check.refresh_from_db()
    assert (check.closed_by, Task.objects.get().state) == (other, "done")


def test_an_emergency_writes_to_those_who_may_close_it_without_a_word_about_anybody(sam, facility):
    ruth = make.make_user(at=facility, flags=["supervisor"])
    make.make_user(at=make.make_facility(), flags=["supervisor"])

    check = safety.ask(facility=facility, answer=Danger.YES, by=sam)

    message = Message.objects.get(purpose="safety_alert")
    assert (message.user, message.priority) == (ruth, 0)
    said = purposes.ask(message)
    assert (said.subject, said.body.splitlines()[0]) == ("An alert is open", "Somebody needs you now. Open the alert.")
    safety.record_action(check, action="called_911", by=sam)
    safety.close_alert(check, by=ruth)
    assert purposes.ask(message) == purposes.No("closed")


def test_what_was_done_is_recorded_once(sam, facility):
    check = safety.ask(facility=facility, answer=Danger.YES, by=sam)
    safety.record_action(check, action="line_lost", by=sam)

    with pytest.raises(Refused):
        safety.record_action(check, action="mistake", by=sam)
    check.refresh_from_db()
    assert check.action == "line_lost"


# Substances and spoken times -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told, warns",
    [
        (["Ketamine", "alcohol"], True),
        (["special k", "Xanax"], True),
        (["heroin", "fentanyl"], False),  # one class; rule I1 asks for two
        (["cocaine", "alcohol"], False),
        (["ketamine"], False),
        (["something", ""], False),
    ],
)
def test_two_that_slow_the_breathing_are_named(told, warns):
    assert bool(breathing_warning([(name, None) for name in told])) == warns


def test_two_that_are_days_apart_are_no_pair():
    now = timezone.now()
    assert breathing_warning([("ketamine", now), ("alcohol", now - dt.timedelta(days=3))]) == ""
    assert breathing_warning([("ketamine", now), ("alcohol", None)]) == "Ketamine and alcohol both slow the breathing."


def test_no_word_names_two_substances():
    words = [word for substance in SUBSTANCES for word in {substance.name.lower(), *substance.words}]
    assert len(words) == len(set(words))
    assert find(" Special  K ").teds == "20"
    assert find("k").detail == "2004"


@pytest.mark.parametrize(
    "words, expected",
    [
        ("today, 8 pm", (19, 20, 0)),
        ("last night", (18, 22, 0)),
        ("yesterday at 10pm", (18, 22, 0)),
        ("8pm", (19, 20, 0)),
        ("11:30 pm", (18, 23, 30)),  # not yet today: the last one
        ("tue 9am", (17, 9, 0)),
        ("11/17 0900", (17, 9, 0)),
        ("yesterday", None),
        ("a while ago", None),
        ("", None),
        ("\x00" * 50, None),
    ],
)
def test_the_last_use_is_read_from_words(words, expected):
    facility = make.make_facility(zone="America/Chicago")
    now = instant(dt.date(2026, 11, 19), dt.time(23, 4), facility.zone)

    found = spoken.last_use_at(words, facility=facility, at=now)

    local = found and found.astimezone(facility.time_zone)
    assert (local and (local.day, local.hour, local.minute)) == expected


@pytest.mark.parametrize(
    "words, expected",
    [
        ("fri 2pm", (dt.date(2026, 11, 20), dt.time(14))),
        ("2pm fri", (dt.date(2026, 11, 20), dt.time(14))),
        ("tomorrow at 9:30", (dt.date(2026, 11, 20), dt.time(9, 30))),
        ("2pm", (dt.date(2026, 11, 20), dt.time(14))),  # two o'clock is over today
        ("11:30 pm", (dt.date(2026, 11, 19), dt.time(23, 30))),
        ("11/25 1400", (dt.date(2026, 11, 25), dt.time(14))),
    ],
)
def test_a_promised_time_is_read_as_it_was_said(words, expected):
    facility = make.make_facility(zone="America/Chicago")
    now = instant(dt.date(2026, 11, 19), dt.time(23, 4), facility.zone)

    assert spoken.promised(words, facility=facility, at=now) == expected


def test_the_next_opening_follows_the_hours_of_the_facility():
    facility = make.make_facility(zone="America/Chicago")
    now = instant(dt.date(2026, 11, 20), dt.time(20), facility.zone)  # a Friday evening
    assert spoken.next_opening(facility=facility, at=now) == (dt.date(2026, 11, 21), dt.time(9))

    facility.opening_hours.create(weekday=0, opens=dt.time(8), closes=dt.time(18))
    assert spoken.next_opening(facility=facility, at=now) == (dt.date(2026, 11, 23), dt.time(8))


# Stages ----------------------------------------------------------------------------------------------------------


def test_a_stage_moves_only_along_the_table_and_leaves_a_trace(sam):
    inquiry = make.make_inquiry()

    with pytest.raises(services.StageNotAllowed):
        services.move_stage(inquiry, Stage.ADMITTED, by=sam)
    with pytest.raises(services.StageNotAllowed):
        services.move_stage(inquiry, Stage.CLOSED, by=sam)
    services.move_stage(inquiry, Stage.SCHEDULED, by=sam)
    admitted = services.move_stage(inquiry, Stage.ADMITTED, by=sam)

    assert admitted.admitted_at is not None
    assert [(c.from_stage, c.to_stage) for c in inquiry.stage_changes.all()] == [
        ("new", "scheduled"), ("scheduled", "admitted"),
    ]  # fmt: skip


def test_closing_takes_a_reason_and_opening_again_forgets_it(sam):
    inquiry = make.make_inquiry()

    closed = services.close_inquiry(inquiry, because="not_now", note="Calls after Thanksgiving", by=sam)
    assert (closed.stage, closed.closed_because, closed.closed_at is None) == ("closed", "not_now", False)
    with pytest.raises(services.StageNotAllowed):
        services.close_inquiry(inquiry, because="not_now", by=sam)
    again = services.reopen_inquiry(closed, by=sam)

    assert (again.stage, again.closed_because, again.closed_at) == ("new", "", None)


# Junk ------------------------------------------------------------------------------------------------------------

JUNK = ["\x00", "\ud800", "9" * 400, "x" * 10_000, "-1", "null", "{}", "../../etc", "<script>", "٣٤", "💥" * 50]
NAMES = """
    danger reachable fear caller withheld relation reach no_way first last age ok words source partner birth notes
    promise promise_when promise_text promise_owner outcome hold s-TOTAL_FORMS s-INITIAL_FORMS s-0-name s-0-route
    s-0-setting s-0-amount s-0-last_use version writer part step where action note person role inquiry reason
""".split()  # noqa: SIM905


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_no_junk_breaks_the_call(signed_in, sam, draft, junk):
    client = signed_in(sam)
    given, junk = junk, junk.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    everything = {name: [junk, junk] for name in NAMES}
    for name in ("call", "call_draft", "call_danger", "call_candidates", "call_match", "call_emergency"):
        assert client.post(url(name, draft), everything).status_code < 500
        assert client.get(url("call", draft)).status_code < 500
    # Each name alone with some of the junk; tests/test_no_500.py has the rest.
    for name in NAMES[JUNK.index(given) % 4 :: 4]:
        draft = drafts.begin(sam, facility=draft.facility)
        assert client.post(url("call", draft), FACTS | {name: junk}).status_code < 500
        assert client.get(url("call", draft)).status_code < 500
    new = {"idempotency_key": "12345678", "person": junk, "inquiry": junk}
    assert client.post(reverse("admissions:call_new"), new).status_code < 500
