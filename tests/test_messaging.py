"""Messages: planned with their source, asked again at send time, never lost and never sent twice."""

import datetime as dt
import time
import uuid
from types import SimpleNamespace

import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from admissions import reminders
from admissions.rules import tell_holders_of_lapsed_holds
from admissions.tasks import follow_the_rules
from core.errors import Refused
from core.models import Happening
from core.times import instant
from messaging import checks, engine, mailbox, providers, purposes, services, words, zones
from messaging.models import Attempt, Heartbeat, Message, MessageState, OptChoice, Outcome
from messaging.purposes import No, Say
from programs import reminders as appointments
from tests import factories as make
from tests.fakes import smtp
from work import services as work
from work.models import Task

NEUTRAL = Say("Appointment reminder", "Reminder: you have an appointment Friday 9:00 am.")
NOON = instant(dt.date(2026, 11, 20), dt.time(13), "America/New_York")  # open in every state of the mainland


@pytest.fixture
def sink(settings, tmp_path):
    """The mail server, one that cannot be asked (class c) unless LOCAL_MAIL is set."""
    settings.STATE_DIR, settings.LOCAL_MAIL = tmp_path, False
    settings.OUTGOING, settings.EMAIL_HOST = "on", "127.0.0.1"
    with smtp.running() as (sink, settings.EMAIL_PORT):
        yield sink


@pytest.fixture
def askable(sink, settings):
    """A mail server whose record can be asked (class b), as in `up`."""
    settings.LOCAL_MAIL = True
    return sink


@pytest.fixture
def speech(monkeypatch):
    """A purpose "spoken" whose answer the test chooses: `speech.answer = No("closed")`."""
    speech = SimpleNamespace(answer=NEUTRAL)
    monkeypatch.setitem(purposes._purposes, "spoken", purposes.Purpose(lambda message: speech.answer, "Spoken"))
    return speech


@pytest.fixture
def noon():
    """One in the afternoon in New York: quiet nowhere on the mainland."""
    with time_machine.travel(NOON, tick=True):
        yield NOON


def due(**given):
    """A message of purpose "spoken" that is due now; to staff, or to `contact_point`."""
    return make.make_message(**{"purpose": "spoken"} | given)


def to_person(**given):
    person = given.pop("person", None) or make.make_person(zone="America/New_York")
    return due(contact_point=make.make_email(person, **given.pop("email", {})), **given)


def state_of(message):
    message.refresh_from_db()
    return (message.state, message.reason)


def outcomes(message):
    return list(message.attempts.order_by("number").values_list("outcome", flat=True))


def abandon(message):
    """As if whoever is sending it was killed long ago."""
    Message.objects.filter(pk=message.pk).update(lease_until=timezone.now() - dt.timedelta(seconds=1))


# --- Planning ------------------------------------------------------------------------------------------


@pytest.fixture
def promise():
    return make.make_task(facility=make.make_facility(zone="America/Chicago"))


def plan(task, user, *, day=20, version=1, slot_key="ten minutes before"):
    return services.plan(
        "callback_due",
        facility=task.facility,
        source=task,
        source_kind="task",
        source_version=version,
        slot_key=slot_key,
        on=dt.date(2031, 11, day),
        time=dt.time(8, 50),
        zone="America/Chicago",
        expires_at=instant(dt.date(2031, 11, day), dt.time(11), "America/Chicago"),
        user=user,
    )


def test_a_planned_message_is_due_at_the_promised_wall_clock(promise):
    message = plan(promise, make.make_user(at=promise.facility))

    assert message.due_at == message.next_at == dt.datetime(2031, 11, 20, 14, 50, tzinfo=dt.UTC)
    assert (message.local_on, message.local_time, message.zone) == (
        dt.date(2031, 11, 20),
        dt.time(8, 50),
        "America/Chicago",
    )
    assert (message.source_kind, message.source_id, message.state) == ("task", promise.pk, "due")


def test_planning_an_unchanged_slot_again_changes_nothing(promise):
    user = make.make_user(at=promise.facility)
    first = plan(promise, user)
    Message.objects.filter(pk=first.pk).update(next_at=first.due_at + dt.timedelta(minutes=7))

    again = plan(promise, user)

    assert (again.pk, Message.objects.count()) == (first.pk, 1)
    assert again.next_at == first.due_at + dt.timedelta(minutes=7)


