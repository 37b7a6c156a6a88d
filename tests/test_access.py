"""The access crawl: every address, every method, as everybody, with canary words in the other facility.

An address without a row in the matrix fails. What is out of sight answers byte for byte like what
does not exist, changes nothing, and leaks nothing into body, headers or file names.
"""

import importlib
import pkgutil
import re
import uuid

import pytest
from django.db import connection, transaction
from django.db.models import Model
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, get_resolver, reverse

import tests.access
from accounts import services
from accounts.models import User
from accounts.permissions import ROLE_PERMISSIONS, Permission, Role
from accounts.querysets import FacilityScoped
from people.models import ReadEvent
from people.querysets import OfVisiblePerson, PersonQuerySet
from tests import factories as make
from tests.access import PUBLIC, SIGNED_IN, Row
from tests.access.world import build_world

METHODS = ("get", "post", "head", "put", "patch", "delete", "options")
OURS, THEIRS = "Kanarienvogel", "Zeisigruf"


def matrix():
    rows = {}
    for module in pkgutil.iter_modules(tests.access.__path__):
        rows |= getattr(importlib.import_module(f"tests.access.{module.name}"), "ROWS", {})
    return rows


def url_names(resolver=None, namespace=""):
    """Every URL name the product answers to."""
    resolver = resolver or get_resolver()
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            yield f"{namespace}{entry.name}"
        else:
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from url_names(entry, inner)


ROWS = matrix()
NAMES = sorted(set(url_names()))


def test_every_address_has_a_row_in_the_matrix_and_no_row_is_left_over():
    assert sorted(ROWS) == NAMES


@pytest.fixture(scope="module")
def _worlds(django_db_setup, django_db_blocker):
    """Both worlds, built once in a transaction around every test of this module."""
    with django_db_blocker.unblock(), transaction.atomic():
        worlds = build_world(OURS), build_world(THEIRS)
        for world in worlds:
            world.invitation, _ = services.invite(
                world.facility, email=f"{world.canary}@example.org".lower(), first_name=world.canary,
                last_name="Invited", role=Role.CLINICIAN, by=world.admin,
            )  # fmt: skip
            world.outsiders = list(_outsiders(world))
        yield worlds
        transaction.set_rollback(True)


@pytest.fixture
def worlds(_worlds):
    return _worlds


def client_of(user):
    client = Client(raise_request_exception=False)
    if user:
        client.force_login(user)
    return client


def address(name, args):
    try:
        return reverse(name, kwargs=args)
    except NoReverseMatch as error:
        raise AssertionError(f"{name} cannot be reversed with {args}") from error


def absent(args):
    """The same arguments for something that does not exist."""
    return {key: _absent_value(value) for key, value in args.items()}


def _absent_value(value):
    if isinstance(value, uuid.UUID):
        return uuid.UUID("00000000-0000-4000-8000-00000000dead")
    if isinstance(value, int):
        return 2_000_000_000
    return "no-such-thing"


def normal(response, url):
    """Body and headers without what differs at each answer: tokens, keys, clocks, and the asked address."""
    body = response.content
    for pattern in (
        rb'name="csrfmiddlewaretoken" value="[^"]+"',
        rb'name="csrf-token" content="[^"]+"',
        rb'name="idempotency_key" value="[^"]+"',
        rb'"idempotency_key": "[^"]+"',
        rb'name="server-now" content="[^"]+"',
        rb"\d{1,2}:\d\d(:\d\d)?(\xc2\xa0| )?[ap]m",
    ):
        body = re.sub(pattern, b"", body)
    headers = {k: v for k, v in response.items() if k not in {"ETag", "Content-Length", "Set-Cookie", "Expires"}}
    asked = url.encode()
    return (
        response.status_code,
        body.replace(asked, b"<asked>"),
        {k: v.replace(url, "<asked>") for k, v in headers.items()},
    )


def rows_of(world):
    """Every row of a world as values, to see that nothing changed."""
    seen = {}
    for name, value in vars(world).items():
        if isinstance(value, Model):
            seen[name] = type(value)._base_manager.filter(pk=value.pk).values().first()
    return seen


def _outsiders(ours):
    """Everybody who has no business at the other facility."""
    yield "anonymous", None
    for role in Role:
        yield f"{role} elsewhere", getattr(ours, role.value)
    yield "nowhere", make.make_user()
    gone = make.make_user(at=ours.facility)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    yield "deactivated", gone


