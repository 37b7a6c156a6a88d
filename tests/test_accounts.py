"""Who may sign in, for how long, and what a change of role does at once."""

import datetime as dt
import io

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import services
from accounts.models import Facility, Invitation, Membership, User
from accounts.permissions import Permission, Role
from core.errors import Refused
from tests import factories as make

ME = "/me/"


def invite_fields(**given):
    return {
        "email": "New.Person@example.org",
        "first_name": "Noor",
        "last_name": "Haddad",
        "role": "clinician",
    } | given


def test_a_superuser_is_no_exception_and_sees_no_rows():
    inquiry = make.make_inquiry()
    user = make.make_user(at=make.make_facility(), is_superuser=True)

    assert list(type(inquiry).objects.visible_to(user, Permission.VIEW_PEOPLE)) == []


def test_a_role_grants_exactly_its_row_of_the_table():
    facility = make.make_facility()
    user = make.make_user(at=facility, role=Role.ADMIN)

    assert user.granted() == {Permission.MANAGE_STAFF, Permission.MANAGE_FACILITY}
    assert user.has_perm(Permission.MANAGE_STAFF)
    assert not user.has_perm(Permission.VIEW_PEOPLE)


def test_a_flag_adds_its_permissions_at_that_facility_only():
    here, there = make.make_facility(), make.make_facility()
    user = make.make_user(at=here, flags=["supervisor"])
    Membership.objects.create(user=user, facility=there, role=Role.COORDINATOR)

    assert user.facility_ids(Permission.CLOSE_ALERT) == [here.pk]


def test_break_glass_needs_an_end_and_counts_until_then():
    facility = make.make_facility()
    user = make.make_user()
    Membership.objects.create(user=user, facility=facility, role=Role.CLINICIAN, reason="Fire at the other site",
                              ends_at=timezone.now() + dt.timedelta(hours=1))  # fmt: skip

    assert User.objects.get(pk=user.pk).may(Permission.VIEW_PEOPLE, facility)
    Membership.objects.filter(user=user).update(ends_at=timezone.now())
    assert not User.objects.get(pk=user.pk).may(Permission.VIEW_PEOPLE, facility)


def test_fifteen_idle_minutes_end_the_session_on_the_server(signed_in):
    client = signed_in(make.make_user(at=make.make_facility()))
    assert client.get(ME).status_code == 200

    with time_machine.travel(timezone.now() + dt.timedelta(minutes=16), tick=False):
        assert client.get(ME).status_code == 302


def test_work_within_fifteen_minutes_keeps_the_session(signed_in):
    client = signed_in(make.make_user(at=make.make_facility()))
    start = timezone.now()
    for minutes in range(0, 60, 14):
        with time_machine.travel(start + dt.timedelta(minutes=minutes), tick=False):
            assert client.get(ME).status_code == 200


def test_polling_is_no_activity(signed_in):
    client = signed_in(make.make_user(at=make.make_facility()))
    start = timezone.now()
    client.get(ME)
    for minutes in range(1, 15):
        with time_machine.travel(start + dt.timedelta(minutes=minutes), tick=False):
            client.get(ME, headers={"X-Handrail-Poll": "1"})

    with time_machine.travel(start + dt.timedelta(minutes=16), tick=False):
        assert client.get(ME).status_code == 302


def test_twelve_hours_end_the_session_however_busy(signed_in):
    client = signed_in(make.make_user(at=make.make_facility()))
    start = timezone.now()
    for minutes in range(0, 12 * 60 + 1, 10):
        with time_machine.travel(start + dt.timedelta(minutes=minutes), tick=False):
            client.get(ME)

    with time_machine.travel(start + dt.timedelta(hours=12, minutes=2), tick=False):
        assert client.get(ME).status_code == 302


def test_an_open_call_outlives_the_twelve_hours(signed_in):
    client = signed_in(make.make_user(at=make.make_facility()))
    start = timezone.now()
    client.get(ME)
    session = client.session
    session["call_until"] = int((start + dt.timedelta(hours=13)).timestamp())
    session["active"] = int((start + dt.timedelta(hours=12)).timestamp())
    session.save()

    with time_machine.travel(start + dt.timedelta(hours=12, minutes=5), tick=False):
        assert client.get(ME).status_code == 200


def test_the_session_id_changes_at_sign_in():
    make.make_user(at=make.make_facility(), username="maya")
    client = Client()
    client.get(reverse("account_login"))
    session = client.session
    session["probe"] = 1
    session.save()
    before = session.session_key

    answer = client.post(reverse("account_login"), {"login": "maya", "password": make.PASSWORD})

    assert answer.status_code == 302
    assert client.session.session_key != before