def test_a_moved_slot_moves_its_message(promise):
    user = make.make_user(at=promise.facility)
    first = plan(promise, user)

    moved = plan(promise, user, day=21, version=2)

    assert moved.pk == first.pk
    assert moved.due_at == moved.next_at == first.due_at + dt.timedelta(days=1)
    assert moved.source_version == 2


@pytest.mark.parametrize("state", ["sent", "review", "dead"])
def test_what_has_left_is_not_planned_again(promise, state):
    user = make.make_user(at=promise.facility)
    first = plan(promise, user)
    Message.objects.filter(pk=first.pk).update(state=state, reason="x", sent_at=timezone.now())

    again = plan(promise, user, day=21, version=2)

    assert (again.state, again.source_version) == (state, 1)


def test_a_cancelled_slot_that_is_planned_again_is_due_again(promise):
    user = make.make_user(at=promise.facility)
    plan(promise, user)
    assert services.cancel_for(promise.pk, reason="cancelled") == 1

    assert state_of(plan(promise, user)) == ("due", "")


def test_two_sources_with_the_same_slot_key_have_two_messages(promise):
    user = make.make_user(at=promise.facility)

    assert plan(promise, user).pk != plan(make.make_task(facility=promise.facility), user).pk


def test_only_what_is_due_is_cancelled(promise):
    user = make.make_user(at=promise.facility)
    sent, waiting = plan(promise, user, slot_key="a"), plan(promise, user, slot_key="b")
    Message.objects.filter(pk=sent.pk).update(state="sent", sent_at=timezone.now())

    assert services.cancel_for(promise.pk, reason="moved") == 1

    assert (state_of(sent)[0], state_of(waiting)) == ("sent", ("cancelled", "moved"))


def test_a_message_that_expires_before_it_is_due_is_a_mistake_of_the_caller(promise):
    with pytest.raises(ValueError):
        services.plan(
            "callback_due", facility=promise.facility, source=promise, source_kind="task", slot_key="x",
            on=dt.date(2031, 1, 2), time=dt.time(9), zone="America/Chicago",
            expires_at=dt.datetime(2031, 1, 1, tzinfo=dt.UTC), user=make.make_user(at=promise.facility),
        )  # fmt: skip


# --- Sending -------------------------------------------------------------------------------------------


def test_a_due_message_is_sent_once(sink, speech):
    message = due()

    assert services.deliver_due()["sent"] == 1
    assert services.deliver_due() == {"claimed": 0, "sent": 0}

    assert state_of(message) == ("sent", "")
    assert (message.provider, message.attempt, message.lease_token) == ("smtp", 1, None)
    assert list(message.attempts.values_list("outcome", "idempotency_key")) == [("accepted", f"msg:{message.pk}")]
    assert sink.copies() == {message.pk: 1}


def test_what_is_not_due_yet_waits(sink, speech):
    message = due(due_at=timezone.now() + dt.timedelta(minutes=1))

    services.deliver_due()

    assert (state_of(message)[0], sink.arrived) == ("due", [])


def test_urgent_messages_go_first_and_then_the_oldest(sink, speech):
    now, facility = timezone.now(), make.make_facility()
    bulk = due(facility=facility, priority=9, due_at=now - dt.timedelta(minutes=9))
    late = due(facility=facility, due_at=now - dt.timedelta(minutes=5))
    later = due(facility=facility, due_at=now - dt.timedelta(minutes=4))
    urgent = due(facility=facility, priority=0, due_at=now - dt.timedelta(minutes=1))

    services.deliver_due()

    assert [number for number, _ in sink.arrived] == [urgent.pk, late.pk, later.pk, bulk.pk]


def test_nothing_leaves_while_outgoing_is_off(sink, speech, settings):
    settings.OUTGOING = "off"
    message = due()

    services.deliver_due()

    assert (state_of(message)[0], message.attempt, sink.arrived) == ("due", 0, [])


def test_the_mail_is_neutral_plain_and_carries_the_same_id_each_time(sink, speech):
    facility = make.make_facility(name="Larkfield Recovery North", neutral_name="The Larkfield office")
    message = due(facility=facility)

    services.deliver_due()

    mail = mailbox.read(providers.message_id(message))
    assert mail["From"] == "The Larkfield office <office@localhost>"
    assert mail["To"] == message.user.email
    assert mail["Subject"] == "Appointment reminder"
    assert mail["Message-ID"] == f"<msg.{message.pk}.{message.slot_hash}@localhost>"
    assert mail.get_content_type() == "text/plain"
    assert mailbox.text_of(mail) == NEUTRAL.body + "\n"
    assert "Larkfield Recovery North" not in sink.last()


