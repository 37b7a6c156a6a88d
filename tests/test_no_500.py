"""Nothing that is typed, pasted or forged makes the product fall over.

For every address of the access matrix, as somebody who may use it: each field that its own forms render, and
those of the matrix' POST body, is filled with what nobody meant to send. The answer is a refusal in words, never
a 500; markup comes back as text; fields that no form has change nothing.
"""

import os
import uuid
import zlib
from collections import defaultdict
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import parse_qsl, quote_from_bytes, urlsplit

import pytest
from django.apps import apps
from django.core.cache import cache
from django.db import connection, models, transaction
from django.test import Client
from django.urls import Resolver404, resolve, reverse

from accounts import services
from accounts.models import Facility, User
from accounts.permissions import ROLE_PERMISSIONS, Permission, Role
from admissions import journey
from privacy.enums import ContentClass
from tests import factories as make
from tests.access import PUBLIC, SIGNED_IN
from tests.access.world import build_world
from tests.test_access import NAMES, ROWS
from therapy.models import Modality

CANARY = "Junkvogel"
MARKUP = b"<svg/onload=1>"
JUNK = {
    "nul": b"a\x00b",
    "half a surrogate": b"a\xed\xa0\x80b",
    "no utf-8": b"\xff\xfe\x80",
    "10 kB": b"long " * 2000,
    "10 kB of one word": b"9" * 10_000,
    "emoji": "👩‍👩‍👧🏽".encode(),
    "right to left": "\u202egnp.exe\u2066".encode(),
    "over int4": b"2147483648",
    "over int8": b"9" * 30,
    "negative": b"-1",
    "infinite": b"1e999",
    "no number": b"NaN",
    "superscript": "²".encode(),
    "arabic digits": "٣٣".encode(),
    "somebody's id": str(uuid.UUID(int=0xDEAD)).encode(),
    "no month": b"13/45/99",
    "last day": b"12/31/9999",
    "first day": b"1/1/0001",
    "no hour": b"25:99",
    "markup": b'"><svg/onload=1>',
    "blank": b" \t\r\n ",
}
EXTRA = {
    "role": "admin", "stage": "admitted", "state": "closed", "is_superuser": "on", "is_staff": "on", "is_active": "",
    "is_suspect": "on", "is_e1": "on", "user": "1", "owner": "1", "by": "1", "pk": "1", "id": "1", "public_id": "1",
    "opened_at": "2001-01-01", "admitted_at": "2001-01-01", "closed_at": "2001-01-01", "discarded_at": "2001-01-01",
}  # fmt: skip
# Every value in every field takes a quarter of an hour; each run takes some of them, and every value somewhere.
ALL = bool(os.environ.get("HANDRAIL_TEST_ALL_JUNK"))
# What makes the forms work that the matrix posts half empty; the world is in `w`.
MEANT = {
    "account_login": lambda w: {"login": "nobody", "password": "wrong"},
    "account_reauthenticate": lambda w: {"password": "wrong"},
    "accounts:invite": lambda w: {"first_name": "Noor", "last_name": "H", "email": "n@example.org", "role": "admin"},
    "admissions:public_form": lambda w: {"who": "self", "first": "Jordan", "reach": "(312) 555-0199", "age": "30"},
    "admissions:receive_referral": lambda w: {
        "partner": w.partner.pk, "given_name": "Jordan", "phone": "(312) 555-0199", "reason": "Detox",
        "urgency": "routine", "person": "",
    },
    "admissions:refer_out": lambda w: {
        "partners": w.partner.pk, "reason": "No bed", "urgency": "routine", "how": "phone", "category": "",
    },
    "referrals:contact_new": lambda w: {"name": "Noor Haddad", "email": "noor@example.org"},
    "referrals:partner_new": lambda w: {"name": "North Clinic", "kind": "hospital", "compensation": "none"},
    "therapy:assign": lambda w: {"modality": Modality.objects.earliest("pk").pk, "goal": "Sleep"},
    "privacy:consent_new": lambda w: {
        "kind": "specific", "discloser": "Staff", "classes": "presence", "what": "Attendance",
        "organization_1": w.organization.pk, "purposes": "treatment", "states_revocation": "on",
        "revocation_how": "in writing", "expires_on": "tomorrow", "expires_event": "", "signer_role": "patient",
        "signer": "", "signed_name": "Devin", "signature_how": "paper", "signed_on": "today", "signed_time": "",
        "refusing": "Nothing", "recipient_class": "", "supersedes": w.consent.pk, "relatives": w.relative.pk,
    },
}  # fmt: skip
# They answer with a part of a page, or have nothing to do: an invitation that does not exist.
ANSWERS_IN_PLACE = {"accounts:accept", "admissions:call_candidates", "admissions:call_draft", "admissions:people"}
# They name a place because that is what they are for.
NAMES_A_PLACE = {"accounts:switch_facility"}