def test_a_wrong_name_and_a_wrong_password_get_the_same_answer():
    make.make_user(at=make.make_facility(), username="maya")
    url = reverse("account_login")

    known = Client().post(url, {"login": "maya", "password": "wrong"}).content
    unknown = Client().post(url, {"login": "nobody", "password": "wrong"}).content

    assert b"maya" in known
    assert _without_token(known).replace(b"maya", b"") == _without_token(unknown).replace(b"nobody", b"")


def _without_token(body):
    import re

    return re.sub(rb'name="csrfmiddlewaretoken" value="[^"]+"', b"", body)


def test_guessing_is_slowed_down(settings):
    make.make_user(at=make.make_facility(), username="maya")
    client = Client()
    url = reverse("account_login")
    for _ in range(6):
        client.post(url, {"login": "maya", "password": "wrong"})

    answer = client.post(url, {"login": "maya", "password": make.PASSWORD})

    assert answer.status_code in {200, 429}
    assert "_auth_user_id" not in client.session


def test_a_deactivated_user_is_out_with_the_next_request(signed_in):
    user = make.make_user(at=make.make_facility())
    client = signed_in(user)
    assert client.get(ME).status_code == 200

    User.objects.filter(pk=user.pk).update(is_active=False)

    assert client.get(ME).status_code == 302


def test_outside_the_demo_a_second_factor_comes_first(signed_in, settings):
    settings.SECOND_FACTOR_REQUIRED = True
    client = signed_in(make.make_user(at=make.make_facility()))

    answer = client.get(ME)

    assert answer.status_code == 302
    assert answer["Location"] == reverse("mfa_activate_totp")


def test_an_invitation_makes_an_account_once():
    facility = make.make_facility()
    admin = make.make_user(at=facility, role=Role.ADMIN)
    _, token = services.invite(facility, by=admin, **invite_fields())

    user = services.accept(token, username="noor", password="a sentence that is long enough")

    assert (user.email, [m.role for m in user.current_memberships()]) == ("new.person@example.org", ["clinician"])
    with pytest.raises(Refused):
        services.accept(token, username="noor2", password="a sentence that is long enough")


@pytest.mark.parametrize("username", ["admin", "Manager2"])
def test_nobody_chooses_a_name_that_production_refuses_to_start_with(username):
    facility = make.make_facility()
    _, token = services.invite(facility, by=make.make_user(at=facility, role=Role.ADMIN), **invite_fields())

    with pytest.raises(Refused, match="Choose another"):
        services.accept(token, username=username, password="a sentence that is long enough")


def test_an_invitation_ends_after_72_hours():
    facility = make.make_facility()
    _, token = services.invite(facility, by=make.make_user(at=facility, role=Role.ADMIN), **invite_fields())

    assert services.open_invitation(token, at=timezone.now() + dt.timedelta(hours=71))
    assert services.open_invitation(token, at=timezone.now() + dt.timedelta(hours=73)) is None


def test_the_invitation_link_walks_from_page_to_account(signed_in):
    facility = make.make_facility()
    client = signed_in(make.make_user(at=facility, role=Role.ADMIN))
    fields = invite_fields(idempotency_key="11111111-1111-1111-1111-111111111111")

    page = client.post(reverse("accounts:invite"), fields, follow=True)
    link = page.context["link"]
    again = client.get(page.request["PATH_INFO"])
    client.post(reverse("accounts:invite"), fields)

    assert again.context["link"] is None
    assert Invitation.objects.count() == 1
    stranger = Client()
    assert stranger.get(link).status_code == 200
    password = "a sentence that is long enough"
    assert stranger.post(link, {"username": "noor", "password": password, "again": password}).status_code == 302
    assert stranger.login(username="noor", password=password)


def test_a_weak_password_is_refused_next_to_its_field():
    facility = make.make_facility()
    _, token = services.invite(facility, by=make.make_user(at=facility, role=Role.ADMIN), **invite_fields())

    answer = Client().post(reverse("accounts:accept", args=[token]), {"username": "n", "password": "x", "again": "x"})

    assert answer.status_code == 200
    assert "password" in answer.context["form"].errors


def test_the_last_administrator_stays():
    facility = make.make_facility()
    admin = make.make_user(at=facility, role=Role.ADMIN)
    other = make.make_user(at=make.make_facility(), role=Role.ADMIN)
    membership = admin.memberships.get()

    with pytest.raises(Refused, match="last administrator"):
        services.change_membership(membership, role=Role.MANAGER, by=other)
    with pytest.raises(Refused, match="last administrator"):
        services.end_membership(membership, by=other)


def test_ending_the_only_membership_ends_every_session(signed_in):
    facility = make.make_facility()
    admin = make.make_user(at=facility, role=Role.ADMIN)
    user = make.make_user(at=facility)
    client = signed_in(user)
    assert client.get(ME).status_code == 200

    services.end_membership(user.memberships.get(), by=admin)

    assert client.get(ME).status_code == 302


