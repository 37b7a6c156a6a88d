"""Charts as numbers: pure functions that place bars and lines for `components/chart.html`.

Everything ends as SVG attributes (the policy forbids styles in a page). Colors are classes of the look:
rail, late, held, ok, wait, quiet. The same numbers are always given as a table.
"""

from dataclasses import dataclass, field

WIDTH, LEFT, RIGHT, TOP, BASE, LABELS = 640, 34, 4, 30, 158, 176
HEIGHT = 190
GAP = 0.25  # of a bar's slot


@dataclass(frozen=True)
class Chart:
    """What the template draws. `label` says the whole picture in a sentence for those who do not see it."""

    label: str
    names: tuple
    table: tuple  # of rows: (label, value, …)
    corner: str = ""  # heading of the table's first column
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    base: int = BASE
    ticks: tuple = ()  # (y, text)
    bars: tuple = ()  # (class, x, y, width, height)
    marks: tuple = ()  # (class, x, y, text)
    usual: tuple = ()  # (x1, x2, y)
    labels: tuple = ()  # (x, text)
    lines: tuple = ()  # (class, points)
    band: str = ""
    now: tuple = ()  # (x, text, anchor)
    legend: tuple = field(default=())  # (class, name, is_line)

    @property
    def columns(self):
        return (self.corner, *self.names)


def ceiling(value):
    """The round number at or above `value` where an axis may end: 1, 2, 5, 10, 20, 50 …; at least 2."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if value <= factor * step and factor * step >= 2:
                return factor * step
        step *= 10


def axis(low, high):
    """Three or four round values from at most `low` to at least `high`: (values, whether it starts at 0)."""
    span = max(high - low, 1)
    step = max(1, ceiling(span / 3)) if span > 3 else 1
    start = int(low // step * step)
    values = [start]
    while values[-1] < high or len(values) < 2:
        values.append(values[-1] + step)
    return values


def _scale(values):
    low, high = values[0], values[-1]
    return lambda value: round(BASE - (value - low) / (high - low) * (BASE - TOP), 1)


def _ticks(values, y):
    return tuple((y(value), f"{value:,}") for value in values)


def _every(count, most=12):
    """Label each bar, or every second, third … so that the words never touch."""
    return max(1, -(-count // most))


def bars(
    *,
    label,
    items,
    names,
    classes=("rail", "late", "held"),
    usual=None,
    usual_name="",
    now=None,
    now_label="now",
    corner="",
):
    """Stacked bars, one per item: `items` is a list of {"label": "9 am", "values": [4, 1]}.

    `names` and `classes` belong to the values in order, largest part first; a value of a second or third
    class stands above its bar in digits, so the color never speaks alone. `usual`: one number per item,
    drawn as a thin line. `now`: a place between 0 and len(items), where the day has come to; the values of
    later items may be None.
    """
    slot = (WIDTH - LEFT - RIGHT) / max(len(items), 1)
    width = round(slot * (1 - GAP), 1)
    stacks = [[value or 0 for value in item["values"] or []] for item in items]
    y = _scale(values := axis(0, max([1, *(sum(stack) for stack in stacks), *(usual or [])])))
    drawn, marks = [], []
    for index, stack in enumerate(stacks):
        x, below = LEFT + index * slot + slot * GAP / 2, 0
        for order, value in enumerate(stack):
            if value:
                top = y(below + value)
                drawn.append((classes[order], round(x, 1), top, width, round(y(below) - top, 1)))
                if order and width > 5:
                    marks.append((classes[order], round(x + width / 2, 1), round(y(sum(stack)) - 5, 1), f"{value:,}"))
            below += value
    every = _every(len(items))
    return Chart(
        label=label,
        names=tuple(names) + ((usual_name,) if usual and usual_name else ()),
        corner=corner,
        table=tuple(
            (item["label"], *(stack or [""] * len(names)), *((usual[index],) if usual and usual_name else ()))
            for index, (item, stack) in enumerate(zip(items, stacks, strict=True))
        ),
        ticks=_ticks(values, y),
        bars=tuple(drawn),
        marks=tuple(marks) if len(items) <= 31 else (),
        usual=tuple(
            (round(LEFT + index * slot + 1, 1), round(LEFT + (index + 1) * slot - 1, 1), y(value))
            for index, value in enumerate(usual or [])
            if value is not None
        ),
        labels=tuple(
            (round(LEFT + (index + 0.5) * slot, 1), item["label"])
            for index, item in enumerate(items)
            if index % every == 0
        ),
        now=_now(now, slot, now_label),
        legend=tuple((kind, name, False) for kind, name in zip(classes, names, strict=False))
        + (((usual_name and "off"), usual_name, True),) * bool(usual and usual_name),
    )


def line(
    *, label, points, name="", ahead=None, band=None, band_name="", now_label="today", corner="", starts_at_zero=False
):
    """One line: `points` is a list of {"label": "Nov 6", "value": 36}; None leaves a gap.

    From the index `ahead` on it is dashed (expected, not counted). `band`: (low, high) per point or None.
    The axis may start above 0; then say so beside the chart.
    """
    known = [point["value"] for point in points if point["value"] is not None]
    edges = [edge for pair in band or [] if pair for edge in pair]
    low, high = min([*known, *edges], default=0), max([*known, *edges], default=1)
    y = _scale(values := axis(0 if starts_at_zero else low, max(high, low + 1)))
    slot = (WIDTH - LEFT - RIGHT - 40) / max(len(points) - 1, 1)

    def x(index):
        return round(LEFT + 12 + index * slot, 1)

    def path(places):
        return " ".join(f"{x(index)},{y(value)}" for index, value in places)

    split = len(points) - 1 if ahead is None else ahead
    there = [(index, point["value"]) for index, point in enumerate(points) if point["value"] is not None]
    counted = [place for place in there if place[0] <= split]
    expected = [place for place in there if place[0] >= split]
    spread = [(index, pair) for index, pair in enumerate(band or []) if pair]
    every = _every(len(points), most=8)
    return Chart(
        label=label,
        names=(name or "Value",) + ((f"{band_name}, from", f"{band_name}, to") if band else ()),
        corner=corner,
        table=tuple(
            (
                point["label"],
                "" if point["value"] is None else point["value"],
                *((band[index] or ("", "")) if band else ()),
            )
            for index, point in enumerate(points)
        ),
        ticks=_ticks(values, y),
        lines=tuple(
            (kind, path(places))
            for kind, places in (("s-rail", counted), ("s-dash", expected if ahead is not None else []))
            if len(places) > 1
        ),
        band=" ".join(
            [f"{x(index)},{y(high)}" for index, (_, high) in spread]
            + [f"{x(index)},{y(low)}" for index, (low, _) in reversed(spread)]
        ),
        labels=tuple((x(index), point["label"]) for index, point in enumerate(points) if index % every == 0),
        now=() if ahead is None else (x(ahead), now_label, "start" if x(ahead) < WIDTH - 140 else "end"),
        legend=((("rail", name, False),) if name and band else ()) + ((("band", band_name, False),) if band else ()),
    )


def _now(place, slot, words):
    if place is None:
        return ()
    x = round(LEFT + place * slot, 1)
    return (x, words, "start" if x < WIDTH - 140 else "end")