class Forms(HTMLParser):
    """The forms of a page as a browser would send them, and the parameters its links carry."""

    def __init__(self):
        super().__init__()
        self.forms, self.links = [], []
        self._select = self._textarea = None
        self._loose = {"action": "", "method": "get", "fields": {}}
        self._form = self._loose

    def handle_starttag(self, tag, attributes):
        a = {name: value or "" for name, value in attributes}
        if tag == "form":
            self._form = {"action": a.get("action", ""), "method": a.get("method", "get").lower(), "fields": {}}
            self.forms.append(self._form)
        for name in ("href", "hx-get"):
            if "?" in a.get(name, ""):
                self.links.append(a[name])
        if tag == "option" and self._select and ("selected" in a or not self._fields().get(self._select)):
            self._fields()[self._select] = [a.get("value", "")]
        if not (name := a.get("name")):
            return
        if tag == "select":
            self._select = name
            self._fields().setdefault(name, [])
        elif tag == "textarea":
            self._textarea = name
            self._fields()[name] = [""]
        elif tag == "button":
            self._fields().setdefault(name, [])
        elif tag == "input" and a.get("type") in {"checkbox", "radio"}:
            self._fields().setdefault(name, []).extend([a.get("value", "on")] if "checked" in a else [])
        elif tag == "input":
            self._fields().setdefault(name, []).append(a.get("value", ""))

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = self._loose
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._textarea = None

    def handle_data(self, data):
        if self._textarea:
            self._fields()[self._textarea] = [self._fields()[self._textarea][0] + data]

    def _fields(self):
        return self._form["fields"]


@pytest.fixture(scope="module")
def _built(django_db_setup, django_db_blocker):
    """The world, who may use which address, and the forms of all pages: read once, in one transaction."""
    with django_db_blocker.unblock(), transaction.atomic():
        world = build_world(CANARY)
        world.invitation, _ = services.invite(
            world.facility, email="junk@example.org", first_name="Junk", last_name="Invited", role=Role.CLINICIAN,
            by=world.admin,
        )  # fmt: skip
        world.elsewhere = make.make_facility()
        here = {"facility": world.facility}
        newcomer = accepted_newcomer(world)
        emergency = make.make_safety_check(make.make_inquiry(**here), answer="yes", is_e1=True)
        world.told_more = make.make_consent(
            person=world.person,
            **here,
            to=[world.organization],
            classes=[value for value, _ in ContentClass.choices][:6],
        )
        world.instead = {
            "admissions:admit": {"inquiry": newcomer},
            "admissions:alert": {"safety_check": emergency},
            "admissions:alert_close": {"safety_check": emergency},
        }
        world.clients = {role: signed_in(getattr(world, role.value)) for role in Role}
        world.officer = signed_in(make.make_user(at=world.facility, flags=["supervisor", "privacy_officer"]))
        world.forms, world.queries = read_forms(world)
        yield world
        transaction.set_rollback(True)


@pytest.fixture
def world(_built):
    cache.clear()
    return _built


def signed_in(user):
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def client_for(name, world):
    """A client of the first role that may use the address; a stranger's for a public page."""
    row = ROWS[name]
    if row.permission == PUBLIC:
        return Client(raise_request_exception=False)
    for role in [Role(role) for role in row.only] or list(Role):
        if row.permission == SIGNED_IN or Permission(row.permission) in ROLE_PERMISSIONS[role]:
            return world.clients[role]
    return world.officer


def accepted_newcomer(world):
    """Somebody who is not in care yet, of whom it is decided."""
    inquiry = make.make_inquiry(facility=world.facility, person=make.make_person(at=world.facility))
    journey.decide(inquiry, outcome="accepted", program=world.program, reason="Fits", by=world.clinician)
    return inquiry


def of(name, world):
    """The world as an address needs it: some work only with another row."""
    return SimpleNamespace(**vars(world) | getattr(world, "instead", {}).get(name, {}))