@pytest.mark.parametrize(
    "body", [".", "a\n.\nb", ".hidden", "tailing dot\n.", "Zoë’s appointment", "x" * 3000, "\n\n"]
)
def test_every_text_arrives_as_it_was_said(sink, speech, body):
    speech.answer = Say("Reminder", body)
    message = due()

    services.deliver_due()

    assert mailbox.text_of(mailbox.read(providers.message_id(message))).strip() == body.strip()


def test_a_line_break_in_a_header_does_not_make_another_header(sink, speech):
    speech.answer = Say("Reminder\r\nBcc: thief@example.org", "x")
    due(facility=make.make_facility(neutral_name="Office\nBcc: thief@example.org"))

    services.deliver_due()

    assert "\nBcc:" not in sink.last()


def test_the_heartbeat_tells_progress(sink, speech):
    due()
    services.deliver_due(loop="worker")
    services.deliver_due(loop="worker")

    beat = Heartbeat.objects.get()
    assert (beat.name, beat.claimed, beat.finished) == ("worker", 1, 1)
    assert timezone.now() - beat.pass_at < dt.timedelta(seconds=10)


# --- What the mail server says ---------------------------------------------------------------------------


@pytest.mark.parametrize("mood", ["refuse_sender", "busy"])
def test_a_refusal_for_now_is_tried_again_later(sink, speech, mood):
    sink.mood = mood
    message = due()

    assert services.deliver_due()["retry"] == 1

    assert state_of(message) == ("due", "")
    assert outcomes(message) == ["rejected_retry"]
    assert dt.timedelta(seconds=25) < message.next_at - timezone.now() < dt.timedelta(seconds=95)
    sink.mood = "ok"
    Message.objects.update(next_at=timezone.now())
    services.deliver_due()
    assert sink.copies() == {message.pk: 1}
    assert outcomes(message) == ["rejected_retry", "accepted"]


def test_no_mail_server_at_all_is_tried_again_later(sink, speech, settings):
    settings.EMAIL_PORT = 1
    message = due()

    assert services.deliver_due()["retry"] == 1
    assert (state_of(message), outcomes(message)) == (("due", ""), ["rejected_retry"])


@pytest.mark.parametrize("mood", ["refuse_address", "refuse_mail"])
def test_a_refusal_for_good_ends_it(sink, speech, mood, noon):
    sink.mood = mood
    message = to_person()

    assert services.deliver_due()["dead"] == 1

    assert (state_of(message), outcomes(message)) == (("dead", "refused"), ["rejected_permanent"])
    message.contact_point.refresh_from_db()
    assert message.contact_point.wrong_since is None


def test_an_address_where_nobody_lives_is_noted_and_somebody_calls_instead(sink, speech, noon):
    sink.mood = "unknown_address"
    message = to_person()

    services.deliver_due()

    message.contact_point.refresh_from_db()
    assert message.contact_point.wrong_since is not None
    task = Task.objects.get(kind="call_instead")
    assert (task.person, task.owner, task.facility) == (message.person, None, message.facility)


def test_after_eight_tries_it_is_dead(sink, speech):
    sink.mood = "busy"
    message = due()
    for _ in range(8):
        Message.objects.update(next_at=timezone.now())
        services.deliver_due()

    assert state_of(message) == ("dead", "too_many_tries")
    assert (sink.tries, outcomes(message)) == (8, ["rejected_retry"] * 8)


def test_the_pause_doubles_to_half_an_hour():
    for attempt, seconds in [(1, 60), (2, 120), (5, 960), (6, 1800), (20, 1800)]:
        pauses = [engine.pause(attempt).total_seconds() for _ in range(200)]
        assert seconds * 0.5 <= min(pauses) < max(pauses) <= seconds * 1.5


def test_a_line_cut_before_the_final_dot_was_not_delivered(sink, speech, settings, monkeypatch):
    monkeypatch.setattr(providers._Client, "send", lambda self, mail: (_ for _ in ()).throw(OSError("cut")))
    message = due()

    assert services.deliver_due()["retry"] == 1
    assert (outcomes(message), sink.arrived) == (["rejected_retry"], [])


def test_a_line_cut_before_the_answer_goes_to_a_person_and_is_never_sent_again(sink, speech):
    sink.mood = "keep_and_drop"
    message = due()

    assert services.deliver_due()["review"] == 1
    sink.mood = "ok"
    services.deliver_due()
    engine.reap()

    assert state_of(message) == ("review", "unknown_outcome")
    assert (outcomes(message), sink.copies()) == (["unknown"], {message.pk: 1})


