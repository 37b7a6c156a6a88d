"""The public form: committed before it thanks, the same answer for everybody, nothing lost."""

import json
import re
import threading
import time
from pathlib import Path

import pytest
from django.core import signing
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse

from admissions.models import Inquiry, SafetyCheck, SubstanceUse, WebSubmission
from admissions.public import SUSPECT_ABOVE, receive_web_inquiry, source_of
from admissions.views.public import SALT
from people.models import ContactPoint, Person, ReadEvent, Relation, Relationship
from tests import factories as make
from work.models import Task

GRAVITY = json.loads((Path(__file__).parent / "samples" / "gravity_forms_all_fields.json").read_text())
FILLED = {"who": "self", "first": "Jordan", "reach": "(312) 555-0199"}


@pytest.fixture(autouse=True)
def _quiet_times():
    """The counters outlive tests that commit."""
    cache.clear()


@pytest.fixture
def facility():
    return make.make_facility(slug="larkfield", name="Larkfield North", phone="+13125550100")


def address(facility):
    return reverse("admissions:public_form", args=[facility.slug])


def test_crisis_lines_come_before_anything_and_nothing_is_loaded_from_elsewhere(client, facility):
    page = client.get(address(facility)).content.decode()

    assert page.index("tel:911") < page.index("tel:988") < page.index("Ask for help</h1>")
    assert '"*" indicates required fields' in page
    assert re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]*"', page) == []
    assert not re.search(r"\sstyle=|\son[a-z]+=", page)


def test_three_fields_make_an_inquiry_and_nothing_in_the_address_says_so(client, facility):
    response = client.post(address(facility), FILLED | {"ok": ["call"]})

    assert response.url == reverse("admissions:public_thanks", args=["larkfield"])
    inquiry = Inquiry.objects.get()
    assert (inquiry.channel, inquiry.facility, inquiry.relation, inquiry.caller) == (
        "web", facility, Relation.SELF, inquiry.person,
    )  # fmt: skip
    assert (inquiry.first_attempt_at, inquiry.is_suspect, inquiry.owner) == (None, False, None)
    point = ContactPoint.objects.get()
    assert (point.normal, point.ok_to_call, point.ok_to_text) == ("+13125550199", True, None)
    assert inquiry in Inquiry.objects.awaiting_first_contact()


def test_what_may_be_spam_waits_on_the_workbench_too_after_the_others(client, facility):
    client.post(address(facility), FILLED | {"name": "Fast", "website": "http://spam.example"})
    Inquiry.objects.update(is_suspect=True)
    client.post(address(facility), FILLED)

    waiting = Inquiry.objects.filter(facility=facility).awaiting_first_contact()

    assert [inquiry.is_suspect for inquiry in waiting] == [False, True]


@pytest.mark.parametrize("missing", sorted(FILLED))
def test_each_of_the_three_is_asked_for_kindly_and_the_rest_stays(client, facility, missing):
    response = client.post(address(facility), FILLED | {missing: "", "message": "Still here"})

    assert response.status_code == 200
    assert list(response.context["form"].errors) == [missing]
    assert "Still here" in response.content.decode()
    assert not Inquiry.objects.exists()


def test_a_known_and_an_unknown_person_get_the_same_bytes(client, facility):
    known = make.make_person(at=facility, given_name="Jordan", family_name="Known")
    make.make_contact_point(known, value="(312) 555-0199", normal="+13125550199")
    answers = []
    for number in ("(312) 555-0199", "(312) 555-0111"):
        sent = Client().post(address(facility), FILLED | {"reach": number})
        thanks = Client().get(sent.url)
        answers.append((sent.status_code, dict(sent.items()), sent.content, dict(thanks.items()), thanks.content))

    assert answers[0] == answers[1]
    assert Person.objects.filter(given_name="Jordan").count() == 3  # never matched by itself
    assert not ReadEvent.objects.exists()