def leaks(name, row, ours, theirs):
    """What the crawl of one address finds; an empty list when all is well."""
    found = []
    before = rows_of(theirs)
    args = row.args(theirs)
    url, nothing = address(name, args), address(name, absent(args))
    for who, user in ours.outsiders:
        client = client_of(user)
        for method in METHODS if who == "coordinator elsewhere" else ("get", "post"):
            data = row.data(theirs) if method == "post" else {}
            with transaction.atomic():
                response = getattr(client, method)(url, data)
                known = normal(response, url)
                transaction.set_rollback(True)
            everything = response.content + repr(list(response.items())).encode()
            for words in row.shows(theirs):
                everything = everything.replace(words.encode(), b"")
            if THEIRS.encode() in everything or THEIRS.lower().encode() in everything.replace(url.encode(), b""):
                found.append(f"{who} {method}: a canary")
            if response.status_code >= 500:
                found.append(f"{who} {method}: {response.status_code}")
            if args and row.permission != PUBLIC and not row.is_shared:
                with transaction.atomic():
                    unknown = normal(getattr(client, method)(nothing, data), nothing)
                    transaction.set_rollback(True)
                if known != unknown:
                    found.append(f"{who} {method}: {known[0]} there, {unknown[0]} nowhere")
            if row.permission != PUBLIC and who in {"anonymous", "deactivated"} and response.status_code == 200:
                found.append(f"{who} {method}: let in")
    if rows_of(theirs) != before:
        found.append("something was changed")
    return found


@pytest.mark.parametrize("name", NAMES)
def test_nobody_learns_anything_of_another_facility(name, worlds):
    row = ROWS.get(name) or Row(SIGNED_IN)

    assert leaks(name, row, *worlds) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_role_gets_exactly_what_the_matrix_says(name, worlds):
    row = ROWS.get(name) or Row(SIGNED_IN)
    ours, _ = worlds
    url = address(name, row.args(ours))
    found = []
    for role in Role:
        client = client_of(getattr(ours, role.value))
        granted = row.permission in (PUBLIC, SIGNED_IN) or Permission(row.permission) in ROLE_PERMISSIONS[role]
        granted = granted and (not row.only or role in row.only)
        for method in METHODS:
            with transaction.atomic():
                status = getattr(client, method)(url, row.data(ours) if method == "post" else {}).status_code
                transaction.set_rollback(True)
            answered = method in row.methods
            if status >= 500 and not (name == "healthz_deep" and status == 503):  # 503 is its way of saying no
                found.append(f"{role} {method}: {status}")
            elif not row.methods or method in {"head", "options"}:
                continue
            elif granted and answered and status in {403, 404, 405} and row.permission != PUBLIC:
                found.append(f"{role} {method}: {status}, but the matrix grants it")
            elif not granted and status < 400 and status not in {301, 302}:
                found.append(f"{role} {method}: {status}, but the matrix grants nothing")
            elif not granted and status == 302:
                found.append(f"{role} {method}: led on, but the matrix grants nothing")
            elif granted and not answered and status not in {405, 302, 403, 404}:
                found.append(f"{role} {method}: {status} for a method that the row does not name")
    assert found == []


@pytest.mark.parametrize("name", NAMES)
def test_a_page_that_names_a_person_is_in_the_read_log_and_nobody_is_in_the_logs(name, worlds, caplog):
    """Every response that shows persons writes one ReadEvent that names them (I-32); log lines name none (I-47)."""
    row = ROWS.get(name) or Row(SIGNED_IN)
    ours, _ = worlds
    unread = []
    for role in Role:
        before = ReadEvent.objects.count()
        response = client_of(getattr(ours, role.value)).get(address(name, row.args(ours)), follow=True)
        seen = {str(pk) for event in ReadEvent.objects.all()[before:] for pk in event.person_ids}
        for person in (ours.person, ours.relative):
            shown = [name for name in (person.name, person.short_name) if name.encode() in response.content]
            if shown and str(person.pk) not in seen:
                unread.append(f"{role} read {shown}")
    assert unread == []
    assert OURS not in caplog.text
    assert THEIRS not in caplog.text


@pytest.mark.parametrize("name", ["admissions:inquiry", "admissions:person", "admissions:inquiries", "programs:board"])
def test_a_page_whose_reading_cannot_be_written_down_is_not_shown(name, worlds):
    ours, _ = worlds
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION no_reads() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the read log is full'; END $$;"
            "CREATE TRIGGER no_reads BEFORE INSERT ON people_readevent EXECUTE FUNCTION no_reads();"
        )

    response = client_of(ours.clinician).get(address(name, ROWS[name].args(ours)))

    assert response.status_code == 500
    assert OURS.encode() not in response.content


def test_the_crawl_goes_red_when_one_queryset_forgets_its_scope(worlds, monkeypatch):
    for queryset in (FacilityScoped, PersonQuerySet, OfVisiblePerson):
        monkeypatch.setattr(queryset, "visible_to", lambda self, user, permission: self.all())

    found = leaks("referrals:referral", ROWS["referrals:referral"], *worlds)

    assert any("a canary" in leak for leak in found)