def test_a_changed_role_counts_from_the_next_request(signed_in):
    facility = make.make_facility()
    admin = make.make_user(at=facility, role=Role.ADMIN)
    make.make_user(at=facility, role=Role.ADMIN)
    client = signed_in(admin)
    assert client.get(reverse("accounts:staff")).status_code == 200

    services.change_membership(admin.memberships.get(), role=Role.COORDINATOR, by=admin)

    assert client.get(reverse("accounts:staff")).status_code == 403


def test_the_switcher_filters_and_grants_nothing(signed_in):
    here, there, elsewhere = make.make_facility(), make.make_facility(), make.make_facility()
    user = make.make_user(at=here)
    Membership.objects.create(user=user, facility=there, role=Role.COORDINATOR)
    client = signed_in(user)

    client.post(reverse("accounts:switch_facility"), {"facility": there.pk})
    assert client.get(ME).context["shell"]["facility"]["pk"] == there.pk
    client.post(reverse("accounts:switch_facility"), {"facility": elsewhere.pk})
    assert client.get(ME).context["shell"]["facility"]["pk"] == there.pk


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_switcher_leads_to_no_other_host(signed_in, target):
    facility = make.make_facility()
    client = signed_in(make.make_user(at=facility))

    answer = client.post(reverse("accounts:switch_facility"), {"facility": facility.pk, "next": target})

    assert answer["Location"] == "/"


def facility_fields(facility, **given):
    return {
        "name": facility.name, "zone": "America/Chicago",
        "neutral_name": "The office", "neutral_phone": "+13125550100",
        "first_contact_goal_minutes": 10, "promise_grace_minutes": 5, "quiet_from": "8pm", "quiet_until": "9",
        "version": facility.version, "hours-TOTAL_FORMS": 1, "hours-INITIAL_FORMS": 0, "hours-0-weekday": 0,
        "hours-0-opens": "8am", "hours-0-closes": "6pm",
    } | given  # fmt: skip


def test_a_facility_is_saved_with_times_as_people_type_them(signed_in):
    facility = make.make_facility()
    client = signed_in(make.make_user(at=facility, role=Role.ADMIN))

    answer = client.post(reverse("accounts:facility"), facility_fields(facility))

    saved = Facility.objects.get(pk=facility.pk)
    assert answer.status_code == 302
    assert (saved.zone, saved.quiet_from, saved.quiet_until) == ("America/Chicago", dt.time(20), dt.time(9))
    assert [(h.weekday, h.opens, h.closes) for h in saved.opening_hours.all()] == [(0, dt.time(8), dt.time(18))]


def test_a_stale_facility_form_overwrites_nothing_and_keeps_what_was_typed(signed_in):
    facility = make.make_facility()
    client = signed_in(make.make_user(at=facility, role=Role.ADMIN))
    client.post(reverse("accounts:facility"), facility_fields(facility))

    answer = client.post(reverse("accounts:facility"), facility_fields(facility, city="Typed City"))

    assert answer.status_code == 200
    assert b"Somebody else changed this" in answer.content
    assert b"Typed City" in answer.content
    assert Facility.objects.get(pk=facility.pk).city == ""


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "\x00", "America/", "x" * 500])
def test_a_zone_that_is_none_is_refused_next_to_its_field(signed_in, zone):
    facility = make.make_facility()
    client = signed_in(make.make_user(at=facility, role=Role.ADMIN))

    answer = client.post(reverse("accounts:facility"), facility_fields(facility, zone=zone))

    assert answer.status_code == 200
    assert answer.context["form"].errors


def open_house(monkeypatch, password, **given):
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    options = {"name": "Larkfield North", "zone": "America/Chicago", "neutral_name": "The office",
               "neutral_phone": "+13125550100", "username": "ines", "email": "ines@example.org"} | given  # fmt: skip
    call_command("open_facility", **options, stdout=io.StringIO())


def test_the_first_facility_opens_with_an_administrator_who_can_sign_in(monkeypatch):
    open_house(monkeypatch, "a sentence that is long enough")

    assert [m.role for m in User.objects.get(username="ines").current_memberships()] == ["admin"]
    assert Client().login(username="ines", password="a sentence that is long enough")


@pytest.mark.parametrize(
    ("password", "given"),
    [
        ("short", {}),
        ("a sentence that is long enough", {"zone": "Mars/Olympus"}),
        ("a sentence that is long enough", {"email": "nobody"}),
        ("a sentence that is long enough", {"username": "admin"}),
        ("a sentence that is long enough", {"name": ""}),
    ],
)
def test_a_first_facility_that_cannot_be_is_refused_with_a_sentence(monkeypatch, password, given):
    with pytest.raises(CommandError):
        open_house(monkeypatch, password, **given)

    assert Facility.objects.count() == 0