def address(name, world):
    return reverse(name, kwargs=ROWS[name].args(of(name, world)))


def read_forms(world):
    """{URL name: fields posted to it, with what the page fills in} and {URL name: parameters of its address}."""
    posted, asked = defaultdict(dict), defaultdict(set)
    for name in NAMES:
        url = address(name, world)
        response = send(client_for(name, world), "get", url)
        if response.status_code != 200 or "html" not in response.get("Content-Type", ""):
            continue
        page = Forms()
        page.feed(response.content.decode())
        for form in page.forms:
            target = name_of(form["action"] or url)
            if form["method"] == "post":
                # The page's own form says more than a copy of it elsewhere.
                old, new = posted[target], form["fields"]
                posted[target] = old | new if target == name else new | old
            else:
                asked[target] |= set(form["fields"])
        for link in page.links:
            asked[name_of(link) or name] |= {key for key, _ in parse_qsl(urlsplit(link).query, keep_blank_values=True)}
    return posted, asked


def name_of(url):
    try:
        return resolve(urlsplit(url).path).view_name
    except Resolver404:
        return ""


def encoded(fields):
    """A form body of {name: [str or bytes]}, whatever the bytes are."""
    pairs = ((name, value) for name, values in fields.items() for value in values)
    return "&".join(f"{quote_from_bytes(_bytes(n))}={quote_from_bytes(_bytes(v))}" for n, v in pairs)


def _bytes(value):
    return value if isinstance(value, bytes) else str(value).encode()


FORM = "application/x-www-form-urlencoded"


def send(client, method, url, body="", content_type=FORM, **headers):
    """One request whose writes are taken back; deferred constraints are asked before, as a commit would."""
    cookies = client.cookies.copy()
    with transaction.atomic():
        if method == "get":
            response = client.get(f"{url}?{body}" if body else url, **headers)
        else:
            response = client.generic("POST", url, body, content_type=content_type, **headers)
            if response.status_code < 400:
                with connection.cursor() as cursor:
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        transaction.set_rollback(True)
    client.cookies = cookies
    return response


def complaints(name, response):
    """What is wrong with an answer to junk; an empty list when nothing is."""
    found = []
    if response.status_code >= 500 and name != "healthz_deep":  # 503 is its way of saying no
        error = getattr(response, "exc_info", None)
        found.append(f"{response.status_code} {error[1]!r}"[:300] if error else str(response.status_code))
    if b"Traceback" in response.content:
        found.append("a traceback")
    if MARKUP in response.content and "html" in response.get("Content-Type", ""):
        found.append("markup as markup")
    if any("\n" in value or "\x00" in value for _, value in response.items()):
        found.append("a broken header")
    return found


def base_of(name, world):
    """A body that the page itself would send, with what makes it work."""
    values = dict(world.forms.get(name, {}))
    meant = MEANT.get(name, lambda w: {})(world)
    if name == "privacy:consent_new":  # its first page only asks which kind
        values.pop("choose", None)
    for key, value in (({} if "kind" in meant else ROWS[name].data(of(name, world))) | meant).items():
        values[key] = value if isinstance(value, list) else [value]
    return values


def picked(name, field, count=1):
    """The junk (label, value) a field gets in this run: others for each field, the same at each run."""
    values = list(JUNK.items())
    start = zlib.crc32(f"{name} {field}".encode()) % len(values)
    return [values[(start + 5 * step) % len(values)] for step in range(len(values) if ALL else count)]


def posts(name):
    return not ROWS[name].methods or "post" in ROWS[name].methods


@pytest.mark.parametrize("name", NAMES)
def test_junk_in_an_address_is_no_500(name, world):
    client, url, keys = client_for(name, world), address(name, world), world.queries.get(name, set())
    found = []

    def get(label, fields):
        response = send(client, "get", url, encoded(fields))
        found.extend(f"{label}: {complaint}" for complaint in complaints(name, response))

    for label, value in picked(name, "", count=3 if keys else 1):
        get(f"{label} everywhere", {key: [value[:3000]] for key in keys | {"after", "show", b"x" + value[:50]}})
    for key in sorted(keys):
        for label, value in picked(name, key, count=2):
            get(f"{key}={label}", {key: [value, value]})
    assert found == []