def test_a_server_that_drips_is_cut_off_after_the_time_of_one_call(sink, speech, settings):
    settings.OUTGOING_CALL_SECONDS = 1
    sink.mood = "silent"
    message = due()
    began = time.monotonic()

    services.deliver_due()

    assert time.monotonic() - began < 5
    assert state_of(message) == ("review", "unknown_outcome")


@pytest.mark.parametrize("mood", ["keep_and_drop", "drop"])
def test_a_server_that_can_be_asked_settles_an_unknown_outcome(askable, speech, mood):
    askable.mood = mood
    message = due()
    services.deliver_due()
    assert state_of(message) == ("sending", "")
    askable.mood = "ok"

    engine.reap()
    assert state_of(message)[0] == "sending"  # not before the lease is over
    abandon(message)
    engine.reap()
    services.deliver_due()

    assert state_of(message) == ("sent", "")
    assert outcomes(message) == (["resolved_sent"] if mood == "keep_and_drop" else ["resolved_not_sent", "accepted"])
    assert askable.copies() == {message.pk: 1}


# --- Killed and frozen -------------------------------------------------------------------------------------


def test_what_was_claimed_and_never_called_is_due_again(sink, speech):
    message = due()
    (claimed,) = engine.claim(1)
    assert engine.claim(1) == []
    abandon(claimed)

    assert engine.reap() == {"never called": 1}
    services.deliver_due()

    assert (state_of(message)[0], message.attempt) == ("sent", 1)


def test_what_was_called_and_never_recorded_goes_to_a_person_where_nobody_can_be_asked(sink, speech):
    message = due()
    (claimed,) = engine.claim(1)
    engine.gate(claimed)
    abandon(claimed)

    engine.reap()

    assert (state_of(message), outcomes(message)) == (("review", "unknown_outcome"), ["unknown"])
    assert services.deliver_due()["claimed"] == 0


def test_a_zombie_neither_calls_nor_writes(sink, speech):
    message = due()
    (zombie,) = engine.claim(1)
    abandon(zombie)
    engine.reap()
    services.deliver_due()
    before = Message.objects.filter(pk=message.pk).values().get()

    assert engine.deliver(zombie) == "lost"

    assert Message.objects.filter(pk=message.pk).values().get() == before
    assert sink.copies() == {message.pk: 1}


def test_a_zombie_that_wakes_after_its_gate_writes_nothing(sink, speech):
    message = due()
    (zombie,) = engine.claim(1)
    engine.gate(zombie)
    abandon(zombie)
    engine.reap()

    assert engine._record(zombie, providers.Result(Outcome.ACCEPTED), provider=providers.Smtp()) == "lost"
    assert state_of(message) == ("review", "unknown_outcome")


def test_nobody_is_called_when_the_lease_is_nearly_over(sink, speech):
    message = due()
    (claimed,) = engine.claim(1)
    claimed.lease_until = timezone.now() + dt.timedelta(seconds=django_settings.OUTGOING_CALL_SECONDS)

    assert engine.deliver(claimed) == "released"

    assert (state_of(message), message.attempt, sink.arrived) == (("due", ""), 0, [])


def test_whoever_is_asked_to_stop_gives_back_what_it_has_not_sent(sink, speech):
    messages = [due() for _ in range(4)]
    services.deliver_due(should_stop=lambda: len(sink.arrived) >= 2)

    assert [state_of(message)[0] for message in messages] == ["sent", "sent", "due", "due"]


def test_a_purpose_that_fails_loses_nothing(sink, speech, monkeypatch):
    broken = purposes.Purpose(lambda message: 1 / 0, "Broken")
    monkeypatch.setitem(purposes._purposes, "spoken", broken)
    message = due()

    assert services.deliver_due()["retry"] == 1
    assert (state_of(message), sink.arrived) == (("due", ""), [])


def test_the_database_refuses_a_second_acceptance(sink, speech):
    message = due()
    services.deliver_due()

    with pytest.raises(Exception, match="messaging_attempt_one_acceptance"):
        Attempt.objects.create(
            message=message, number=9, idempotency_key=message.key, lease_token=uuid.uuid4(),
            began_at=timezone.now(), outcome=Outcome.RESOLVED_SENT,
        )  # fmt: skip


