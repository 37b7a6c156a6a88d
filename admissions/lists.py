"""The inquiry list: filters as codes, fifty rows, older and newer by key, and never an exact count.

The template is the dominating cost of a list (docs/performance), so every word of a row is made here,
once, and the template only prints it.
"""

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db.models import OuterRef, Q, Subquery
from django.urls import reverse
from django.utils import timezone

from accounts.permissions import Permission
from admissions.enums import OPEN_STAGES, Channel, Source, Stage
from admissions.models import Inquiry
from admissions.words import who_about
from core.templatetags.hr import pill, say_daytime, say_duration
from work.models import Task

PAGE = 50
COUNTED_UP_TO = 1000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Filters:
    """What is asked for, as codes that may stand in an address; anything unknown is no filter."""

    show: str = "open"  # open, all
    stage: str = ""
    channel: str = ""
    source: str = ""
    owner: str = ""  # me, nobody, or the id of a colleague
    where: str = "here"  # here, all

    @classmethod
    def of(cls, query):
        """Filters from GET parameters (a QueryDict)."""

        def known(name, codes, default=""):
            code = query.get(name, default)
            return code if code in codes else default

        owner = query.get("owner", "")
        return cls(
            show=known("show", ("open", "all"), "open"),
            stage=known("stage", Stage.values),
            channel=known("channel", Channel.values),
            source=known("source", Source.values),
            owner=owner if owner in ("me", "nobody") or (owner.isascii() and owner.isdigit()) else "",
            where=known("where", ("here", "all"), "here"),
        )

    def apply(self, rows, user):
        """`rows` (an InquiryQuerySet) that match, without facility and order."""
        if self.stage:
            rows = rows.filter(stage=self.stage)
        elif self.show == "open":
            rows = rows.filter(stage__in=OPEN_STAGES)
        if self.channel:
            rows = rows.filter(channel=self.channel)
        if self.source:
            rows = rows.filter(source=self.source)
        if self.owner == "me":
            rows = rows.filter(owner=user)
        elif self.owner == "nobody":
            rows = rows.filter(owner=None)
        elif self.owner:
            rows = rows.filter(owner=min(int(self.owner[:10]), 2**31))
        return rows

    @property
    def is_default(self):
        return self == Filters()


@dataclass(frozen=True)
class Line:
    """One inquiry as printed; all words are made."""

    url: str
    opened: str
    opened_iso: str
    who: str
    about: str
    stage: str
    channel: str
    source: str
    owner: str
    contact: str
    is_waiting: bool
    next: str
    is_late: bool
    place: str


@dataclass(frozen=True)
class Page:
    """At most fifty lines, where the neighbours begin, and how many there are in all, as words."""

    lines: list
    people: set
    newer: str
    older: str
    words: str


def page(user, facilities, filters, *, after="", before="", now=None):
    """The page of inquiries at `facilities` (list, in sight of `user`) older than `after` or newer than `before`.

    Both are cursors of a former page; a broken one is the first page. Two queries.
    """
    now = now or timezone.now()
    older_than, newer_than = _cursor(after), _cursor(before)
    visible = Inquiry.objects.visible_to(user, Permission.VIEW_PEOPLE)
    rows = filters.apply(visible, user)
    keys = [_keys(rows.filter(facility=facility), older_than, newer_than) for facility in facilities]
    wanted = keys[0].union(*keys[1:], all=True) if len(keys) > 1 else keys[0] if keys else rows.none().values("pk")
    found = list(
        visible.filter(pk__in=wanted)
        .for_list()
        .annotate(next_due=Subquery(_promises().values("due_at")[:1]))
        .order_by(*(("opened_at", "id") if newer_than else ("-opened_at", "-id")))[: PAGE + 1]
    )
    has_more, found = len(found) > PAGE, found[:PAGE]
    if newer_than:
        found.reverse()
    has_newer = bool(older_than) or (bool(newer_than) and has_more)
    has_older = has_more if not newer_than else True
    names = {facility.pk: facility.name for facility in facilities} if len(facilities) > 1 else {}
    zones = {facility.pk: (facility.time_zone, facility.today(now)) for facility in facilities}
    return Page(
        lines=[_line(inquiry, now, *zones[inquiry.facility_id], names) for inquiry in found],
        people={pk for inquiry in found for pk in (inquiry.person_id, inquiry.caller_id) if pk},
        newer=_key(found[0]) if found and has_newer else "",
        older=_key(found[-1]) if found and has_older else "",
        words=_count(rows.filter(facility__in=[facility.pk for facility in facilities])),
    )


def _keys(rows, older_than, newer_than):
    """Ids of one facility's next rows, along the index of its list."""
    if older_than:
        rows = rows.before(*older_than)
    if newer_than:
        at, pk = newer_than
        rows = rows.filter(opened_at__gte=at).filter(Q(opened_at__gt=at) | Q(id__gt=pk))
        return rows.order_by("opened_at", "id").values("pk")[: PAGE + 1]
    return rows.order_by("-opened_at", "-id").values("pk")[: PAGE + 1]


def _promises():
    return Task.objects.open().filter(subject_id=OuterRef("pk")).order_by("due_at")


def _count(rows):
    """ "38 inquiries", "1,000+ inquiries": counted no further than anybody reads."""
    n = rows.order_by().values("pk")[: COUNTED_UP_TO + 1].count()
    if n > COUNTED_UP_TO:
        return f"{COUNTED_UP_TO:,}+ inquiries"
    return f"{n:,} {'inquiry' if n == 1 else 'inquiries'}"


def _key(inquiry):
    micros = (inquiry.opened_at - _EPOCH) // dt.timedelta(microseconds=1)
    return f"{micros}_{inquiry.pk.hex}"


def _cursor(text):
    """(opened_at, id) of a cursor, or None when there is none or it is broken."""
    micros, _, pk = text[:60].partition("_")
    try:
        return _EPOCH + dt.timedelta(microseconds=int(micros)), uuid.UUID(pk)
    except (ValueError, OverflowError):
        return None


_PILLS = {str(stage): pill(stage) for stage in Stage}
_CHANNELS, _SOURCES = dict(Channel.choices), dict(Source.choices)


def _line(inquiry, now, zone, today, names):
    who, about = who_about(inquiry)
    return Line(
        url=f"{reverse('admissions:inquiries')}{inquiry.pk}/",
        opened=say_daytime(inquiry.opened_at.astimezone(zone), today),
        opened_iso=inquiry.opened_at.isoformat(timespec="seconds"),
        who=who,
        about=about,
        stage=_PILLS[inquiry.stage],
        channel=_CHANNELS[inquiry.channel],
        source=_SOURCES[inquiry.source] if inquiry.source != Source.UNKNOWN else "",
        owner=str(inquiry.owner) if inquiry.owner else "",
        contact=_contact(inquiry),
        is_waiting=inquiry.first_attempt_at is None and inquiry.stage in OPEN_STAGES,
        next=say_daytime(inquiry.next_due.astimezone(zone), today, past_too=True) if inquiry.next_due else "",
        is_late=bool(inquiry.next_due and inquiry.next_due <= now),
        place=names.get(inquiry.facility_id, ""),
    )


def _contact(inquiry):
    """How long the person waited for a conversation, in words."""
    if inquiry.first_reached_at:
        waited = inquiry.first_reached_at - inquiry.opened_at
        return "at once" if waited < dt.timedelta(minutes=1) else f"after {say_duration(waited)}"
    return "not reached" if inquiry.first_attempt_at else "not tried"