@pytest.mark.parametrize("name", [name for name in NAMES if posts(name)])
def test_junk_in_a_form_is_no_500(name, world):
    client, url, base = client_for(name, world), address(name, world), base_of(name, world)
    found = []

    def post(label, fields):
        response = send(client, "post", url, encoded(fields))
        found.extend(f"{label}: {complaint}" for complaint in complaints(name, response))

    post("as meant", base)
    post("nothing", {})
    for label, value in picked(name, "", count=2):
        post(f"{label} everywhere", {key: [value] for key in base} | {"idempotency_key": ["a-good-key"]})
        post(f"{label} after all", {key: [*values, value] for key, values in base.items()})
    for field in base:
        for label, value in picked(name, field):
            post(f"{field}={label}", base | {field: [value]})
        if ALL or len(base) < 4:
            post(f"no {field}", {key: values for key, values in base.items() if key != field})
    assert found == []


# One of each kind: a public page, a page of another package, one that creates, edits, keeps drafts.
KINDS = [
    "account_login", "admissions:public_form", "admissions:call", "admissions:call_draft", "admissions:decide",
    "admissions:person_edit", "programs:appointment_new", "privacy:consent_new",
]  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_a_body_that_is_no_form_is_no_500(name, world):
    client, url, base = client_for(name, world), address(name, world), base_of(name, world)
    found = []

    def post(label, content, kind=FORM, **headers):
        response = send(client, "post", url, content, content_type=kind, **headers)
        found.extend(f"{label}: {complaint}" for complaint in complaints(name, response))

    form = encoded(base)
    for kind in ("application/json", "text/plain", "", f"{FORM}; charset=utf-16", f"{FORM}; charset=no-such-thing",
                 "multipart/form-data", "multipart/form-data; boundary=x"):  # fmt: skip
        post(kind, form, kind)
    post("half a JSON", '{"a": "\\ud800", ', "application/json")
    post("a JSON list", '["\\ud800", 1e999, NaN]', "application/json")
    part = '--x\r\nContent-Disposition: form-data; name="a"; filename="../\x00"\r\n\r\nb'
    post("half a part", part, "multipart/form-data; boundary=x")
    post("600 fields", "&".join(f"f{number}=1" for number in range(600)))
    post("no pairs", b"\xff\xfe%ED%A0%80&&&===%zz")
    post("more than a megabyte", "a=" + "9" * 1_100_000)
    for key in ("", "short", "k" * 65, "n\x00ul-and-more", "²²²²²²²²²"):
        post(f"key {key!r}", encoded(base | {"idempotency_key": [key]}))
    for header in ("IDEMPOTENCY_KEY", "HX_CURRENT_URL", "X_HANDRAIL_AUTOSAVE", "IF_NONE_MATCH", "X_FORWARDED_FOR"):
        post(header, form, **{f"HTTP_{header}": "http://[::1 \xff² and more", "HTTP_HX_REQUEST": "true"})
    assert found == []


WORDY = [name for name in NAMES if name in {"accounts:accept", "reports:list", "admissions:workbench_part"}]


@pytest.mark.parametrize("junk", sorted(JUNK))
@pytest.mark.parametrize("name", WORDY)
def test_a_word_in_the_path_may_be_anything(name, junk, world):
    args = ROWS[name].args(world)
    url = reverse(name, kwargs={key: "stand-in" for key in args}).replace(
        "stand-in", quote_from_bytes(JUNK[junk][:3000], safe="")
    )

    assert complaints(name, send(client_for(name, world), "get", url)) == []


@pytest.mark.parametrize("name", [name for name in NAMES if posts(name) and name not in NAMES_A_PLACE])
def test_a_field_that_no_form_has_changes_nothing(name, world):
    """Mass assignment: the same body with and without the fields of other tables leaves the same rows."""
    client, url, base = client_for(name, world), address(name, world), base_of(name, world)
    extra = {key: [value] for key, value in EXTRA.items() if key not in base}
    extra |= {
        key: [value.pk]
        for key, value in {"facility": world.elsewhere, "place": world.elsewhere, "person": world.relative}.items()
        if key not in base
    }

    plain = after(client, url, base)
    assert after(client, url, base | extra) == plain


def after(client, url, fields):
    """What a POST answers and leaves in every table, without what differs at each run."""
    cookies = client.cookies.copy()
    with transaction.atomic():
        response = client.generic("POST", url, encoded(fields), content_type=FORM)
        left = {model.__name__: rows_of(model) for model in domain_models()}
        transaction.set_rollback(True)
    client.cookies = cookies
    return response.status_code, left