def test_what_is_over_is_closed_and_somebody_calls_instead(sink, speech):
    past = timezone.now() - dt.timedelta(minutes=1)
    message = to_person(due_at=past - dt.timedelta(hours=1), expires_at=past)
    very_late = to_person(
        due_at=past - dt.timedelta(hours=24), expires_at=past + dt.timedelta(days=9), facility=message.facility
    )

    services.deliver_due()
    assert services.close_what_is_over() == 2
    assert services.close_what_is_over() == 0

    assert (state_of(message), state_of(very_late)) == (("suppressed", "expired"), ("suppressed", "expired"))
    assert set(Task.objects.filter(kind="call_instead").values_list("person", flat=True)) == {
        message.person_id, very_late.person_id,
    }  # fmt: skip
    assert sink.arrived == []


# --- The gate: asked again at send time ------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["closed", "moved", "handed_over"])
def test_what_is_no_longer_wanted_is_not_sent(sink, speech, reason):
    speech.answer = No(reason)
    message = due()

    services.deliver_due()

    assert (state_of(message), sink.arrived) == (("suppressed", reason), [])


def test_a_purpose_without_an_owner_says_nothing(sink):
    message = due(purpose="forgotten")

    services.deliver_due()

    assert (state_of(message), sink.arrived) == (("suppressed", "nobody_answers"), [])


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"ok_to_email": None}, "no_consent"),
        ({"ok_to_email": False}, "no_consent"),
        ({"wrong_since": NOON}, "wrong_address"),
    ],
)
def test_nobody_is_written_to_without_a_yes_or_at_a_wrong_address(sink, speech, noon, change, reason):
    message = to_person()
    type(message.contact_point).objects.filter(pk=message.contact_point_id).update(**change)

    services.deliver_due()

    assert (state_of(message), sink.arrived) == (("suppressed", reason), [])


def test_the_dead_get_no_mail(sink, speech, noon):
    message = to_person(person=make.make_person(zone="America/New_York", deceased_on=NOON.date()))

    services.deliver_due()

    assert (state_of(message), sink.arrived) == (("suppressed", "deceased"), [])


def test_a_merged_person_gets_no_mail_under_the_old_record(sink, speech, noon):
    message = to_person(person=make.make_person(zone="America/New_York", merged_into=make.make_person()))

    services.deliver_due()

    assert state_of(message) == ("suppressed", "not_this_person")


def test_a_text_has_no_carrier_yet_so_somebody_calls(sink, speech, noon):
    phone = make.make_contact_point(make.make_person(zone="America/New_York"), ok_to_text=True)
    message = due(contact_point=phone, channel="sms")

    services.deliver_due()

    assert state_of(message) == ("suppressed", "no_provider")
    assert Task.objects.filter(kind="call_instead", person=phone.person).exists()


def test_a_colleague_who_left_is_not_written_to(sink, speech):
    facility = make.make_facility()
    gone, elsewhere = make.make_user(at=facility, is_active=False), make.make_user(at=make.make_facility())
    messages = [due(facility=facility, user=gone), due(facility=facility, user=elsewhere)]

    services.deliver_due()

    assert [state_of(message) for message in messages] == [("suppressed", "left")] * 2
    assert sink.arrived == []


# --- Quiet hours and caps ----------------------------------------------------------------------------------


def test_at_night_a_person_waits_for_the_morning_and_staff_do_not(sink, speech):
    night = instant(dt.date(2026, 11, 20), dt.time(22), "America/Chicago")
    with time_machine.travel(night, tick=True):
        home = make.make_person(zone="America/Chicago")
        person = to_person(person=home, expires_at=night + dt.timedelta(hours=20))
        staff = due()

        services.deliver_due()

        opening = instant(dt.date(2026, 11, 21), dt.time(9), "America/Chicago")
        assert state_of(person) == ("due", "")
        assert opening <= person.next_at <= opening + dt.timedelta(minutes=5)
        assert (person.attempt, outcomes(person)) == (0, [])
        assert state_of(staff)[0] == "sent"


def test_a_morning_that_comes_too_late_means_a_call_instead(sink, speech):
    night = instant(dt.date(2026, 11, 20), dt.time(22), "America/Chicago")
    with time_machine.travel(night, tick=True):
        message = to_person(person=make.make_person(zone="America/Chicago"), expires_at=night + dt.timedelta(hours=10))
        services.deliver_due()

    assert state_of(message) == ("suppressed", "expired")
    task = Task.objects.get(kind="call_instead")
    assert task.person == message.person
    assert task.due_at == instant(dt.date(2026, 11, 21), dt.time(8), "America/Chicago")  # nobody is called at night


