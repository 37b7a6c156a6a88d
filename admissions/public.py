"""A public inquiry becomes rows, committed before anybody is thanked (architecture, decision 11; I-40, I-41).

Nothing is looked up by name, phone or email here: a known and an unknown person cost the same work and get
the same answer. Staff who may see both records merge them later. No broker is called.
"""

import hashlib
import logging
import time
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.utils import timezone

from admissions import safety, services
from admissions.calls import add_substances
from admissions.drafts import storable
from admissions.enums import Channel, Danger, Route, Setting, Source
from admissions.forms.public import LOVED_ONE, SELF, WORK
from admissions.models import WebSubmission
from people import services as people
from people.models import Relation
from people.phones import reach

log = logging.getLogger(__name__)

# Field ids of the form plug-in that treatment centers' sites use (samples/selfmade/gravity_forms_all_fields.json).
FIELD_ALIASES = {
    "1.3": "first", "1.6": "last", "2": "phone", "3": "email", "4": "who", "6": "message", "8": "utm_source",
    "9": "gclid", "name": "first", "first_name": "first", "last_name": "last", "contact": "reach",
}  # fmt: skip
SUBSTANCE_BOXES = "5."  # "5.1": "Alcohol", "5.3": "Opioids": one box a field
WHO_WORDS = {
    "self": SELF, "i do": SELF, "myself": SELF, "me": SELF, "loved_one": LOVED_ONE, "a loved one": LOVED_ONE,
    "someone i love": LOVED_ONE, "my loved one": LOVED_ONE, "work": WORK, "someone i work with": WORK,
    "a client": WORK, "a patient": WORK,
}  # fmt: skip
PAID = {"cpc", "ppc", "paid", "paidsearch", "paid_search", "paid-search", "display", "cpm"}
SEARCH_ENGINES = {"google", "bing", "duckduckgo", "yahoo"}
MOST_FIELDS, LONGEST_VALUE = 100, 10_000

# Counted per address and per form in each ten minutes; over the first mark an inquiry is marked, over
# the second it is answered with the telephone number.
WINDOW_SECONDS = 600
SUSPECT_ABOVE, FLOOD_ABOVE = 20, 200
FORM_SUSPECT_ABOVE, FORM_FLOOD_ABOVE = 300, 3000


@dataclass(frozen=True)
class Asked:
    """What a submission says, in our words; empty text where it says nothing."""

    who: str = ""
    first: str = ""
    last: str = ""
    phone: str = ""
    email: str = ""
    other: str = ""
    person: str = ""
    substances: tuple[str, ...] = ()
    message: str = ""
    danger: str = ""
    ok: tuple[str, ...] = ()
    source: str = Source.UNKNOWN


def canonical(fields):
    """Posted fields under our names: aliases followed, one text or a list each; ours win over aliases."""
    ours, aliased, boxes = {}, {}, []
    for name, value in fields.items():
        values = [
            str(text) for text in (value if isinstance(value, (list, tuple)) else [value]) if text not in (None, "")
        ]
        if not values:
            continue
        if name.startswith(SUBSTANCE_BOXES):
            boxes += values
        elif name in FIELD_ALIASES:
            aliased.setdefault(FIELD_ALIASES[name], values)
        else:
            ours[name] = values
    named = aliased | ours
    if boxes:
        named["substances"] = [*named.get("substances", []), *boxes]
    if "who" in named:
        named["who"] = [WHO_WORDS.get(text.strip().lower(), text) for text in named["who"][:1]]
    if "reach" not in named and (way := named.get("phone") or named.get("email")):
        named["reach"] = way
    return named


def read(fields):
    """The `Asked` of posted fields, by whatever names they came."""
    named = canonical(fields)

    def one(name, longest=200):
        return people.tidy((named.get(name) or [""])[0], longest)

    phone, email, other = one("phone"), one("email", 254), ""
    kind, _ = reach(one("reach", 254))
    if kind == "phone" and not phone:
        phone = one("reach", 254)
    elif kind == "email" and not email:
        email = one("reach", 254)
    elif kind == "address":
        other = one("reach", 254)
    danger = one("danger")
    return Asked(
        who=one("who"),
        first=one("first", 100),
        last=one("last", 100),
        phone=phone,
        email=email,
        other=other,
        person=one("person", 100),
        substances=tuple(people.tidy(text, 80) for text in named.get("substances", [])[:12]),
        message=storable((named.get("message") or [""])[0])[:LONGEST_VALUE].strip(),
        danger=danger if danger in Danger.values else "",
        ok=tuple(named.get("ok", [])[:5]),
        source=source_of(named),
    )