def domain_models():
    rooms = ["accounts", "people", "work", "privacy", "messaging", "programs", "referrals", "therapy", "admissions"]
    return [
        model
        for room in rooms
        for model in apps.get_app_config(room).get_models()
        if "Event" not in model.__name__ and not model._meta.proxy
    ]


def rows_of(model):
    """Rows as the values a form could reach: codes, switches and who and what they belong to."""
    kept = [
        field.attname
        for field in model._meta.concrete_fields
        if field.choices
        or isinstance(field, models.BooleanField | models.PositiveIntegerField)
        or (isinstance(field, models.ForeignKey) and field.related_model in (Facility, User))
    ]
    return sorted(map(repr, model._base_manager.values_list(*kept))) if kept else model._base_manager.count()


# What was typed stays ------------------------------------------------------------------------------------------

TYPED = "Typed just now, & kept"
KEPT = "Typed just now, &amp; kept"


@pytest.mark.parametrize(
    "name, good, wrong",
    [
        ("admissions:call", "notes", {"reach": "", "promise_when": "25:99", "age": "NaN"}),
        ("admissions:public_form", "message", {"first": "", "reach": "x" * 300}),
        ("admissions:decide", "reason", {"program": "2147483648"}),
        ("privacy:consent_new", "what", {"expires_on": "13/45/99"}),
        ("programs:appointment_new", "place", {"on": "13/45/99", "time": "25:99"}),
        ("admissions:person_edit", "given_name", {"birth_on": "13/45/99"}),
        ("admissions:inquiry_promise", "text", {"time": "25:99"}),
        ("admissions:promise_move", "reason", {"on": "1/1/0001"}),
        ("therapy:assign", "goal", {"planned_sessions": "1e999"}),
        ("programs:block", "reason", {"on": "13/45/99"}),
        ("referrals:partner_new", "name", {"npi": "NaN", "email": "not an address"}),
    ],
)
def test_a_refused_form_keeps_what_was_typed(name, good, wrong, world):
    fields = base_of(name, world) | {good: [TYPED]} | {key: [value] for key, value in wrong.items()}

    response = send(client_for(name, world), "post", address(name, world), encoded(fields))

    assert response.status_code in {200, 422}
    assert KEPT in response.content.decode()


@pytest.mark.parametrize("name", [
    "admissions:inquiry_promise", "admissions:person_promise", "admissions:promise_move", "admissions:promise_outcome",
    "admissions:admit", "admissions:discharge", "admissions:step_down", "programs:appointment",
    "programs:appointment_new", "programs:block", "therapy:assign", "admissions:call", "privacy:consent_new",
])  # fmt: skip
@pytest.mark.parametrize("on, time", [("12/31/9999", "11:59 pm"), ("1/1/0001", "12:00 am"), ("12/30/9999", "11pm")])
@pytest.mark.parametrize("zone", ["America/Chicago", "Pacific/Auckland"])
def test_the_ends_of_the_calendar_are_no_500(name, on, time, zone, world):
    Facility.objects.filter(pk=world.facility.pk).update(zone=zone)
    ends = {key: [on] for key in ("on", "starts_on", "expires_on", "signed_on")}
    ends |= {"time": [time], "signed_time": [time], "promise": ["other"], "promise_when": [f"{on} {time}"]}
    names = set(base_of(name, world)) | {"promise", "promise_when"}

    fields = base_of(name, world) | {key: value for key, value in ends.items() if key in names}
    response = send(client_for(name, world), "post", address(name, world), encoded(fields))
    assert complaints(name, response) == []


def test_every_junk_is_tried_and_nearly_every_form_works_as_meant(world):
    """Junk in a form that is refused anyway would prove nothing."""
    tried = {label for name in NAMES for field in base_of(name, world) for label, _ in picked(name, field)}
    refused = set()
    for name in NAMES:
        if ROWS[name].methods and posts(name):
            response = send(client_for(name, world), "post", address(name, world), encoded(base_of(name, world)))
            refused |= {name} if response.status_code not in {201, 204, 302, 303} else set()

    assert tried == set(JUNK)
    assert refused == ANSWERS_IN_PLACE


def test_a_page_that_trips_is_seen(world, monkeypatch):
    monkeypatch.setattr("admissions.lists.page", lambda *args, **kwargs: int("²"))

    response = send(client_for("admissions:inquiries", world), "get", address("admissions:inquiries", world))

    assert [complaint[:3] for complaint in complaints("admissions:inquiries", response)] == ["500"]