def test_the_gravity_sample_becomes_the_inquiry_one_expects(client, facility):
    posted = {name: value for name, value in GRAVITY.items() if value is not None}
    assert client.post(address(facility), posted).status_code == 302

    inquiry = Inquiry.objects.get()
    caller, person = inquiry.caller, inquiry.person
    assert (caller.name, person.name, caller == person) == ("Jordan Testcase", "No name yet", False)
    assert Relationship.objects.get(person=person).other == caller
    assert inquiry.relation == Relation.UNKNOWN
    assert {(p.kind, p.value, p.normal) for p in caller.contact_points.all()} == {
        ("phone", "(500) 555-0001", "+15005550001"), ("email", "jordan@example.org", "jordan@example.org"),
    }  # fmt: skip
    assert inquiry.contact_point.kind == "phone"
    assert [(row.substance, row.name) for row in SubstanceUse.objects.filter(inquiry=inquiry)] == [
        ("ALC", "Alcohol"), ("MOR", "Opioids"),
    ]  # fmt: skip
    assert (inquiry.words, inquiry.source, inquiry.channel) == ("My brother needs help", "ad", "web")
    kept = WebSubmission.objects.get(inquiry=inquiry).fields
    assert kept["source_url"] == GRAVITY["source_url"]
    assert kept["7"] == GRAVITY["7"]


def test_the_gravity_sample_read_by_the_service_keeps_its_nulls(facility):
    inquiry = receive_web_inquiry(facility, GRAVITY)

    assert inquiry.caller.name == "Jordan Testcase"
    assert inquiry.submission.fields["post_id"] is None


