"""The list behind a figure: exact count, one page of rows, nothing a row needs fetched one by one."""

import abc
import uuid
from dataclasses import dataclass

from django.db.models import Q

from admissions.enums import Source
from core.templatetags.hr import say_duration
from programs.models import BedUse

PAGE = 50


@dataclass(frozen=True)
class Page:
    """One page: `total` is the whole list's length, `older` the id to continue after, or None."""

    rows: list
    total: int
    persons: list
    older: str | None
    is_first: bool
    narrowed: str


def page(figure, period, asked, *, sees):
    """The page that `asked` (the query parameters) names.

    `after` is the id of the last row seen, `source` and `program` narrow. `sees` are ids of facilities where names
    may be shown; elsewhere a row says only what was counted.
    """
    rows, narrowed = _narrow(figure, figure.rows(period), asked)
    total = rows.count()
    kind = KINDS[figure.kind]
    ordered = kind.order(figure, kind.fetch(rows))
    last = _uuid(asked.get("after", ""))
    anchor = last and rows.filter(pk=last).values_list(*kind.keys(figure)).first()
    if anchor:
        ordered = ordered.filter(_beyond(kind.keys(figure), kind.is_newest_first, anchor))
    found = list(ordered[: PAGE + 1])
    shown = kind.lines(found[:PAGE], sees)
    return Page(
        rows=shown,
        total=total,
        persons=[row.person for row in shown if row.person],
        older=str(found[PAGE - 1].pk) if len(found) > PAGE else None,
        is_first=not anchor,
        narrowed=narrowed,
    )


@dataclass(frozen=True)
class Row:
    """What one line of a list says."""

    at: object
    zone: str
    person: object
    url: str
    title: str
    facts: str
    state: str
    place: str


def _narrow(figure, rows, asked):
    """Rows of one source or program, and its name in words. Odd values narrow nothing."""
    source, program = asked.get("source", ""), _uuid(asked.get("program", ""))
    if figure.kind == "inquiry" and source in Source.values:
        return rows.filter(source=source), Source(source).label
    if figure.kind == "bed" and program:
        rows = rows.filter(unit__program=program)
        return rows, rows.values_list("unit__program__name", flat=True).first() or "No such program"
    return rows, ""


def _uuid(text):
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _beyond(keys, is_newest_first, anchor):
    """Rows that come after `anchor` in the order of `keys`, an instant or code and the id."""
    (first, second), (value, pk), way = keys, anchor, "lt" if is_newest_first else "gt"
    return Q(**{f"{first}__{way}": value}) | Q(**{first: value, f"{second}__{way}": pk})


class Kind(abc.ABC):
    """How rows of one model are ordered, fetched and said."""

    is_newest_first = True

    @abc.abstractmethod
    def keys(self, figure):
        """The two fields that order the rows of `figure`: an instant or code, and the id."""

    @abc.abstractmethod
    def fetch(self, rows):
        """`rows` with everything a line says."""

    @abc.abstractmethod
    def lines(self, rows, sees):
        """`Row`s; the person only where `sees` has the row's facility."""

    def order(self, figure, rows):
        sign = "-" if self.is_newest_first else ""
        return rows.order_by(*(f"{sign}{key}" for key in self.keys(figure)))


class OneByOne(Kind):
    """A kind whose lines are said one at a time."""

    @abc.abstractmethod
    def line(self, row, row_sees):
        """The `Row` of one row; without its person unless `row_sees`."""

    def lines(self, rows, sees):
        return [self.line(row, row.facility_id in sees) for row in rows]


class Inquiries(OneByOne):
    """Lines of inquiries, by when they were opened."""

    def keys(self, figure):
        return ("opened_at", "id")

    def fetch(self, rows):
        return rows.select_related("person", "facility", "owner")

    def line(self, row, row_sees):
        facts = [row.get_channel_display(), row.get_source_display()]
        if row.first_reached_at:
            facts.append(_took(row.first_reached_at - row.opened_at))
        return Row(
            row.opened_at,
            row.facility.zone,
            row.person if row_sees else None,
            row.get_absolute_url() if row_sees else "",
            row.person.name if row_sees else "Not shown",
            ", ".join(facts),
            row.stage,
            row.facility.name,
        )


class Stays(OneByOne):
    """Lines of stays, by arrival or departure."""

    def keys(self, figure):
        return ("discharged_at" if "departures" in figure.key else "admitted_at", "id")

    def fetch(self, rows):
        return rows.select_related("person", "facility")

    def line(self, row, row_sees):
        over = row.discharged_at is not None
        return Row(
            row.discharged_at or row.admitted_at,
            row.facility.zone,
            row.person if row_sees else None,
            row.person.get_absolute_url() if row_sees else "",
            row.person.name if row_sees else "Not shown",
            row.get_discharge_type_display() if over else "In care now",
            "discharged" if over else "in_care",
            row.facility.name,
        )


class Tasks(OneByOne):
    """Lines of promises, by when they were due."""

    def keys(self, figure):
        return ("due_at", "id")

    def fetch(self, rows):
        return rows.select_related("person", "facility", "owner")

    def line(self, row, row_sees):
        person = row.person if row_sees else None
        said = f"{row.text} {row.outcome and f'({row.outcome})'}" if row_sees else str(row.owner or "Nobody's")
        return Row(
            row.due_at,
            row.facility.zone,
            person,
            person.get_absolute_url() if person else "",
            person.name if person else "Not shown",
            said.strip(),
            "late" if row.state == "open" else row.state,
            row.facility.name,
        )


class Beds(Kind):
    """Lines of beds and seats, by code, with who is in them."""

    is_newest_first = False

    def keys(self, figure):
        return ("code", "id")

    def fetch(self, rows):
        return rows.select_related("unit__program__facility")

    def lines(self, rows, sees):
        uses = (
            BedUse.objects.taking_now()
            .filter(bed__in=rows)
            .select_related("placement__person", "hold__person", "block")
        )
        by_bed = {use.bed_id: use for use in uses}
        return [self.bed(row, by_bed.get(row.pk), sees) for row in rows]

    def bed(self, bed, use, sees):
        facility = bed.unit.program.facility
        owner = use and getattr(use, {"placement": "placement", "hold": "hold"}.get(use.kind, "block"), None)
        person = getattr(owner, "person", None) if facility.pk in sees else None
        words = [f"{bed.code}, {bed.unit}, {bed.unit.program}"]
        if use and use.kind in ("block", "cleaning") and owner:
            words.append(owner.reason)
        state = {"placement": "in_care", "hold": "held", None: "free"}.get(use and use.kind, "on_hold")
        title = person.name if person else bed.code
        at = use.period.lower if use else None
        return Row(
            at,
            facility.zone,
            person,
            person.get_absolute_url() if person else "",
            title,
            ", ".join(words),
            state,
            facility.name,
        )


KINDS = {"inquiry": Inquiries(), "stay": Stays(), "task": Tasks(), "bed": Beds()}


def _took(span):
    return "reached at once" if span.total_seconds() < 60 else f"reached after {say_duration(span)}"