def test_a_persons_own_hours_narrow_the_window(sink, speech, noon):
    message = to_person(
        email={"best_from": dt.time(17), "best_until": dt.time(23)}, expires_at=NOON + dt.timedelta(days=1)
    )

    services.deliver_due()

    five = instant(dt.date(2026, 11, 20), dt.time(17), "America/New_York")
    assert five <= _next(message) <= five + dt.timedelta(minutes=5)


def _next(message):
    message.refresh_from_db()
    return message.next_at


def test_one_message_a_day_and_three_in_seven_days(sink, speech, noon):
    person = make.make_person(zone="America/New_York")
    email = make.make_email(person)

    def one_more(at):
        message = due(contact_point=email, due_at=at - dt.timedelta(seconds=1), expires_at=at + dt.timedelta(days=30))
        with time_machine.travel(at, tick=True):
            services.deliver_due()
        return message

    first, second = one_more(NOON), one_more(NOON + dt.timedelta(hours=1))
    assert state_of(first)[0] == "sent"
    assert state_of(second)[0] == "due"
    assert _next(second) >= NOON + dt.timedelta(days=1)

    services.cancel_for(second.source_id, reason="cancelled")
    assert state_of(one_more(NOON + dt.timedelta(days=1, hours=1)))[0] == "sent"
    assert state_of(one_more(NOON + dt.timedelta(days=2, hours=2)))[0] == "sent"
    fourth = one_more(NOON + dt.timedelta(days=3, hours=3))
    assert state_of(fourth)[0] == "due"
    assert _next(fourth) >= NOON + dt.timedelta(days=7)


def test_what_may_have_left_counts_under_the_cap(sink, speech, noon):
    email = make.make_email(make.make_person(zone="America/New_York"))
    sink.mood = "keep_and_drop"
    due(contact_point=email)
    services.deliver_due()
    sink.mood = "ok"

    second = due(contact_point=email, expires_at=NOON + dt.timedelta(days=3))
    services.deliver_due()

    assert state_of(second)[0] == "due"
    assert len(sink.arrived) == 1


@pytest.mark.parametrize(
    "zone, points, expected",
    [
        ("America/Denver", [("address", "1 Main St, Miami, FL 33101")], ["America/Denver"]),
        ("", [("address", "1 Main St, Chicago, IL 60601")], ["America/Chicago"]),
        ("", [("address", "9 Bay Rd, Pensacola, FL 32501")], ["America/New_York", "America/Chicago"]),
        ("", [], [*zones.NOWHERE_KNOWN, "America/Chicago"]),
        ("", [("phone", "+13125550100")], [*zones.NOWHERE_KNOWN, "America/Chicago"]),
        ("", [("phone", "+18085550100")], ["Pacific/Honolulu", *zones.NOWHERE_KNOWN, "America/Chicago"]),
        ("", [("address", "Chicago, IL 60601"), ("phone", "+18085550100")], ["America/Chicago", "Pacific/Honolulu"]),
        ("", [("address", "somewhere up north")], [*zones.NOWHERE_KNOWN, "America/Chicago"]),
    ],
)
def test_where_somebody_may_be(zone, points, expected):
    person = make.make_person(zone=zone)
    for kind, value in points:
        make.make_contact_point(person, kind=kind, value=value, normal=value)
    facility = make.make_facility(zone="America/Chicago")

    assert zones.of_person(person, list(person.contact_points.all()), facility) == expected


# --- Stop ----------------------------------------------------------------------------------------------------


def test_a_spoken_stop_silences_the_address_at_once_for_everyone_behind_it(sink, speech, noon):
    facility, user = make.make_facility(), make.make_user()
    one = to_person(facility=facility)
    sharing = due(
        facility=facility,
        contact_point=make.make_email(
            make.make_person(zone="America/New_York"), value=one.contact_point.value, normal=one.contact_point.normal
        ),
    )
    other = to_person(facility=facility)

    services.opt_out(one.contact_point, source="said on the phone", by=user, facility=facility)
    services.deliver_due()

    assert [state_of(m) for m in (one, sharing, other)] == [
        ("suppressed", "opted_out"), ("suppressed", "opted_out"), ("sent", ""),
    ]  # fmt: skip
    happening = Happening.objects.get(verb="message.opted_out")
    assert (happening.actor, happening.about_id, happening.place_id) == (user, one.person_id, facility.pk)


