"""The mailbox: what leaves the building, seen by those who may, and the health of its loops."""

import datetime as dt

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.permissions import Role
from core.models import Happening
from messaging import engine, lists, mailbox, providers
from messaging.models import MessageState, OptChoice
from people.models import ReadEvent
from tests import factories as make

MAILBOX = reverse("messaging:mailbox")


@pytest.fixture
def facility():
    return make.make_facility()


@pytest.fixture
def staff(client, facility):
    user = make.make_user(at=facility)
    client.force_login(user)
    return user


def to_person(facility, **given):
    person = make.make_person(at=facility, **given.pop("person", {}))
    return make.make_message(
        facility=facility, contact_point=make.make_email(person), purpose="appointment_reminder", **given
    )


def listed(response):
    return [line.public_id for line in response.context["page"].lines]


# --- The list ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 3])
def test_the_queries_of_the_list_do_not_grow_with_its_rows(client, facility, staff, rows):
    for _ in range(rows):
        to_person(facility)
        make.make_message(facility=facility)
    client.get(MAILBOX)

    with CaptureQueriesContext(connection) as queries:
        response = client.get(MAILBOX)

    assert len(response.context["page"].lines) == 2 * rows
    assert len(queries) <= 7


def test_an_empty_mailbox_says_what_will_be_there(client, staff):
    response = client.get(MAILBOX)

    assert "Nothing has been sent yet" in response.content.decode()
    assert not ReadEvent.objects.exists()


def test_the_list_names_a_person_by_first_name_and_initial_and_is_a_logged_read(client, facility, staff):
    message = to_person(facility, person={"given_name": "Renata", "family_name": "Oakes"})

    response = client.get(MAILBOX)

    assert "Renata O." in response.content.decode()
    assert "Oakes" not in response.content.decode()
    assert ReadEvent.objects.get().person_ids == [message.person_id]


@pytest.mark.parametrize(
    "shown, states",
    [
        ("", set(MessageState)),
        ("due", {"due", "sending"}),
        ("sent", {"sent", "delivered"}),
        ("not_sent", {"suppressed", "cancelled"}),
        ("review", {"review"}),
        ("dead", {"dead"}),
        ("\x00 no such filter", set(MessageState)),
    ],
)
def test_the_filters_show_what_they_say(client, facility, staff, shown, states):
    now = timezone.now()
    rows = {}
    for state in MessageState:
        lease = (
            {"lease_token": "00000000-0000-4000-8000-000000000001", "lease_until": now} if state == "sending" else {}
        )
        rows[make.make_message(facility=facility, state=state, reason="x", sent_at=now, **lease).public_id] = state

    response = client.get(MAILBOX, {"show": shown})

    assert {rows[public_id] for public_id in listed(response)} == states


def test_pages_follow_one_another_without_a_gap(client, facility, staff, monkeypatch):
    monkeypatch.setattr(lists, "PAGE_SIZE", 2)
    same_time = timezone.now() - dt.timedelta(minutes=1)
    rows = [make.make_message(facility=facility, due_at=same_time).public_id for _ in range(5)][::-1]

    first = client.get(MAILBOX)
    second = client.get(MAILBOX, {"after": first.context["page"].older})
    third = client.get(MAILBOX, {"after": second.context["page"].older})
    back = client.get(MAILBOX, {"before": third.context["page"].newer})

    assert listed(first) + listed(second) + listed(third) == rows
    assert listed(back) == listed(second)
    assert (first.context["page"].newer, third.context["page"].older) == ("", "")


@pytest.mark.parametrize("junk", ["\x00", "x" * 10_000, "1", "00000000-0000-4000-8000-00000000dead", "\ud800"])
def test_a_key_of_no_row_is_the_beginning(client, facility, staff, junk):
    message = make.make_message(facility=facility)

    assert listed(client.get(MAILBOX, {"after": junk.encode("utf-8", "replace").decode()})) == [message.public_id]


def test_only_the_facility_in_view_is_listed(client, facility, staff):
    to_person(make.make_facility())

    assert listed(client.get(MAILBOX)) == []


def test_a_poll_that_finds_nothing_new_is_no_read(client, facility, staff):
    message = to_person(facility)
    etag = client.get(MAILBOX).headers["ETag"]
    poll = {"X-Handrail-Poll": "1", "If-None-Match": etag}

    assert client.get(MAILBOX, headers=poll).status_code == 304
    assert ReadEvent.objects.count() == 1

    type(message).objects.update(state="sent", sent_at=timezone.now())
    answer = client.get(MAILBOX, headers=poll)
    assert answer.status_code == 200
    assert answer.content.decode().lstrip().startswith('<section class="hr-card" id="mailbox"')
    assert ReadEvent.objects.count() == 2


# --- One message ---------------------------------------------------------------------------------------------


