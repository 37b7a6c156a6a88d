"""The inquiry list: filters as codes, fifty rows, older and newer by key, and never an exact count.

The template is the dominating cost of a list (docs/performance), so every word of a row is made here,
once, and the template only prints it.
"""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import OuterRef, Q, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import mark_safe

from accounts.permissions import Permission
from admissions.enums import OPEN_STAGES, Channel, Source, Stage
from admissions.models import Inquiry
from admissions.words import say_who
from core.templatetags.hr import pill, say_daytime, say_duration
from work.models import Task

PAGE = 50
COUNTED_UP_TO = 1000
# What a line is made of: plain columns, because four models a row cost more than the template.
_COLUMNS = (
    "id", "facility_id", "opened_at", "stage", "channel", "source", "relation", "first_attempt_at", "first_reached_at",
    "person_id", "person__given_name", "person__family_name", "caller_id", "caller__given_name", "caller__family_name",
    "owner_id", "owner__first_name", "owner__last_name", "owner__username", "next_due",
)  # fmt: skip
_LATE = (
    '<span class="hr-pill is-late"><i class="bi bi-alarm" aria-hidden="true"></i>'
    '<span class="hr-hide">Late: </span>{}</span>'
)
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


class Line(NamedTuple):
    """One inquiry as printed: all words are made, `stage`, `contact` and `next` with their marks.

    A tuple, because a template unpacks it five times faster than it asks an object for attributes.
    """

    url: str
    who: str
    about: str
    stage: str
    opened_iso: str
    opened: str
    channel: str
    source: str
    contact: str
    next: str
    owner: str
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
    pages = [_one_facility(rows.filter(facility=facility), older_than, newer_than) for facility in facilities]
    if len(pages) > 1:
        ids = [one.values("pk")[: PAGE + 1] for one in pages]
        wanted = visible.filter(pk__in=ids[0].union(*ids[1:], all=True))
    else:
        wanted = pages[0] if pages else rows.none()
    found = list(
        wanted.annotate(next_due=Subquery(_promises().values("due_at")[:1]))
        .order_by(*(("opened_at", "id") if newer_than else ("-opened_at", "-id")))
        .values_list(*_COLUMNS, named=True)[: PAGE + 1]
    )
    has_more, found = len(found) > PAGE, found[:PAGE]
    if newer_than:
        found.reverse()
    has_newer = bool(older_than) or (bool(newer_than) and has_more)
    has_older = has_more if not newer_than else True
    names = {facility.pk: facility.name for facility in facilities} if len(facilities) > 1 else {}
    base = reverse("admissions:inquiries")
    zones = {facility.pk: (facility.time_zone, facility.today(now)) for facility in facilities}
    return Page(
        lines=[_line(row, now, *zones[row.facility_id], names, base) for row in found],
        people={pk for row in found for pk in (row.person_id, row.caller_id) if pk},
        newer=_key(found[0]) if found and has_newer else "",
        older=_key(found[-1]) if found and has_older else "",
        words=_count(rows.filter(facility__in=[facility.pk for facility in facilities])),
    )


def _one_facility(rows, older_than, newer_than):
    """One facility's next rows, in the order of the index of its list."""
    if older_than:
        rows = rows.before(*older_than)
    if newer_than:
        at, pk = newer_than
        rows = rows.filter(opened_at__gte=at).filter(Q(opened_at__gt=at) | Q(id__gt=pk))
        return rows.order_by("opened_at", "id")
    return rows.order_by("-opened_at", "-id")


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
    return f"{micros}_{inquiry.id.hex}"


def _cursor(text):
    """(opened_at, id) of a cursor, or None when there is none or it is broken."""
    micros, _, pk = text[:60].partition("_")
    try:
        return _EPOCH + dt.timedelta(microseconds=int(micros)), uuid.UUID(pk)
    except (ValueError, OverflowError):
        return None


_PILLS = {str(stage): pill(stage) for stage in Stage}
_CHANNELS, _SOURCES = dict(Channel.choices), dict(Source.choices)


def _line(row, now, zone, today, names, base):
    who, about = say_who(
        (row.person__given_name, row.person__family_name),
        (row.caller__given_name, row.caller__family_name) if row.caller_id not in (None, row.person_id) else None,
        row.relation,
    )
    owner = f"{row.owner__first_name} {row.owner__last_name}".strip() or row.owner__username if row.owner_id else ""
    return Line(
        url=f"{base}{row.id}/",
        who=who,
        about=about,
        stage=_PILLS[row.stage],
        opened_iso=row.opened_at.isoformat(timespec="seconds"),
        opened=say_daytime(row.opened_at.astimezone(zone), today),
        channel=_CHANNELS[row.channel],
        source=_SOURCES[row.source] if row.source != Source.UNKNOWN else "",
        contact=_contact(row),
        next=_next(row.next_due, now, zone, today),
        owner=owner,
        place=names.get(row.facility_id, ""),
    )


def _next(due_at, now, zone, today):
    """When something is promised; amber, with the word for those who do not see amber, once it is late."""
    if due_at is None:
        return ""
    words = say_daytime(due_at.astimezone(zone), today, past_too=True)
    return format_html(_LATE, words) if due_at <= now else words


def _contact(row):
    """How long the person waited for a conversation, in words; bold while nobody has tried."""
    if row.first_reached_at:
        waited = row.first_reached_at - row.opened_at
        return "at once" if waited < dt.timedelta(minutes=1) else f"after {say_duration(waited)}"
    if row.first_attempt_at:
        return "not reached"
    return mark_safe("<b>not tried</b>") if row.stage in OPEN_STAGES else "not tried"