def test_a_stop_counts_for_what_is_planned_later_and_the_newest_choice_wins(sink, speech, noon):
    message = to_person()
    services.opt_out(message.contact_point, source="letter", by=None)
    Message.objects.update(state="due", reason="")
    services.deliver_due()
    assert state_of(message) == ("suppressed", "opted_out")

    OptChoice.objects.create(
        channel="email", address=message.contact_point.normal, kind="in", at=timezone.now(), source="START"
    )
    Message.objects.update(state="due", reason="")
    services.deliver_due()
    assert state_of(message)[0] == "sent"


def test_a_postal_address_has_nothing_to_stop():
    with pytest.raises(Refused):
        services.opt_out(make.make_contact_point(kind="address", normal="x"), source="said", by=None)


# --- Words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Your detox bed", "DETOX", "de\u200btox", "ｄｅｔｏｘ", "level of\ncare", "in recovery", "F10.20", "12-step",
        "Suboxone", "therapy at nine", "Larkfield  North", "intensive outpatient", "balance due",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["subject", "body", "sender"])
def test_a_revealing_word_never_leaves(sink, speech, noon, text, place):
    speech.answer = Say(text if place == "subject" else "Reminder", text if place == "body" else "x")
    sender = f"{text} office" if place == "sender" else "The office"
    facility = make.make_facility(name="Larkfield North", neutral_name=sender)
    message = to_person(facility=facility)

    services.deliver_due()

    assert (state_of(message), sink.arrived) == (("dead", "forbidden_words"), [])


def test_a_refused_word_is_not_logged(sink, speech, caplog):
    speech.answer = Say("Reminder", "Your ketamine appointment")
    due()

    services.deliver_due()

    assert "forbidden words" in caplog.text
    assert "ketamine" not in caplog.text


def test_ordinary_words_pass():
    words.refuse("Reminder: you have an appointment. Questions: +1 312 555 0100. Reply STOP to opt out.", "Mathew")


# --- The two reminders -------------------------------------------------------------------------------------------


def promised(**given):
    facility = given.pop("facility", None) or make.make_facility(zone="America/Chicago")
    owner = given.pop("owner", None) or make.make_user(at=facility)
    return make.make_task(facility=facility, owner=owner, **given)


def test_the_owner_of_a_promise_is_reminded_ten_minutes_before_without_a_name(sink, settings):
    settings.PUBLIC_URL = "https://detox.example.org"
    nine = instant(dt.date(2026, 11, 20), dt.time(9), "America/Chicago")
    with time_machine.travel(nine - dt.timedelta(hours=1), tick=True):
        task = promised(due_at=nine)
        message = reminders.remind_owner(task)
        assert message.due_at == nine - dt.timedelta(minutes=10)
    with time_machine.travel(nine - dt.timedelta(minutes=10), tick=True):
        services.deliver_due()

    mail = mailbox.read(providers.message_id(message))
    assert mail["Subject"] == "A call you promised"
    assert mailbox.text_of(mail) == (
        "You promised a call at 9:00 am. Open your workbench.\n\nhttps://detox.example.org/workbench/\n"
    )
    assert task.person.given_name not in sink.last()


def test_a_closed_moved_or_handed_over_promise_reminds_nobody_of_the_old_one(sink):
    soon = timezone.now() + dt.timedelta(minutes=5)
    closed, moved, handed = promised(due_at=soon), promised(due_at=soon), promised(due_at=soon)
    old = [reminders.remind_owner(task) for task in (closed, moved, handed)]
    work.close(closed, outcome="Reached", by=closed.owner)
    local = (soon + dt.timedelta(hours=2)).astimezone(moved.facility.time_zone)
    work.move(moved, on=local.date(), time=local.time(), by=moved.owner, reason="She asked")
    new_owner = make.make_user(at=handed.facility)
    work.hand_over(handed, to=new_owner, by=None)

    follow_the_rules()
    services.deliver_due()

    assert [state_of(message)[0] for message in old] == ["suppressed"] * 3
    assert [receiver(mail) for _, mail in sink.arrived] == [new_owner.email]


def receiver(mail):
    return mail.decode().split("\nTo: ")[1].split("\r")[0]


def test_reminding_again_plans_no_second_message():
    task = promised(due_at=timezone.now() + dt.timedelta(minutes=5))
    reminders.remind_owner(task)
    follow_the_rules()
    follow_the_rules()

    assert Message.objects.count() == 1