@pytest.mark.parametrize(
    "fields, source",
    [
        ({"utm_medium": ["cpc"]}, "ad"),
        ({"gclid": ["x"]}, "ad"),
        ({"utm_source": ["google"]}, "search"),
        ({"source_url": ["https://e.org/?utm_source=bing&utm_medium=organic"]}, "search"),
        ({"source_url": ["http://[::1"]}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_the_source_is_read_from_campaign_marks(fields, source):
    assert source_of(fields) == source


def test_two_identical_sends_make_one_inquiry_and_a_corrected_one_is_not_lost(client, facility):
    form = FILLED | {"idempotency_key": "opened-once-123"}

    answers = [client.post(address(facility), form), client.post(address(facility), form)]
    corrected = client.post(address(facility), form | {"reach": "(312) 555-0198"})

    assert {answer.url for answer in answers} == {corrected.url}
    assert Inquiry.objects.count() == 2


def test_a_site_without_the_hidden_key_still_reaches_us(client, facility):
    for key in ("", "short", "n\x00ul-and-so-on", "k" * 65):
        assert client.post(address(facility), FILLED | {"idempotency_key": key}).status_code == 302
    assert Inquiry.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_a_double_tap_at_the_same_instant_makes_one_inquiry():
    facility = make.make_facility()
    gate, answers = threading.Barrier(6), []

    def tap():
        gate.wait()
        answers.append(Client().post(address(facility), FILLED | {"idempotency_key": "the-same-tap"}).status_code)
        connection.close()

    threads = [threading.Thread(target=tap) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert answers == [302] * 6
    assert Inquiry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_no_thank_you_without_a_row_and_no_broker_is_asked(settings, monkeypatch):
    """With the broker pointing nowhere, and any attempt to reach it an error."""
    import socket

    from config.celery import app

    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(app, "send_task", lambda *args, **kwargs: pytest.fail("a broker was called"))
    real = socket.socket.connect

    def connect(self, target):
        if self.family == socket.AF_INET:
            pytest.fail(f"somebody was called: {target}")
        return real(self, target)

    facility = make.make_facility()
    monkeypatch.setattr(socket.socket, "connect", connect)

    response = Client().post(address(facility), FILLED)

    assert response.status_code == 302
    assert Inquiry.objects.using("default").count() == 1


@pytest.mark.django_db(transaction=True)
def test_when_the_row_cannot_be_written_nobody_is_thanked(monkeypatch):
    facility = make.make_facility()
    monkeypatch.setattr(WebSubmission, "save", lambda *args, **kwargs: 1 / 0)

    response = Client(raise_request_exception=False).post(address(facility), FILLED)

    assert response.status_code == 500
    assert not Person.objects.exists()


def test_the_honeypot_marks_and_drops_nothing(client, facility):
    client.post(address(facility), FILLED | {"website": "https://spam.example"})

    assert Inquiry.objects.get().is_suspect
    assert WebSubmission.objects.get().suspect_because == "honeypot"


def test_a_form_sent_within_two_seconds_is_marked(client, facility):
    client.post(address(facility), FILLED | {"opened": signing.dumps(int(time.time()), salt=SALT)})
    client.post(address(facility), FILLED | {"opened": signing.dumps(int(time.time()) - 60, salt=SALT)})

    assert list(WebSubmission.objects.order_by("received_at").values_list("suspect_because", flat=True)) == [
        "too_fast", "",
    ]  # fmt: skip


def test_pressure_marks_first_and_only_a_flood_gets_the_telephone(client, facility, monkeypatch):
    for _ in range(SUSPECT_ABOVE + 1):
        client.post(address(facility), FILLED)
    assert WebSubmission.objects.filter(suspect_because="busy").count() == 1
    assert Inquiry.objects.count() == SUSPECT_ABOVE + 1

    monkeypatch.setattr("admissions.public.FLOOD_ABOVE", 5)
    busy = client.post(address(facility), FILLED)

    assert busy.status_code == 429
    assert "(312)" in busy.content.decode()
    assert "tel:911" in busy.content.decode()
    assert Inquiry.objects.count() == SUSPECT_ABOVE + 1


def test_a_yes_to_danger_is_an_alert_and_the_answer_is_the_same(client, facility):
    answer = client.post(address(facility), FILLED | {"danger": "yes"})

    check = SafetyCheck.objects.get()
    assert (check.is_e1, check.inquiry, check.asked_by) == (True, Inquiry.objects.get(), None)
    assert Task.objects.get().kind == "safety"
    assert answer.url == reverse("admissions:public_thanks", args=["larkfield"])
    assert "tel:911" in client.get(answer.url).content.decode()


def test_an_unknown_or_closed_form_still_shows_the_crisis_lines(client, facility):
    facility.is_active = False
    facility.save()
    for slug in ("larkfield", "nowhere"):
        response = client.get(reverse("admissions:public_form", args=[slug]))
        assert response.status_code == 404
        assert "tel:988" in response.content.decode()
        assert "Larkfield" not in response.content.decode()
    assert client.post(address(facility), FILLED).status_code == 404


def test_a_page_that_was_open_too_long_keeps_what_was_written(facility):
    client = Client(enforce_csrf_checks=True)

    response = client.post(address(facility), FILLED | {"message": "Please help"})

    assert response.status_code == 403
    page = response.content.decode()
    assert "Please help" in page
    assert "press Send once more" in page
    assert not Inquiry.objects.exists()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    again = client.post(address(facility), FILLED | {"csrfmiddlewaretoken": token})
    assert again.status_code == 302
    assert Inquiry.objects.count() == 1


def test_numbers_nobody_could_dial_are_kept_as_they_were_written(client, facility):
    for reach in ("555 01", "the shelter on Alder", "jo@", "☎ 312 555 0142"):
        assert client.post(address(facility), FILLED | {"reach": reach}).status_code == 302

    assert sorted(ContactPoint.objects.values_list("value", flat=True)) == sorted(
        ["555 01", "the shelter on Alder", "jo@", "☎ 312 555 0142"]
    )


JUNK = ["\x00", "\x00\x00a", "9" * 400, "x" * 10_000, "<script>alert(1)</script>", "💥" * 90, "ا" * 120, "-1", "{}"]


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_no_junk_breaks_the_form(client, facility, junk):
    names = "who first reach ok last email person substances message danger website opened idempotency_key".split()  # noqa: SIM905
    names += ["utm_source", "gclid", "source_url", "1.3", "2", "3", "4", "5.1", "6", junk]
    assert client.post(address(facility), {name: [junk, junk] for name in names}).status_code < 500
    for name in names:
        assert client.post(address(facility), FILLED | {name: junk}).status_code < 500
    assert client.get(address(facility), {"utm_source": junk, "gclid": junk}).status_code == 200
    assert client.post(address(facility), FILLED | {"message": junk, "utm_source": junk}).status_code in {200, 302}


def test_broken_bytes_are_no_error(client, facility):
    body = b"who=self&first=%FF%FE&reach=%ED%A0%80312&message=%C3%28"
    response = client.post(address(facility), body, content_type="application/x-www-form-urlencoded")

    assert response.status_code in {200, 302}


def test_the_form_asks_a_bounded_number_of_questions(client, facility, django_assert_max_num_queries):
    with django_assert_max_num_queries(3):
        client.get(address(facility))
    with django_assert_max_num_queries(60):
        client.post(address(facility), FILLED | {"substances": ["Alcohol", "Ketamine"], "danger": "none"})
