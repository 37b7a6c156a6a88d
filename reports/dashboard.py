"""The dashboard's content: figures, charts and tables for one period, in three queries."""

from collections import defaultdict
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.db.models import F
from django.urls import reverse

from admissions.enums import Source
from core import charts
from core.templatetags.hr import MONTHS, say_duration
from reports.definitions import FIGURES, answered, beds, inquiries
from reports.querysets import by_day_and_source, by_program_and_use, numbers

OF_SOURCES = ("inquiries", "reached", "admitted")
USES = {None: "free", "hold": "held", "placement": "taken"}
OF_BEDS = ("beds_taken", "beds_held", "beds_out", "beds_free")
COUNTED = [key for key, figure in FIGURES.items() if figure.kind != "bed"]


@dataclass(frozen=True)
class Tile:
    """One number on the page, the fact beside it, and the list it opens."""

    label: str
    value: object
    url: str
    line: str = ""
    of: str = ""
    late: bool = False


@dataclass(frozen=True)
class SourceRow:
    """One source: its name, inquiries, reached, admitted, links, and the length of its bar in percent."""

    name: str
    inquiries: int
    reached: int
    admitted: int
    share: int
    urls: dict


@dataclass(frozen=True)
class ProgramRow:
    """One program: beds and seats by what takes them, and links."""

    facility: str
    name: str
    free: int
    held: int
    taken: int
    out: int
    urls: dict

    @property
    def total(self):
        return self.free + self.held + self.taken + self.out


def url(key, period, everywhere, **more):
    """The address of the list behind a figure."""
    query = {"days": period.days} | ({"at": "all"} if everywhere else {}) | more
    return f"{reverse('reports:list', args=[key])}?{urlencode(query)}"


def content(period, *, everywhere):
    """Everything the page shows about `period`; `everywhere` is kept in the links."""
    n = numbers(
        period,
        counts={key: FIGURES[key].rows(period) for key in COUNTED},
        medians={"first_contact": (answered(period), F("first_reached_at") - F("opened_at"))},
    )
    days = list(by_day_and_source(inquiries(period)))
    programs = _programs(period, everywhere)
    return {
        "tiles": _tiles(n, period, everywhere, programs),
        "chart": _by_day(days, period),
        "sources": _sources(days, period, everywhere),
        "programs": programs,
        "is_empty": not n["inquiries"] and not n["arrivals"] and not n["departures"],
    }


def _tiles(n, period, everywhere, programs):
    goals = {facility.first_contact_goal_minutes for facility in period.facilities}
    goal = f"goal {goals.pop()} min" if len(goals) == 1 else "each facility's own goal"
    beds_in_use = sum(row.total for row in programs)
    taken = sum(row.taken for row in programs)

    def tile(key, **more):
        figure = FIGURES[key]
        if "value" not in more:
            more["value"] = f"{n[key]:,}"
        return Tile(**{"label": figure.title, "url": url(key, period, everywhere)} | more)

    return [
        tile("inquiries", line=f"{n['inquiries'] / period.days:.1f} a day"),
        tile("reached", line=share(n["reached"], n["inquiries"], "inquiries")),
        tile("admitted", line=share(n["admitted"], n["inquiries"], "inquiries")),
        tile(
            "answered",
            value=say_duration(n["first_contact"]) if n["first_contact"] is not None else "none yet",
            line=f"median of {n['answered']:,} by form or referral",
        ),
        tile("within_goal", of=f"of {n['timed']:,}", line=goal),
        tile("promises_late", late=n["promises_late"] > 0, line="open and past their time"),
        tile("arrivals", line=f"{n['arrivals'] / period.days * 7:.1f} a week"),
        tile("departures", line=f"{n['departures'] / period.days * 7:.1f} a week"),
        tile("arrivals_today", line=f"{n['departures_today']:,} left today"),
        tile("beds_taken", value=f"{taken:,}", of=f"of {beds_in_use:,}", line="beds and seats, now"),
        tile("promises_kept", line=share(n["promises_kept"], n["promises_kept"] + n["promises_broken"], "closed")),
        tile("promises_broken", line="late beyond the grace, or never"),
    ]


def share(part, whole, noun):
    """ "87% of 120 inquiries", or that there is nothing to divide by."""
    return f"{round(100 * part / whole)}% of {whole:,} {noun}" if whole else f"no {noun}"


def _by_day(rows, period):
    """Inquiries per day, by what became of them; the table has the three counts themselves."""
    days = defaultdict(lambda: [0, 0, 0, 0])
    for day, _, *counts in rows:
        days[day] = [before + count for before, count in zip(days[day], counts, strict=True)]
    dates = period.dates()
    counts = [days[day] for day in dates]
    total, reached, admitted, _ = [sum(column) for column in zip(*counts, strict=True)]
    chart = charts.bars(
        label=f"Inquiries by day: {total} opened, {reached} reached, {admitted} admitted.",
        items=[
            {"label": f"{MONTHS[day.month - 1]} {day.day}", "values": [in_care, either - in_care, opened - either]}
            for day, (opened, _, in_care, either) in zip(dates, counts, strict=True)
        ],
        names=["Admitted", "Reached", "Not reached"],
        classes=["rail", "quiet", "late"],
        corner="Day",
    )
    table = tuple(
        (item[0], opened, talked, in_care)
        for item, (opened, talked, in_care, _) in zip(chart.table, counts, strict=True)
    )
    labels = chart.labels[::2] if len(chart.labels) > 7 else chart.labels  # so that they do not touch on a phone
    return replace(chart, table=table, names=("Inquiries", "Reached", "Admitted"), marks=(), labels=labels)


def _sources(rows, period, everywhere):
    """Sources with most inquiries first, by name where equal."""
    found = defaultdict(lambda: [0, 0, 0])
    for _, source, *counts in rows:
        found[source] = [before + count for before, count in zip(found[source], counts[:3], strict=True)]
    most = max((count[0] for count in found.values()), default=1)
    labels = dict(Source.choices)
    return [
        SourceRow(
            name=labels.get(source, source),
            inquiries=count[0],
            reached=count[1],
            admitted=count[2],
            share=round(100 * count[0] / most),
            urls=_urls(OF_SOURCES, period, everywhere, source=source),
        )
        for source, count in sorted(found.items(), key=lambda item: (-item[1][0], labels.get(item[0], "")))
    ]


def _programs(period, everywhere):
    """Programs in the order of the board, with their beds and seats by what takes them."""
    found = {}
    for facility, pk, name, kind, count in by_program_and_use(beds(period)):
        row = found.setdefault(pk, {"facility": facility, "name": name, "free": 0, "held": 0, "taken": 0, "out": 0})
        row[USES.get(kind, "out")] += count
    return [ProgramRow(**row, urls=_urls(OF_BEDS, period, everywhere, program=pk)) for pk, row in found.items()]


def _urls(keys, period, everywhere, **more):
    return {key: url(key, period, everywhere, **more) for key in keys}