def appointment_in(span, **given):
    person = make.make_person(given_name=given.pop("given_name", "Devin"), zone="America/Chicago")
    email = given.pop("remind_at", None) or make.make_email(person)
    facility = make.make_facility(zone="America/Chicago", name="Larkfield Detox", neutral_phone="(312) 555-0100")
    return make.make_appointment(
        facility=facility, person=person, starts_at=timezone.now() + span, remind_at=email, place="Detox unit", **given
    )


@pytest.mark.parametrize(
    "name, begins", [("Devin", "Devin, reminder: "), ("", "Reminder: "), ("x@y.z 1", "Reminder: ")]
)
def test_the_reminder_of_an_appointment_is_the_minimum_safe_text(sink, name, begins):
    two = instant(dt.date(2026, 11, 20), dt.time(14), "America/Chicago")
    with time_machine.travel(two - dt.timedelta(days=2), tick=False):
        appointment = appointment_in(dt.timedelta(days=2), given_name=name)
        message = appointments.remind_person(appointment)
    with time_machine.travel(two - dt.timedelta(days=1), tick=True):
        services.deliver_due()

    mail = mailbox.read(providers.message_id(message))
    assert mail["Subject"] == "Appointment reminder"
    assert mailbox.text_of(mail) == (
        f"{begins}you have an appointment Friday 2:00 pm. Questions: (312) 555-0100. Reply STOP to opt out."
        "\n\nThe office\n"
    )
    assert appointment.person.family_name not in sink.last()


@pytest.mark.parametrize("hours, before", [(72, 24), (25, 24), (20, 3), (4, 3), (2, None)])
def test_when_an_appointment_is_reminded_of(hours, before):
    with time_machine.travel(NOON, tick=False):
        appointment = appointment_in(dt.timedelta(hours=hours))
        message = appointments.remind_person(appointment)

    if before is None:
        assert message is None
    else:
        assert message.due_at == appointment.starts_at - dt.timedelta(hours=before)
        assert message.expires_at == appointment.starts_at - dt.timedelta(hours=1)


def test_nobody_else_is_reminded_of_a_persons_appointment(sink):
    appointment = appointment_in(dt.timedelta(days=2), remind_at=make.make_email(make.make_person()))
    message = appointments.remind_person(appointment)

    assert appointments.say_appointment(message) == No("not_this_person")


def test_a_lapsed_hold_becomes_one_task_of_its_holder():
    hold = make.make_hold(expires_at=timezone.now() + dt.timedelta(seconds=0.05))
    time.sleep(0.1)

    assert tell_holders_of_lapsed_holds() == 1
    assert tell_holders_of_lapsed_holds() == 0

    task = Task.objects.get(rule="hold_lapsed")
    assert (task.owner, task.person, task.subject_id, task.kind) == (hold.held_by, hold.person, hold.pk, "follow_up")


# --- The ticker --------------------------------------------------------------------------------------------------


def test_the_ticker_leaves_what_is_fresh_to_the_workers_and_sends_what_is_late(sink, speech):
    message = due(due_at=timezone.now() - dt.timedelta(seconds=10))
    services.tick(late_seconds=30)
    assert state_of(message)[0] == "due"

    Message.objects.update(next_at=timezone.now() - dt.timedelta(seconds=31))
    services.tick(late_seconds=30)
    assert state_of(message)[0] == "sent"


def test_what_leaves_no_trace_of_a_person_in_the_queue():
    from messaging.tasks import deliver_due_messages

    assert deliver_due_messages.run.__code__.co_argcount == 0


def test_the_gate_holds_the_row_and_the_contact_point_while_it_decides(speech, noon):
    from django.test.utils import CaptureQueriesContext

    to_person()
    (message,) = engine.claim(1)
    with CaptureQueriesContext(connection) as queries:
        engine.gate(message)

    locks = [query["sql"].split("FOR ")[-1] for query in queries if " FOR " in query["sql"]]
    assert locks == ["UPDATE", "NO KEY UPDATE", "SHARE"]


def test_every_state_of_a_message_has_words():
    assert all(MessageState(state).label for state in MessageState)


@pytest.mark.parametrize(
    "sender, warnings", [("office@larkfield.org", []), ("a@larkfieldrecovery.org", ["handrail.W001"])]
)
def test_a_sender_that_gives_the_care_away_is_warned_of(settings, sender, warnings):
    settings.DEFAULT_FROM_EMAIL = sender

    assert [warning.id for warning in checks.neutral_sender(None)] == warnings
