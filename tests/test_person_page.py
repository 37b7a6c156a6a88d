"""One person's page: four facts, one timeline, and nothing of another facility."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.permissions import Role
from admissions import timeline
from core import happenings
from people.models import ContactPoint, Person, ReadEvent, Relationship
from tests import factories as make
from tests.queries import statements
from work.models import Task


@pytest.fixture
def facility():
    return make.make_facility()


@pytest.fixture
def coordinator(facility):
    return make.make_user(at=facility)


@pytest.fixture
def desk(signed_in, coordinator):
    return signed_in(coordinator)


@pytest.fixture
def person(facility):
    return make.make_person(at=facility, given_name="Alma", family_name="Hartwell")


def url(person, name="person", **more):
    return reverse(f"admissions:{name}", kwargs={"pk": person.pk} | more)


def line(person, facility, **given):
    return timeline.of(person, [facility.pk], zone=facility.time_zone, **given)


def titles(found):
    return [entry.title for _, entries in found.days for entry in entries]


def ago(**given):
    return timezone.now() - dt.timedelta(**given)


# The timeline -------------------------------------------------------------------------------------------------


def everything(person, facility):
    """One row of every kind that a timeline tells."""
    web = make.make_inquiry(facility=facility, person=person, channel="web", opened_at=ago(days=9))
    make.make_call(web, caller=make.make_person(at=facility), began_at=ago(days=8), ended_at=ago(days=8, minutes=-19))
    web.decisions.create(outcome="declined", reason="Needs a hospital", decided_at=ago(days=7))
    make.make_hold(facility=facility, person=person)
    placement = make.make_placement(facility=facility, person=person, start=ago(days=5))
    make.make_assignment(placement=placement)
    make.make_consent(person=person, facility=facility)
    make.make_referral(facility=facility, person=person)
    make.make_message(
        facility=facility, contact_point=make.make_email(person), due_at=ago(days=1), state="sent", sent_at=ago(days=1)
    )
    make.make_task(
        facility=facility,
        person=person,
        state="broken",
        outcome="Nobody answered",
        closed_at=ago(hours=3),
        due_at=ago(days=1),
    )
    make.make_task(facility=facility, person=person)
    make.make_appointment(facility=facility, person=person)
    happenings.record("person.changed", "Facts changed", by=None, about=person, place=facility)


def test_every_room_speaks_in_one_line_newest_first(person, facility):
    everything(person, facility)

    found = line(person, facility)
    entries = [entry for _, entries in found.days for entry in entries]

    assert [entry.at for entry in entries] == sorted((entry.at for entry in entries), reverse=True)
    for words in (
        "Web inquiry", "Call from", "Decision: declined", "held until", "Admission:", "assigned", "Consent signed",
        "received", "Promised call: sent", "Promise broken: Call back", "Facts changed",
    ):  # fmt: skip
        assert any(words in title for title in titles(found)), words
    assert found.ahead[0].title == "Call back"
    assert any("Assessment" in entry.title for entry in found.ahead)
    assert [task["text"] for task in found.open_tasks] == ["Call back"]


def test_the_whole_timeline_is_one_query(person, facility):
    everything(person, facility)

    with statements() as asked:
        line(person, facility)

    assert len(asked) == 1


def test_only_what_facilities_in_sight_know_is_told(person, facility):
    elsewhere = make.make_facility()
    make.know(person, elsewhere)
    everything(person, elsewhere)

    found = line(person, facility)

    assert (found.ahead, found.days, found.open_tasks, found.people) == ([], [], [], set())


def test_a_happening_that_repeats_a_row_of_the_moment_is_left_out(person, facility):
    hold = make.make_hold(facility=facility, person=person)
    given = {"by": None, "about": person, "place": facility, "subject": hold}
    happenings.record("bed.echo", "Bed held, says the log", at=hold.held_at, **given)
    happenings.record("bed.released", "Let go", at=hold.held_at + dt.timedelta(hours=1), **given)

    found = line(person, facility, now=timezone.now() + dt.timedelta(hours=2))

    assert "Let go" in titles(found)
    assert "Bed held, says the log" not in titles(found)


def test_what_is_earlier_is_asked_for_page_by_page(person, facility, monkeypatch):
    monkeypatch.setattr(timeline, "PAST", 3)
    inquiry = make.make_inquiry(facility=facility, person=person)
    for hours in range(1, 8):
        make.make_call(inquiry, began_at=ago(hours=hours), notes=f"call {hours}")

    pages, before = [], None
    while before != "":
        found = line(person, facility, before=before and dt.datetime.fromisoformat(before))
        pages.append([entry.words for _, entries in found.days for entry in entries])
        before = found.earlier

    assert pages == [
        ["call 1.", "call 2.", "call 3."],
        ["call 4.", "call 5.", "call 6."],
        ["call 7."],
    ]


@pytest.mark.parametrize(("only", "words"), [("calls", "Call"), ("decisions", "Decision"), ("care", "Admission")])
def test_a_filter_keeps_its_kind(desk, person, facility, only, words):
    everything(person, facility)

    found = desk.get(url(person), {"show": only}).context["line"]

    assert any(words in title for title in titles(found))
    others = {"calls": "Decision", "decisions": "Admission", "care": "Decision"}[only]
    assert not any(others in title for title in titles(found))


@pytest.mark.parametrize("query", [{"show": "x"}, {"before": "x"}, {"before": "9999999"}, {"before": "\x00"},
                                   {"before": "2026-11-21"}, {"before": "x" * 10_000}])  # fmt: skip
def test_junk_in_the_address_is_no_error(desk, person, query):
    assert desk.get(url(person), query).status_code == 200


# The page -----------------------------------------------------------------------------------------------------


def test_a_person_has_at_most_twelve_queries_however_much_happened(desk, coordinator, person, facility):
    def more():
        inquiry = make.make_inquiry(facility=facility, person=person, caller=make.make_person(at=facility))
        make.make_call(inquiry, caller=inquiry.caller)
        make.make_task(facility=facility, person=person, owner=coordinator)
        make.make_contact_point(person)
        make.make_consent(person=person, facility=facility)
        make.make_referral(facility=facility, person=person)
        Relationship.objects.create(person=person, other=inquiry.caller, relation="friend")
        Relationship.objects.create(person=make.make_person(at=facility), other=person, relation="mother")

    make.make_assignment(placement=make.make_placement(facility=facility, person=person))
    more()
    desk.get(url(person))
    with statements() as few:
        desk.get(url(person))
    more()
    more()
    with statements() as many:
        desk.get(url(person))

    assert len(few) == len(many) <= 12


def test_the_header_has_four_facts_and_says_so_when_there_is_none(desk, person, facility):
    page = desk.get(url(person)).content.decode()
    for words in ("No inquiry", "No bed", "Nothing planned", "No consent"):
        assert words in page

    everything(person, facility)
    page = desk.get(url(person)).content.decode()
    for words in ("day 6", "1 in force", "Call back"):
        assert words in page


def test_a_person_known_elsewhere_only_does_not_exist(desk):
    theirs = make.make_person(at=make.make_facility())

    for name in ("person", "person_edit", "person_promise", "contact_new", "relation_new"):
        assert desk.get(url(theirs, name)).status_code == 404


def test_nobody_around_the_person_who_is_out_of_sight_is_named(desk, person, facility):
    hidden = make.make_person(at=make.make_facility(), given_name="Zeisigruf")
    Relationship.objects.create(person=person, other=hidden, relation="mother")
    Relationship.objects.create(person=hidden, other=person, relation="child")

    assert "Zeisigruf" not in desk.get(url(person)).content.decode()


def test_opening_the_page_is_a_read_of_everybody_on_it(desk, person, facility):
    jana = make.make_person(at=facility)
    Relationship.objects.create(person=person, other=jana, relation="sibling")

    desk.get(url(person))

    assert set(ReadEvent.objects.get().person_ids) == {person.pk, jana.pk}


# Changes ------------------------------------------------------------------------------------------------------


def facts(person, **given):
    return {"version": person.version, "given_name": "Alma", "family_name": "Hartwell"} | given


def test_facts_are_taken_as_they_are_typed(desk, person):
    desk.post(url(person, "person_edit"), facts(person, birth_on="7/9/81", needs_interpreter="no", language="English"))

    person = Person.objects.get(pk=person.pk)
    assert (person.birth_on, person.needs_interpreter, person.language) == (dt.date(1981, 7, 9), False, "English")


def test_unknown_stays_unknown_and_an_age_has_its_day(desk, person, facility):
    desk.post(url(person, "person_edit"), facts(person, age_about="31"))
    person = Person.objects.get(pk=person.pk)
    assert (person.birth_on, person.age_about, person.age_told_on) == (None, 31, facility.today())
    assert person.needs_interpreter is None

    desk.post(url(person, "person_edit"), facts(person, age_about=""))
    person = Person.objects.get(pk=person.pk)
    assert (person.age_about, person.age_told_on) == (None, None)


def test_a_stale_edit_overwrites_nothing_and_shows_both(desk, person):
    desk.post(url(person, "person_edit"), facts(person, language="Spanish"))

    refused = desk.post(url(person, "person_edit"), facts(person, language="English"))

    assert (refused.status_code, Person.objects.get(pk=person.pk).language) == (422, "Spanish")
    assert "Nothing was overwritten" in refused.content.decode()
    assert "Spanish" in refused.content.decode()
    assert 'value="English"' in refused.content.decode()


@pytest.mark.parametrize(
    "given",
    [{"birth_on": "31/31/31"}, {"birth_on": "1/1/1700"}, {"age_about": "121"}, {"age_about": "9" * 40},
     {"zone": "Mars"}, {"zone": "\x00"}, {"given_name": "x" * 101}, {"version": ""}, {"sex": "x"},
     {"needs_interpreter": "maybe"}],
)  # fmt: skip
def test_junk_about_a_person_changes_nothing(desk, person, given):
    response = desk.post(url(person, "person_edit"), facts(person, **given))

    assert (response.status_code, Person.objects.get(pk=person.pk).version) == (422, 1)


def contact(**given):
    return {"kind": "phone", "value": "(312) 555-0177", "idempotency_key": "key-of-this-test"} | given


def test_what_they_said_yes_and_no_to_is_three_answers(desk, person):
    desk.post(url(person, "contact_new"), contact(ok_to_call="yes", ok_to_text="no", best_from="9", best_until="5pm"))

    point = ContactPoint.objects.get(person=person)
    assert (point.normal, point.ok_to_call, point.ok_to_text, point.ok_to_voicemail) == (
        "+13125550177", True, False, None,
    )  # fmt: skip
    assert (point.best_from, point.best_until) == (dt.time(9), dt.time(17))


@pytest.mark.parametrize(
    "given",
    [{"value": ""}, {"value": "\x00"}, {"kind": "pigeon"}, {"kind": "email", "value": "no address"},
     {"best_from": "9"}, {"best_from": "5pm", "best_until": "9"}, {"best_from": "25:99", "best_until": "26"},
     {"ok_to_call": "perhaps"}, {"value": "x" * 10_000}],
)  # fmt: skip
def test_junk_about_reaching_them_is_refused(desk, person, given):
    assert desk.post(url(person, "contact_new"), contact(**given)).status_code == 422
    assert not ContactPoint.objects.exists()


def test_a_newer_answer_is_not_overwritten_by_an_older_page(desk, person):
    point = make.make_contact_point(person, ok_to_call=True)
    address = url(person, "contact_edit", point=point.pk)
    seen = desk.get(address).context["form"].initial["seen"]
    ContactPoint.objects.filter(pk=point.pk).update(ok_to_call=False)

    refused = desk.post(address, contact(value=point.value, seen=seen, ok_to_call="yes"))

    point.refresh_from_db()
    assert (refused.status_code, point.ok_to_call) == (422, False)
    assert "Nothing was overwritten" in refused.content.decode()
    again = desk.post(address, contact(value=point.value, seen=refused.context["form"].data["seen"], ok_to_call="yes"))
    point.refresh_from_db()
    assert (again.status_code, point.ok_to_call) == (302, True)


def test_a_wrong_number_is_kept_and_marked(desk, person):
    point = make.make_contact_point(person)
    address = url(person, "contact_edit", point=point.pk)
    seen = desk.get(address).context["form"].initial["seen"]

    desk.post(address, contact(value=point.value, seen=seen, is_wrong="on"))

    point.refresh_from_db()
    assert point.wrong_since is not None


def test_a_contact_point_of_somebody_else_does_not_exist_here(desk, person, facility):
    other = make.make_contact_point(make.make_person(at=facility))

    assert desk.get(url(person, "contact_edit", point=other.pk)).status_code == 404


def test_somebody_around_the_person_is_new_or_one_we_know(desk, person, facility):
    jana = make.make_person(at=facility, given_name="Jana")
    hidden = make.make_person(at=make.make_facility())
    add = url(person, "relation_new")

    desk.post(add, {"relation": "sibling", "other": jana.pk, "idempotency_key": "key-number-one"})
    desk.post(add, {"relation": "mother", "given_name": "Noor", "phone": "3125550150",
                    "is_emergency_contact": "on", "idempotency_key": "key-number-two"})  # fmt: skip
    refused = desk.post(add, {"relation": "friend", "other": hidden.pk, "idempotency_key": "key-number-three"})

    ties = {tie.other.given_name: (tie.relation, tie.is_emergency_contact) for tie in person.relationships.all()}
    assert ties == {"Jana": ("sibling", False), "Noor": ("mother", True)}
    assert refused.status_code == 422
    assert Person.objects.get(given_name="Noor").known_at.get().facility == facility


def test_looking_for_somebody_adds_nobody(desk, person, facility):
    make.make_person(at=facility, given_name="Jana")

    response = desk.post(
        url(person, "relation_new"),
        {"find": "1", "q": "jana", "relation": "sibling", "idempotency_key": "key-number-one"},
    )

    assert [hit.person.given_name for hit in response.context["hits"]] == ["Jana"]
    assert not person.relationships.exists()


def test_a_promise_joins_the_open_inquiry(desk, person, facility):
    sent = {"text": "Call about the family session", "on": "tomorrow", "time": "11"}
    desk.post(url(person, "person_promise"), sent | {"idempotency_key": "key-number-one"})
    inquiry = make.make_inquiry(facility=facility, person=person)
    desk.post(url(person, "person_promise"), sent | {"idempotency_key": "key-number-two"})

    assert list(Task.objects.order_by("created_at").values_list("subject_id", flat=True)) == [None, inquiry.pk]


def test_a_manager_reads_and_changes_nothing(signed_in, person, facility):
    manager = signed_in(make.make_user(at=facility, role=Role.MANAGER))

    assert manager.get(url(person)).status_code == 200
    for name in ("person_edit", "contact_new", "relation_new"):
        assert manager.post(url(person, name), {"idempotency_key": "key-of-this-test"}).status_code == 403
