"""The inquiry list and the record of one inquiry: what is asked for, within sight, at a fixed cost."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership
from accounts.permissions import Role
from admissions import lists
from admissions.models import Inquiry
from core.models import Happening
from people.models import ReadEvent
from tests import factories as make
from tests.queries import statements
from work.models import Task

URL = "/inquiries/"


@pytest.fixture
def facility():
    return make.make_facility()


@pytest.fixture
def coordinator(facility):
    return make.make_user(at=facility)


@pytest.fixture
def desk(signed_in, coordinator):
    return signed_in(coordinator)


def ids(response):
    """Ids of the inquiries on the page, from their addresses, in the order shown."""
    return [line.url.rstrip("/").rsplit("/", 1)[-1] for line in response.context["page"].lines]


def names(*inquiries):
    return [str(inquiry.pk) for inquiry in inquiries]


def hours_ago(hours):
    return timezone.now() - dt.timedelta(hours=hours)


# The list -----------------------------------------------------------------------------------------------------


def test_open_inquiries_stand_newest_first_and_closed_ones_when_asked_for(desk, facility):
    old, new = (make.make_inquiry(facility=facility, opened_at=hours_ago(hours)) for hours in (5, 1))
    closed = make.make_inquiry(
        facility=facility, opened_at=hours_ago(3), stage="closed", closed_at=hours_ago(2), closed_because="not_now"
    )

    assert ids(desk.get(URL)) == names(new, old)
    assert ids(desk.get(URL, {"show": "all"})) == names(new, closed, old)
    assert ids(desk.get(URL, {"stage": "closed"})) == names(closed)


def test_filters_by_channel_source_and_owner(desk, coordinator, facility):
    web = make.make_inquiry(facility=facility, channel="web", opened_at=hours_ago(1))
    family = make.make_inquiry(facility=facility, source="family", owner=coordinator, opened_at=hours_ago(2))
    hers = make.make_inquiry(facility=facility, owner=make.make_user(at=facility), opened_at=hours_ago(3))

    assert ids(desk.get(URL, {"channel": "web"})) == names(web)
    assert ids(desk.get(URL, {"source": "family"})) == names(family)
    assert ids(desk.get(URL, {"owner": "me"})) == names(family)
    assert ids(desk.get(URL, {"owner": "nobody"})) == names(web)
    assert ids(desk.get(URL, {"owner": hers.owner_id})) == names(hers)


def test_a_line_says_who_about_whom_and_what_comes_next(desk, coordinator, facility):
    devin = make.make_person(at=facility, given_name="Devin", family_name="Oakes")
    renata = make.make_person(at=facility, given_name="Renata", family_name="Oakes")
    opened_at = hours_ago(5)
    inquiry = make.make_inquiry(
        facility=facility, person=devin, caller=renata, relation="mother", owner=coordinator, opened_at=opened_at,
        first_attempt_at=opened_at, first_reached_at=opened_at + dt.timedelta(minutes=9),
    )  # fmt: skip
    make.make_task(facility=facility, person=devin, subject_kind="inquiry", subject_id=inquiry.pk, due_at=hours_ago(1))

    (line,) = desk.get(URL).context["page"].lines

    assert (line.who, line.about, line.contact) == ("Renata Oakes", "mother of Devin", "after 9 min")
    assert line.owner == str(coordinator)
    assert "is-late" in line.next


def test_older_and_newer_pages_meet_without_gap_or_repetition(desk, facility):
    at = hours_ago(30)
    person = make.make_person(at=facility)
    # Several share an instant: the id decides.
    made = [
        make.make_inquiry(facility=facility, person=person, opened_at=at + dt.timedelta(minutes=n // 3))
        for n in range(2 * lists.PAGE + 7)
    ]
    expected = names(*sorted(made, key=lambda inquiry: (inquiry.opened_at, inquiry.pk), reverse=True))

    first = desk.get(URL)
    second = desk.get(URL, {"after": first.context["page"].older})
    third = desk.get(URL, {"after": second.context["page"].older})
    back = desk.get(URL, {"before": third.context["page"].newer})

    assert ids(first) + ids(second) + ids(third) == expected
    assert (first.context["page"].newer, third.context["page"].older) == ("", "")
    assert ids(back) == ids(second)
    assert first.context["page"].words == "107 inquiries"


def test_more_than_a_thousand_are_not_counted(desk, facility, monkeypatch):
    monkeypatch.setattr(lists, "COUNTED_UP_TO", 2)
    for _ in range(3):
        make.make_inquiry(facility=facility)

    assert desk.get(URL).context["page"].words == "2+ inquiries"


def test_all_my_facilities_only_when_asked_and_never_others(desk, coordinator, facility):
    second = make.make_facility()
    Membership.objects.create(user=coordinator, facility=second, role=Role.COORDINATOR)
    as_admin = make.make_facility()
    Membership.objects.create(user=coordinator, facility=as_admin, role=Role.ADMIN)
    here, there = (make.make_inquiry(facility=one, opened_at=hours_ago(n)) for n, one in enumerate((facility, second)))
    make.make_inquiry(facility=as_admin)
    make.make_inquiry(facility=make.make_facility())
    coordinator.home_facility = facility
    coordinator.save()

    assert ids(desk.get(URL)) == names(here)
    assert ids(desk.get(URL, {"where": "all"})) == names(here, there)


@pytest.mark.parametrize(
    "query",
    [
        {"after": "x"},
        {"after": "9" * 40 + "_" + "f" * 32},
        {"before": "-1_zz"},
        {"owner": "9" * 400},
        {"owner": "-1"},
        {"owner": "٣"},
        {"stage": "\x00"},
        {"stage": ["new", "closed"]},
        {"where": "x" * 10_000},
        {"show": "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")},
    ],
)
def test_junk_in_the_address_is_no_filter_and_no_error(desk, facility, query):
    make.make_inquiry(facility=facility)

    assert desk.get(URL, query).status_code == 200


@pytest.mark.parametrize("query", [{}, {"where": "all", "show": "all"}])
def test_list_queries_do_not_grow_with_rows(desk, coordinator, facility, query):
    def one_more():
        caller = make.make_person(at=facility)
        inquiry = make.make_inquiry(facility=facility, caller=caller, owner=make.make_user(at=facility))
        make.make_task(facility=facility, subject_kind="inquiry", subject_id=inquiry.pk)

    counted = {}
    desk.get(URL, query)
    for rows in (1, 3, 10, 100):
        while Inquiry.objects.count() < rows:
            one_more()
        with statements() as asked:
            response = desk.get(URL, query)
        counted[len(response.context["page"].lines)] = len(asked)

    assert counted == dict.fromkeys((1, 3, 10, lists.PAGE), 6), (
        "session, user with memberships; the page, how many, the colleagues; the read event"
    )


def test_everybody_on_a_page_is_in_the_read_log(desk, facility):
    inquiry = make.make_inquiry(facility=facility, caller=make.make_person(at=facility))

    desk.get(URL)

    event = ReadEvent.objects.get()
    assert set(event.person_ids) == {inquiry.person_id, inquiry.caller_id}
    assert event.page == "admissions:inquiries"


# The record ---------------------------------------------------------------------------------------------------


def full(inquiry, user):
    """A call, danger asked, substance, decision, promise open and ended, and consents on an inquiry."""
    make.make_call(inquiry, by=user, caller=make.make_person(at=inquiry.facility), notes="A note")
    make.make_safety_check(inquiry, asked_by=user)
    make.make_substance(inquiry)
    inquiry.decisions.create(outcome="more_information", reason="Ask", decided_at=timezone.now(), decided_by=user)
    given = {"facility": inquiry.facility, "person": inquiry.person, "owner": user, "subject_id": inquiry.pk}
    make.make_task(**given)
    make.make_task(**given, state="kept", outcome="Reached", closed_at=timezone.now(), closed_by=user)
    make.make_stage_change(inquiry, "new", by=user)
    make.make_consent(person=inquiry.person, facility=inquiry.facility)


def test_a_record_has_at_most_twelve_queries_however_much_happened(desk, coordinator, facility):
    inquiry = make.make_inquiry(facility=facility, caller=make.make_person(at=facility), channel="web")
    make.make_submission(inquiry, fields={"message": "Help"})
    make.make_hold(facility=facility, person=inquiry.person)
    url = reverse("admissions:inquiry", args=[inquiry.pk])
    full(inquiry, coordinator)
    desk.get(url)

    with statements() as few:
        desk.get(url)
    for _ in range(50):
        full(inquiry, coordinator)
    with statements() as many:
        response = desk.get(url)

    assert len(few) == len(many) <= 12
    assert (len(response.context["calls"]), response.context["more_calls"]) == (50, True)


def test_a_record_shows_the_words_the_form_and_the_four_facts(desk, coordinator, facility):
    inquiry = make.make_inquiry(facility=facility, words="I am scared to stop", channel="web")
    make.make_submission(inquiry, fields={"best_time": "after 4", "csrfmiddlewaretoken": "secret"})
    make.make_hold(facility=facility, person=inquiry.person)
    make.make_consent(person=inquiry.person, facility=facility)

    page = desk.get(reverse("admissions:inquiry", args=[inquiry.pk])).content.decode()

    for words in ("I am scared to stop", "after 4", "held", "1 in force", "Nothing planned", "New"):
        assert words in page
    assert "secret" not in page


def test_actions_follow_role_and_stage(signed_in, facility):
    inquiry = make.make_inquiry(facility=facility)
    url = reverse("admissions:inquiry", args=[inquiry.pk])

    def labels(role):
        return [
            action["label"] for action in signed_in(make.make_user(at=facility, role=role)).get(url).context["actions"]
        ]

    assert labels(Role.COORDINATOR) == ["Hold a bed", "Promise", "Refer out", "Change", "Close"]
    assert labels(Role.CLINICIAN) == ["Decide", "Hold a bed", "Promise", "Refer out", "Change", "Close"]
    assert labels(Role.MANAGER) == ["Promise", "Close"]
    Inquiry.objects.update(stage="scheduled")
    assert labels(Role.COORDINATOR)[0] == "Admit"
    Inquiry.objects.update(stage="closed", closed_at=timezone.now(), closed_because="not_now")
    assert labels(Role.COORDINATOR) == ["Change"]


def test_another_facilitys_inquiry_does_not_exist(desk):
    theirs = make.make_inquiry()

    for name in ("inquiry", "inquiry_edit", "inquiry_promise", "inquiry_close"):
        there = desk.get(reverse(f"admissions:{name}", args=[theirs.pk]))
        nowhere = desk.get(reverse(f"admissions:{name}", args=["00000000-0000-4000-8000-00000000dead"]))
        assert (there.status_code, nowhere.status_code) == (404, 404)
        assert there.content.replace(str(theirs.pk).encode(), b"") == nowhere.content.replace(
            b"00000000-0000-4000-8000-00000000dead", b""
        )


# Changes ------------------------------------------------------------------------------------------------------


def edited(inquiry, **given):
    return {"version": inquiry.version, "relation": "mother", "source": "family", "words": "Mine"} | given


def test_an_edit_is_written_and_told(desk, facility):
    inquiry = make.make_inquiry(facility=facility)

    desk.post(reverse("admissions:inquiry_edit", args=[inquiry.pk]), edited(inquiry))

    inquiry.refresh_from_db()
    assert (inquiry.relation, inquiry.source, inquiry.words, inquiry.version) == ("mother", "family", "Mine", 2)
    told = Happening.objects.get(verb="inquiry.changed")
    assert told.data == {"fields": ["relation", "source", "words"]}


def test_a_stale_edit_overwrites_nothing_and_shows_both(desk, facility):
    inquiry = make.make_inquiry(facility=facility, words="Before")
    url = reverse("admissions:inquiry_edit", args=[inquiry.pk])
    desk.post(url, edited(inquiry, words="Theirs"))

    refused = desk.post(url, edited(inquiry, words="Mine"))

    page = refused.content.decode()
    assert (refused.status_code, Inquiry.objects.get().words) == (422, "Theirs")
    assert "Nothing was overwritten" in page
    assert "Theirs" in page
    assert ">\nMine</textarea>" in page
    # Sent again, after both were seen, it is a decision.
    again = desk.post(url, edited(inquiry, words="Mine", version=refused.context["form"].data["version"]))
    assert (again.status_code, Inquiry.objects.get().words) == (302, "Mine")


@pytest.mark.parametrize(
    "given",
    [{"version": "x"}, {"version": "9" * 30}, {"relation": "\x00"}, {"owner": "9" * 40}, {"words": "w" * 10_000},
     {"contact_point": "no-uuid"}, {"source": "nowhere"}],
)  # fmt: skip
def test_junk_changes_nothing(desk, facility, given):
    inquiry = make.make_inquiry(facility=facility, words="Before")

    response = desk.post(reverse("admissions:inquiry_edit", args=[inquiry.pk]), edited(inquiry, **given))

    assert (response.status_code, Inquiry.objects.get().words) == (422, "Before")


def test_an_owner_works_at_the_facility_and_a_contact_point_is_the_persons(desk, facility):
    inquiry = make.make_inquiry(facility=facility)
    url = reverse("admissions:inquiry_edit", args=[inquiry.pk])
    stranger, foreign = make.make_user(at=make.make_facility()), make.make_contact_point()

    assert desk.post(url, edited(inquiry, owner=stranger.pk)).status_code == 422
    assert desk.post(url, edited(inquiry, contact_point=foreign.pk)).status_code == 422


def test_an_inquiry_is_closed_with_a_reason_and_opened_again(desk, facility):
    inquiry = make.make_inquiry(facility=facility)

    assert desk.post(reverse("admissions:inquiry_close", args=[inquiry.pk]), {"because": ""}).status_code == 422
    desk.post(reverse("admissions:inquiry_close", args=[inquiry.pk]), {"because": "not_now", "note": "In spring"})
    inquiry.refresh_from_db()
    assert (inquiry.stage, inquiry.closed_because, inquiry.closed_note) == ("closed", "not_now", "In spring")

    desk.post(reverse("admissions:inquiry_reopen", args=[inquiry.pk]))
    inquiry.refresh_from_db()
    assert (inquiry.stage, inquiry.closed_because) == ("new", "")


def test_a_call_is_promised_on_an_open_inquiry_only(desk, coordinator, facility):
    inquiry = make.make_inquiry(facility=facility)
    url = reverse("admissions:inquiry_promise", args=[inquiry.pk])
    sent = {"text": "Call back", "on": "tomorrow", "time": "2pm", "idempotency_key": "key-number-one"}

    assert desk.post(url, sent).status_code == 302
    assert Task.objects.get().owner == coordinator
    Inquiry.objects.update(stage="closed", closed_at=timezone.now(), closed_because="not_now")
    assert desk.post(url, sent | {"idempotency_key": "key-number-two"}).status_code == 422
    assert Task.objects.count() == 1


# All promises -------------------------------------------------------------------------------------------------


def test_the_promises_of_a_facility_by_state_and_owner(desk, coordinator, facility):
    ended = {"closed_at": timezone.now(), "outcome": "Reached"}
    open_, late = make.make_task(facility=facility), make.make_task(facility=facility, due_at=hours_ago(1))
    kept = make.make_task(facility=facility, state="kept", owner=coordinator, **ended)
    make.make_task()

    def shown(**query):
        return [row["task"].pk for row in desk.get("/promises/", query).context["rows"]]

    assert shown() == [late.pk, open_.pk]
    assert shown(state="late") == [late.pk]
    assert shown(state="kept") == shown(state="kept", whose="mine") == [kept.pk]
    assert shown(whose="mine") == []


@pytest.mark.parametrize("query", [{"after": "x_y"}, {"whose": "9" * 99}, {"state": "\x00"}, {"after": "2026-11-21_"}])
def test_junk_on_the_promises_page_is_no_error(desk, query):
    assert desk.get("/promises/", query).status_code == 200


def test_promise_queries_do_not_grow_with_rows(desk, facility):
    def one_more():
        inquiry = make.make_inquiry(facility=facility, caller=make.make_person(at=facility))
        make.make_task(
            facility=facility, owner=make.make_user(at=facility), subject_kind="inquiry", subject_id=inquiry.pk
        )

    counted = []
    one_more()
    desk.get("/promises/")
    for _ in (1, 3):
        with statements() as asked:
            response = desk.get("/promises/")
        counted.append((len(response.context["rows"]), len(asked)))
        one_more()
        one_more()

    assert counted == [(1, counted[0][1]), (3, counted[0][1])]
    assert counted[0][1] <= 8


@pytest.mark.parametrize(
    ("stage", "role", "primary"),
    [
        ("scheduled", Role.COORDINATOR, "Admit"),
        ("decision", Role.CLINICIAN, "Decide"),
        ("new", Role.COORDINATOR, "Log a call"),
    ],
)
def test_the_one_filled_button_is_what_the_stage_asks_for(signed_in, stage, role, primary):
    inquiry = make.make_inquiry(stage=stage)
    client = signed_in(make.make_user(at=inquiry.facility, role=role))

    head = client.get(reverse("admissions:inquiry", args=[inquiry.pk])).content.decode().split("hr-keyfacts")[0]

    filled = head.split("btn-primary")
    assert len(filled) == 2
    assert primary in filled[1].split("</a>")[0].split("</button>")[0]