def test_on_ones_own_machine_the_mail_is_shown_as_it_arrived(client, facility, staff, settings, tmp_path):
    settings.STATE_DIR, settings.LOCAL_MAIL = tmp_path, True
    message = to_person(facility, state="sent", sent_at=timezone.now())
    mailbox.keep(
        f"From: The office <office@localhost>\r\nSubject: Appointment reminder\r\n"
        f"Message-ID: {providers.message_id(message)}\r\n\r\nReminder: <b>Friday</b> 9:00 am.\r\n".encode()
    )

    page = client.get(message.get_absolute_url()).content.decode()

    assert "The office &lt;office@localhost&gt;" in page
    assert "Reminder: &lt;b&gt;Friday&lt;/b&gt; 9:00 am." in page


def test_where_mail_leaves_for_good_its_words_are_not_kept(client, facility, staff, settings, tmp_path):
    settings.STATE_DIR, settings.LOCAL_MAIL = tmp_path, False
    message = to_person(facility, state="sent", sent_at=timezone.now())

    assert "The words are not kept here." in client.get(message.get_absolute_url()).content.decode()


def test_each_try_is_told_and_every_reason_of_the_gate_has_a_sentence(client, facility, staff):
    message = make.make_message(facility=facility, state="review", reason="unknown_outcome", attempt=1)
    message.attempts.create(
        number=1,
        idempotency_key=message.key,
        lease_token=message.public_id,
        began_at=timezone.now(),
        outcome="unknown",
    )

    page = client.get(message.get_absolute_url()).content.decode()

    assert "May have been sent" in page
    assert lists.REASONS["unknown_outcome"] in page
    assert "Not known" in page
    assert set(lists.REASONS) >= engine.CALL_INSTEAD


# --- A spoken stop -------------------------------------------------------------------------------------------


def test_a_stop_said_aloud_is_written_down_once(client, facility, staff):
    message = to_person(facility)
    url = reverse("messaging:opt_out", args=[message.contact_point_id])
    said = {"source": "said on the phone", "idempotency_key": "one-and-the-same"}
    assert "They said it on the phone" in client.get(url).content.decode()

    first, again = client.post(url, said), client.post(url, said)

    assert first.headers["Location"] == again.headers["Location"] == message.person.get_absolute_url()
    choice = OptChoice.objects.get()
    assert (choice.channel, choice.address, choice.kind) == ("email", message.contact_point.normal, "out")
    assert (choice.source, choice.by) == ("said on the phone", staff)
    assert Happening.objects.filter(verb="message.opted_out").count() == 1
    assert "It is written down already." in client.get(url).content.decode()


@pytest.mark.parametrize("source", ["", "\x00", "shouted", "x" * 10_000])
def test_a_stop_without_a_known_source_is_asked_again(client, facility, staff, source):
    url = reverse("messaging:opt_out", args=[to_person(facility).contact_point_id])

    response = client.post(url, {"source": source, "idempotency_key": "some-key"})

    assert response.status_code == 422
    assert not OptChoice.objects.exists()


def test_nothing_can_be_stopped_at_a_postal_address(client, facility, staff):
    home = make.make_contact_point(
        make.make_person(at=facility), kind="address", value="1 Main St", normal="1 main st"
    )

    assert client.get(reverse("messaging:opt_out", args=[home.pk])).status_code == 404


# --- Health ----------------------------------------------------------------------------------------------------


def deep(client):
    response = client.get("/healthz/deep")
    return response.status_code, response.json()


def test_all_is_well_while_the_ticker_passes_and_nothing_is_late(client):
    engine.beat("ticker")
    engine.beat("worker")

    status, figures = deep(client)

    assert status == 200
    assert (figures["database"], figures["oldest_due_seconds"]) == (True, 0)
    assert set(figures["heartbeat_age_seconds"]) == {"ticker", "worker"}
    assert max(figures["heartbeat_age_seconds"].values()) < 10


def test_a_message_two_minutes_late_is_an_alarm(client, settings):
    engine.beat("ticker")
    make.make_message(due_at=timezone.now() - dt.timedelta(seconds=121))

    assert deep(client)[0] == 503
    settings.OUTGOING = "off"  # held back on purpose, after a restore
    assert deep(client)[0] == 200


def test_a_silent_ticker_is_an_alarm(client):
    assert deep(client)[0] == 503
    engine.beat("ticker")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_heartbeat SET pass_at = pass_at - interval '121 seconds'")
    assert deep(client)[0] == 503


def test_without_redis_it_is_told_and_is_no_alarm(client, settings, tmp_path):
    engine.beat("ticker")
    settings.REDIS_URL = f"redis+socket://{tmp_path}/nothing?virtual_host=0"

    status, figures = deep(client)

    assert (status, figures["redis"]) == (200, False)


def test_without_a_database_it_answers_all_the_same(client):
    def gone(execute, *query):
        raise OperationalError("gone")

    with connection.execute_wrapper(gone):
        status, figures = deep(client)

    assert (status, figures["database"]) == (503, False)


def test_the_health_page_says_no_word_about_anybody(client):
    to_person(make.make_facility(), person={"given_name": "Kanarienvogel"})

    assert set(deep(client)[1]) == {"database", "redis", "oldest_due_seconds", "heartbeat_age_seconds"}


def test_who_may_not_see_messages_gets_no_mailbox(client, facility):
    client.force_login(make.make_user(at=facility, role=Role.ADMIN))

    assert client.get(MAILBOX).status_code == 403
