"""The workbench: who is next and why, what waits, and nothing that leaves it without an outcome."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.permissions import Role
from admissions import workbench
from admissions.models import Inquiry, IntakeCall
from messaging.models import Message
from people.models import ReadEvent
from tests import factories as make
from tests.queries import statements
from work.models import Task

URL = "/workbench/"
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def facility():
    return make.make_facility()


@pytest.fixture
def coordinator(facility):
    return make.make_user(at=facility)


@pytest.fixture
def desk(signed_in, coordinator):
    return signed_in(coordinator)


def owed(facility, owner, *, late=None, ahead=None, **given):
    """An open promise on an inquiry, `late` or `ahead` by so many minutes."""
    now = timezone.now()
    inquiry = given.pop("inquiry", None) or make.make_inquiry(facility=facility, owner=owner)
    due_at = now - late * MINUTE if late is not None else now + ahead * MINUTE
    return make.make_task(
        facility=facility, person=inquiry.person, owner=owner, due_at=due_at, subject_kind="inquiry",
        subject_id=inquiry.pk, **given,
    )  # fmt: skip


def bench(user, facility, *, is_mine=True, now=None):
    return workbench.Bench.of(user, facility, is_mine=is_mine, now=now)


def form(**given):
    return {"idempotency_key": "a-key-of-this-test", "on": "tomorrow", "time": "9:30"} | given


# Who is next ----------------------------------------------------------------------------------------------


def test_late_promises_come_first_the_longest_late_before_the_others(coordinator, facility):
    later, soon = owed(facility, coordinator, late=5), owed(facility, coordinator, ahead=5)
    longest = owed(facility, coordinator, late=90)

    work = workbench.work(bench(coordinator, facility))

    assert [row.task for row in work.late] == [longest.pk, later.pk]
    assert [row.task for row in work.soon] == [soon.pk]
    assert work.next.task == longest.pk


def test_among_late_promises_a_bed_that_is_about_to_be_lost_comes_first(coordinator, facility):
    owed(facility, coordinator, late=90)
    pressed = owed(facility, coordinator, late=5)
    hold = make.make_hold(facility=facility, person=pressed.person, by=coordinator)

    row = workbench.work(bench(coordinator, facility)).next

    assert (row.task, row.held_bed, row.held_until) == (pressed.pk, hold.use.bed.code, hold.use.expires_at)
    assert f"bed {hold.use.bed.code} is held only until" in row.why


def test_a_bed_held_for_days_does_not_press(coordinator, facility):
    longest, held = owed(facility, coordinator, late=90), owed(facility, coordinator, late=5)
    make.make_hold(
        facility=facility, person=held.person, by=coordinator, expires_at=timezone.now() + dt.timedelta(hours=9)
    )

    assert workbench.work(bench(coordinator, facility)).next.task == longest.pk


def test_a_web_inquiry_comes_after_late_promises_and_before_those_still_to_come(coordinator, facility):
    owed(facility, coordinator, ahead=10)
    web = make.make_inquiry(facility=facility, channel="web", opened_at=timezone.now() - MINUTE)

    assert workbench.work(bench(coordinator, facility)).next.inquiry == web.pk
    late = owed(facility, coordinator, late=1)
    assert workbench.work(bench(coordinator, facility)).next.task == late.pk


def test_the_reason_names_facts_and_times(coordinator, facility):
    now = make.at_local(facility, facility.today(), dt.time(12))
    inquiry = make.make_inquiry(facility=facility, opened_at=now - dt.timedelta(hours=6))
    make.make_call(inquiry, began_at=now - dt.timedelta(hours=6))
    make.make_task(
        facility=facility, person=inquiry.person, owner=coordinator, due_at=now - 14 * MINUTE,
        subject_kind="inquiry", subject_id=inquiry.pk,
    )  # fmt: skip

    row = workbench.work(bench(coordinator, facility, now=now)).next

    assert row.why.replace("\xa0", " ") == (
        "First because the promise for 11:46 am is late and the call came in the night."
    )


def test_nobody_is_next_when_nobody_waits(coordinator, facility):
    assert workbench.work(bench(coordinator, facility)).next is None


def test_somebody_else_puts_the_next_caller_last_for_this_user_only(desk, coordinator, facility, signed_in):
    first, second = owed(facility, coordinator, late=90), owed(facility, coordinator, late=5)

    desk.post(reverse("admissions:pass_over"), {"key": first.pk, "because": "later"})

    assert desk.get(URL).context["work"].next.task == second.pk
    other = signed_in(make.make_user(at=facility))
    assert other.get(f"{URL}?view=team").context["work"].next.task == first.pk


@pytest.mark.parametrize("key", ["", "no-uuid", "\x00", "00000000-0000-4000-8000-00000000dead", "x" * 9000])
def test_passing_over_nobody_changes_nothing(desk, key):
    response = desk.post(reverse("admissions:pass_over"), {"key": key, "because": "later"})

    assert response.status_code == 302
    assert "passed" not in desk.session


# What the page shows --------------------------------------------------------------------------------------


def test_mine_are_my_promises_and_nobodys_the_team_sees_all(desk, coordinator, facility):
    mine, nobodys = owed(facility, coordinator, late=1), owed(facility, None, late=2)
    hers = owed(facility, make.make_user(at=facility), late=3)

    assert [row.task for row in desk.get(URL).context["work"].late] == [nobodys.pk, mine.pk]
    team = desk.get(f"{URL}?view=team").context["work"].late
    assert [row.task for row in team] == [hers.pk, nobodys.pk, mine.pk]


def test_whoever_shares_out_work_begins_with_the_teams(signed_in, facility):
    hers = owed(facility, make.make_user(at=facility), late=3)
    manager = make.make_user(at=facility, role=Role.MANAGER)

    assert [row.task for row in signed_in(manager).get(URL).context["work"].late] == [hers.pk]


def test_the_chips_count_what_waits(desk, coordinator, facility):
    noon = make.at_local(facility, facility.today(), dt.time(12))
    for due_at in (noon - MINUTE, noon + MINUTE, noon + dt.timedelta(hours=5), noon + dt.timedelta(days=1)):
        make.make_task(facility=facility, owner=coordinator, due_at=due_at)
    web = make.make_inquiry(facility=facility, channel="web")
    make.make_inquiry(facility=facility, channel="web", is_suspect=True)
    make.make_inquiry(facility=facility, channel="web", first_attempt_at=noon)
    make.make_hold(facility=facility, by=coordinator, expires_at=noon + dt.timedelta(hours=9))
    make.make_hold(facility=facility, by=coordinator, expires_at=noon + dt.timedelta(days=2))
    make.make_call(make.make_inquiry(facility=facility), began_at=noon - dt.timedelta(hours=8))

    counts = workbench.counts(bench(coordinator, facility, now=noon))

    assert counts == workbench.Counts(late=1, soon=1, later=1, waiting=2, ending=1, night=1, oldest=web.pk)


@pytest.mark.parametrize(
    ("hour", "days", "begins"), [(23, 0, 20), (7, -1, 20), (12, -1, 20)], ids=["late", "early", "noon"]
)
def test_the_night_is_the_newest_one_from_eight_to_eight(coordinator, facility, hour, days, begins):
    today = facility.today()
    now = make.at_local(facility, today, dt.time(hour))

    starts_at, ends_at = bench(coordinator, facility, now=now).night

    assert starts_at == make.at_local(facility, today + dt.timedelta(days=days), dt.time(begins))
    assert ends_at - starts_at == dt.timedelta(hours=12)


def test_the_overnight_brief_has_five_lines_of_facts(coordinator, facility):
    now = make.at_local(facility, facility.today(), dt.time(9))
    at = now - dt.timedelta(hours=10)
    devin = make.make_person(at=facility, given_name="Devin", family_name="Oakes", age_about=26, age_told_on=at.date())
    renata = make.make_person(at=facility, given_name="Renata", family_name="Oakes")
    inquiry = make.make_inquiry(facility=facility, person=devin, caller=renata, relation="mother", opened_at=at)
    make.make_call(inquiry, caller=renata, began_at=at, ended_at=at + 6 * MINUTE)
    make.make_safety_check(inquiry, asked_at=at + MINUTE)
    make.make_substance(inquiry, name="Ketamine", amount="daily")
    hold = make.make_hold(
        facility=facility, person=devin, by=coordinator, expires_at=timezone.now() + dt.timedelta(days=1)
    )
    make.make_task(
        facility=facility, person=devin, owner=coordinator, due_at=now, text="Call at nine",
        subject_kind="inquiry", subject_id=inquiry.pk,
    )  # fmt: skip

    (brief,) = workbench.night(bench(coordinator, facility, now=now))

    assert (brief.who, brief.minutes, brief.about) == ("Renata Oakes", 6, "Devin Oakes, about 26")
    assert brief.safety.replace("\xa0", " ") == "Asked, no danger at 11:01 pm"
    assert (brief.using, brief.is_open_danger) == ("Ketamine daily", False)
    assert brief.held.startswith(f"{hold.use.bed.code} until ")
    assert brief.promised.replace("\xa0", " ") == "9:00 am: Call at nine"


def test_an_open_emergency_stands_on_top(desk, facility):
    check = make.make_safety_check(make.make_inquiry(facility=facility), answer="yes", is_e1=True)

    response = desk.get(URL)

    assert [alert.pk for alert in response.context["alerts"]] == [check.pk]
    assert "Nothing is recorded yet" in response.content.decode()


def test_an_empty_workbench_says_that_nobody_waits(desk):
    assert "Nobody is waiting" in desk.get(URL).content.decode()


def test_another_facilitys_work_is_not_there(desk, coordinator):
    elsewhere = make.make_facility()
    stranger = make.make_user(at=elsewhere)
    task = owed(elsewhere, stranger, late=5, text="Zeisigruf")
    make.make_inquiry(facility=elsewhere, channel="web", words="Zeisigruf")
    make.make_hold(facility=elsewhere, by=stranger, reason="Zeisigruf")
    make.make_safety_check(make.make_inquiry(facility=elsewhere), answer="yes", is_e1=True)

    response = desk.get(f"{URL}?view=team")

    assert "Nobody is waiting" in response.content.decode()
    assert "Zeisigruf" not in response.content.decode()
    assert desk.get(reverse("admissions:promise_outcome", args=[task.pk])).status_code == 404


@pytest.mark.parametrize("path", [URL, "/workbench/top/", "/workbench/work/", "/workbench/side/"])
def test_queries_do_not_grow_with_what_waits(desk, coordinator, facility, path):
    def fill():
        for minutes in (1, 5):
            owed(facility, coordinator, late=minutes)
            owed(facility, coordinator, ahead=minutes)
        caller = make.make_person(at=facility)
        web = make.make_inquiry(facility=facility, channel="web", caller=caller)
        make.make_safety_check(web, answer="yes", is_e1=True)
        make.make_hold(facility=facility, by=coordinator, expires_at=timezone.now() + MINUTE)
        make.make_call(web, began_at=bench(coordinator, facility).night[0])
        make.make_draft(coordinator, facility)
        make.make_appointment(facility=facility, kind="admission", starts_at=timezone.now() + MINUTE)

    counted = []
    fill()
    desk.get(path)
    for _ in range(2):
        with statements() as asked:
            assert desk.get(path).status_code == 200
        counted.append(len(asked))
        fill()
        fill()

    assert counted[0] == counted[1]
    assert counted[0] <= 12  # of which session, user, memberships and read event are four


# Polls ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["top", "work", "side"])
def test_an_unchanged_poll_answers_304_and_reads_nobody(desk, coordinator, facility, name):
    check = make.make_safety_check(make.make_inquiry(facility=facility), answer="yes", is_e1=True)
    owed(facility, coordinator, late=5, inquiry=check.inquiry)
    make.make_hold(facility=facility, by=coordinator, person=check.inquiry.person)
    url = f"/workbench/{name}/"
    first = desk.get(url, headers={"X-Handrail-Poll": "1"})
    reads = ReadEvent.objects.count()

    with statements() as asked:
        again = desk.get(url, headers={"X-Handrail-Poll": "1", "If-None-Match": first["ETag"]})

    assert (first.status_code, reads, again.status_code, again.content) == (200, 1, 304, b"")
    assert ReadEvent.objects.count() == reads
    assert len(asked) <= 6  # session, user, memberships, and at most three


def test_a_changed_poll_answers_anew_and_is_a_read(desk, coordinator, facility):
    owed(facility, coordinator, late=5)
    etag = desk.get("/workbench/work/")["ETag"]
    second = owed(facility, coordinator, late=3)
    reads = ReadEvent.objects.count()

    answer = desk.get("/workbench/work/", headers={"If-None-Match": etag})

    assert answer.status_code == 200
    assert str(second.pk) in answer.content.decode()
    assert ReadEvent.objects.count() == reads + 1


def test_the_page_gives_each_part_the_etag_its_poll_will_get(desk, coordinator, facility):
    owed(facility, coordinator, late=5)
    make.make_inquiry(facility=facility, channel="web")
    etags = desk.get(URL).context["etags"]

    for name in ("top", "work", "side"):
        assert desk.get(f"/workbench/{name}/", headers={"If-None-Match": etags[name]}).status_code == 304


def test_a_new_web_inquiry_is_in_the_next_poll(desk, facility):
    etag = desk.get("/workbench/side/")["ETag"]
    web = make.make_inquiry(facility=facility, channel="web")

    answer = desk.get("/workbench/side/", headers={"If-None-Match": etag})

    assert f"web-{web.pk}" in answer.content.decode()


def test_a_promise_that_becomes_late_changes_the_poll_by_the_clock(coordinator, facility):
    task = owed(facility, coordinator, ahead=5)

    before = workbench.work(bench(coordinator, facility, now=task.due_at - MINUTE))
    after = workbench.work(bench(coordinator, facility, now=task.due_at))

    here = bench(coordinator, facility)
    assert workbench.etag(here, before) != workbench.etag(here, after)


# What is done in a row ---------------------------------------------------------------------------------------


def outcome_url(task):
    return reverse("admissions:promise_outcome", args=[task.pk])


def test_an_outcome_is_a_call_the_end_of_the_promise_and_the_next_one(desk, coordinator, facility):
    task = owed(facility, coordinator, late=1, text="Call back")

    response = desk.post(
        outcome_url(task), form(outcome="voicemail", words="Call after four", following="promise", text="Try again")
    )

    assert response.status_code == 302
    task.refresh_from_db()
    again = Task.objects.get(state="open")
    call = IntakeCall.objects.get()
    assert (task.state, task.outcome) == ("kept", "Left voicemail. Call after four")
    assert (call.outcome, call.direction, call.by, call.inquiry_id) == (
        "voicemail",
        "out",
        coordinator,
        task.subject_id,
    )
    assert (again.text, again.due_time, again.owner) == ("Try again", dt.time(9, 30), coordinator)
    assert Inquiry.objects.get().first_attempt_at is not None
    assert Message.objects.filter(source_id=again.pk, purpose="callback_due", user=coordinator).count() == 1


def test_a_promise_may_end_without_a_call_but_not_without_words(desk, coordinator, facility):
    task = owed(facility, coordinator, late=1)

    refused = desk.post(outcome_url(task), form(outcome="no_call", following="nothing"))
    task.refresh_from_db()
    assert (refused.status_code, task.state) == (422, "open")
    assert "Say why nobody was called." in refused.content.decode()

    desk.post(outcome_url(task), form(outcome="no_call", words="She came by", following="nothing"))
    task.refresh_from_db()
    assert (task.state, task.outcome, IntakeCall.objects.count()) == ("kept", "She came by", 0)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"outcome": "reached"},
        {"following": "nothing"},
        {"outcome": "reached", "following": "promise", "on": "", "time": ""},
        {"outcome": "reached", "following": "promise", "on": "yesterday"},
        {"outcome": "reached", "following": "promise", "on": "31/31/31"},
        {"outcome": "x" * 10_000, "following": "nothing"},
        {"outcome": "reached\x00", "following": "nothing"},
        {"outcome": "reached", "following": "promise", "on": "1/1/9999", "time": "23:59", "words": "\x00"},
        {"outcome": "reached", "following": "promise", "time": "9" * 5000},
    ],
)
def test_junk_closes_nothing_and_writes_no_call(desk, coordinator, facility, given):
    task = owed(facility, coordinator, late=1)

    response = desk.post(outcome_url(task), form(**given))

    task.refresh_from_db()
    assert (response.status_code, task.state, IntakeCall.objects.count()) == (422, "open", 0)


def test_a_second_click_writes_one_outcome(desk, coordinator, facility):
    task = owed(facility, coordinator, late=1)
    sent = form(outcome="reached", following="promise")

    first, second = desk.post(outcome_url(task), sent), desk.post(outcome_url(task), sent)

    assert (first.status_code, second.status_code) == (302, 302)
    assert (IntakeCall.objects.count(), Task.objects.open().count()) == (1, 1)


def test_a_late_promise_moved_is_broken_and_promised_anew(desk, coordinator, facility):
    task = owed(facility, coordinator, late=60)

    desk.post(reverse("admissions:promise_move", args=[task.pk]), form(reason="No answer at home"))

    task.refresh_from_db()
    assert task.state == "broken"
    assert Task.objects.open().get().due_time == dt.time(9, 30)


def test_only_who_shares_out_work_gives_away_a_colleagues_promise(signed_in, facility):
    hers, colleague = make.make_user(at=facility), make.make_user(at=facility)
    task = owed(facility, hers, ahead=30)
    url = reverse("admissions:promise_hand_over", args=[task.pk])

    refused = signed_in(colleague).post(url, {"to": colleague.pk})
    assert (refused.status_code, Task.objects.get().owner) == (422, hers)

    lead = make.make_user(at=facility, flags=["supervisor"])
    signed_in(lead).post(url, {"to": colleague.pk})
    assert Task.objects.get().owner == colleague
    reminded = Message.objects.get(source_id=task.pk)
    assert (reminded.user, reminded.source_version) == (colleague, 2)


def test_a_promise_is_handed_to_staff_of_its_facility_only(desk, coordinator, facility):
    task, stranger = owed(facility, coordinator, ahead=30), make.make_user(at=make.make_facility())

    response = desk.post(reverse("admissions:promise_hand_over", args=[task.pk]), {"to": stranger.pk})

    assert (response.status_code, Task.objects.get().owner) == (422, coordinator)


def test_taking_a_web_inquiry_owns_it_and_begins_the_call(desk, coordinator, facility):
    web = make.make_inquiry(facility=facility, channel="web")

    response = desk.post(reverse("admissions:take", args=[web.pk]), form())

    draft = coordinator.call_drafts.get()
    assert response["Location"] == reverse("admissions:call", args=[draft.pk])
    assert Inquiry.objects.get().owner == coordinator


def test_a_saved_call_ends_the_promise_it_was_begun_from(desk, coordinator, facility):
    devin = make.make_person(at=facility, given_name="Devin", family_name="Oakes")
    inquiry = make.make_inquiry(facility=facility, person=devin, relation="self", owner=coordinator)
    task, other = (owed(facility, coordinator, late=1, inquiry=inquiry) for _ in range(2))
    begun = desk.post(reverse("admissions:call_new"), form(inquiry=inquiry.pk, task=task.pk))

    desk.post(
        begun["Location"],
        {"danger": "none", "relation": "self", "caller": "Devin Oakes", "first": "Devin", "last": "Oakes",
         "no_way": "on", "outcome": "voicemail", "s-TOTAL_FORMS": "0", "s-INITIAL_FORMS": "0", "writer": "one",
         "version": "0"},
    )  # fmt: skip

    task.refresh_from_db()
    other.refresh_from_db()
    assert (task.state, task.outcome, other.state) == ("kept", "Left voicemail", "open")


def test_an_inquiry_that_a_colleague_took_stays_theirs(desk, facility):
    colleague = make.make_user(at=facility, first_name="Sam", last_name="Okafor")
    web = make.make_inquiry(facility=facility, channel="web", owner=colleague)

    response = desk.post(reverse("admissions:take", args=[web.pk]), form(), follow=True)

    assert "Sam Okafor has taken this inquiry." in response.content.decode()
    assert Inquiry.objects.get().owner == colleague


def test_each_role_begins_on_its_own_page(signed_in, facility):
    begins = {
        role: signed_in(make.make_user(at=facility, role=role)).get("/")["Location"]
        for role in (Role.COORDINATOR, Role.MANAGER, Role.ADMIN)
    }

    assert begins == {Role.COORDINATOR: URL, Role.MANAGER: "/dashboard/", Role.ADMIN: "/staff/"}