def receive_web_inquiry(facility, fields, *, suspect="", at=None):
    """Write one inquiry from the posted `fields` (name → text or list of texts). Answers the Inquiry.

    The fields are kept whole in `WebSubmission`; `suspect` (a short code, or empty) only marks. New persons
    each time: the caller, and a second one without a name when it is about somebody else. A yes to the danger
    question makes an emergency alert. All in the caller's transaction.
    """
    at = at or timezone.now()
    asked = read(fields)
    with transaction.atomic():
        caller = people.create_person(
            facility=facility, by=None, at=at, given_name=asked.first, family_name=asked.last
        )
        is_self = asked.who not in (LOVED_ONE, WORK)
        person = (
            caller if is_self else people.create_person(facility=facility, by=None, at=at, given_name=asked.person)
        )
        inquiry = services.open_inquiry(
            facility=facility,
            person=person,
            channel=Channel.WEB,
            by=None,
            at=at,
            caller=caller,
            relation=Relation.SELF if is_self else Relation.OTHER if asked.who == WORK else Relation.UNKNOWN,
            contact_point=_ways_to_reach(caller, asked),
            source=asked.source,
            words=asked.message,
            is_suspect=bool(suspect),
        )
        told = [{"name": name, "route": Route.NOT_ASKED, "setting": Setting.NOT_ASKED} for name in asked.substances]
        add_substances(inquiry, told, facility=facility, at=at)
        if asked.danger:
            safety.ask(facility=facility, answer=asked.danger, inquiry=inquiry, by=None, at=at)
        WebSubmission.objects.create(
            facility=facility, inquiry=inquiry, fields=keepable(fields), suspect_because=suspect[:40], received_at=at
        )
    return inquiry


def keepable(fields):
    """The fields word for word, as JSON in PostgreSQL can hold them."""
    kept = {}
    for name in list(fields)[:MOST_FIELDS]:
        value = fields[name]
        texts = value if isinstance(value, (list, tuple)) else [value]
        texts = [text if text is None else storable(text)[:LONGEST_VALUE] for text in texts[:20]]
        kept[storable(name)[:100]] = texts[0] if len(texts) == 1 else texts
    return kept


def source_of(named):
    """How they found us, from campaign marks in the fields or in the address of the page they were on."""
    page = parse_qs(urlsplit_safely((named.get("source_url") or [""])[0]))

    def mark(name):
        return (named.get(name) or page.get(name) or [""])[0].strip().lower()

    if mark("gclid") or mark("utm_medium") in PAID:
        return Source.AD
    if mark("utm_source") in SEARCH_ENGINES or mark("utm_medium") == "organic":
        return Source.SEARCH
    return Source.UNKNOWN


def urlsplit_safely(address):
    """The query of an address that may be anything."""
    try:
        return urlsplit(address[:2000]).query
    except ValueError:
        return ""


def pressure(request, facility):
    """ "" in quiet times, "busy" when this is to be marked, "flood" when it is to be answered with the telephone.

    Counts only, under a keyed hash of the address; when they cannot be kept, nobody is held up.
    """
    sender = _count(f"inquire:{_digest(_address(request))}")
    form = _count(f"inquire:form:{facility.pk}")
    if sender > FLOOD_ABOVE or form > FORM_FLOOD_ABOVE:
        return "flood"
    return "busy" if sender > SUSPECT_ABOVE or form > FORM_SUSPECT_ABOVE else ""


def _count(key):
    key = f"{key}:{int(time.time()) // WINDOW_SECONDS}"
    try:
        with transaction.atomic():
            if cache.add(key, 1, 2 * WINDOW_SECONDS):
                return 1
            return cache.incr(key)
    except (DatabaseError, ValueError):
        log.warning("a throttle could not be counted")
        return 0


def _address(request):
    """The sender's address; the last hop's word for it only behind a proxy that we were told of."""
    if getattr(settings, "SECURE_PROXY_SSL_HEADER", None):
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[-1].strip()
        return forwarded or request.META.get("REMOTE_ADDR", "")
    return request.META.get("REMOTE_ADDR", "")


def _digest(text):
    return hashlib.sha256(f"{settings.SECRET_KEY}:{text}".encode()).hexdigest()[:32]


def _ways_to_reach(caller, asked):
    """Every way told, the telephone first; only the yeses are written. Answers the first, or None."""
    ok = {f"ok_to_{way}": True for way in asked.ok if way in {"call", "text", "voicemail"}}
    points = [
        people.add_contact_point(caller, kind=kind, value=value, by=None, **(ok if kind == "phone" else {}))
        for kind, value in (("phone", asked.phone), ("email", asked.email), ("address", asked.other))
        if value
    ]
    return points[0] if points else None
