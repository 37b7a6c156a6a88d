"""Times as they are said on the telephone: "today, 8 pm", "two hours ago", "fri 2pm"."""

import datetime as dt
import re

from core.times import instant, parse_date, parse_time, wall_clock

MORNING = dt.time(9)
_AGO = re.compile(
    r"(?P<count>\d{1,3}|an?|one|two|three|four|five|six) (?P<unit>min(?:ute)?s?|h(?:ou)?rs?|days?|weeks?) ago"
)
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAYPARTS = {"morning": dt.time(8), "afternoon": dt.time(14), "evening": dt.time(19), "night": dt.time(22)}


def last_use_at(text, *, facility, at):
    """The instant (aware) that words about the last use name, or None when they name none.

    Read on the facility's clock as seen from `at` (aware); always in the past. A day without an hour names
    no instant: "yesterday" stays words.
    """
    words = _words(text)
    if words in ("now", "just now", "right now"):
        return at
    if ago := _AGO.fullmatch(words):
        count = _NUMBERS.get(ago["count"]) or int(ago["count"])
        return at - dt.timedelta(**{_UNITS[ago["unit"][0]]: count})
    today = facility.today(at)
    for day, hour in _day_and_hour(words, today, past=True):
        try:
            found = instant(day or today, hour, facility.zone)
            if day is None and found > at:
                found = instant(today - dt.timedelta(days=1), hour, facility.zone)
        except (OverflowError, ValueError):
            continue
        return found if found <= at else None
    return None


def promised(text, *, facility, at):
    """(date, time) on the facility's clock of a promised call: "fri 2pm", "tomorrow 9:30", "2pm", "11/20 1400".

    An hour alone is today's when it is still to come, else tomorrow's. Raises ValueError with a sentence.
    """
    today = facility.today(at)
    for day, hour in _day_and_hour(_words(text), today):
        if day is None:
            day = today if instant(today, hour, facility.zone) > at else today + dt.timedelta(days=1)
        return day, hour
    raise ValueError("Enter a day and a time, such as fri 2pm or tomorrow 9:30.")


def in_one_hour(*, facility, at):
    """(date, time) an hour from `at`, to the minute."""
    day, hour = wall_clock(at + dt.timedelta(hours=1), facility.zone)
    return day, hour.replace(second=0, microsecond=0)


def next_opening(*, facility, at):
    """(date, time) when the facility next opens after `at`; nine in the morning where no hours are kept."""
    day, now = wall_clock(at, facility.zone)
    hours = list(facility.opening_hours.all())
    for ahead in range(8):
        on = day + dt.timedelta(days=ahead)
        opens = [row.opens for row in hours if row.weekday == on.weekday()] if hours else [MORNING]
        for time in sorted(opens):
            if ahead or time > now:
                return on, time
    return day + dt.timedelta(days=1), MORNING


def _words(text):
    cleaned = " ".join((text or "")[:80].lower().replace(",", " ").split())
    return re.sub(r"\b(at|about|around|on|the|this|last(?= night))\b ?", "", cleaned).strip()


def _day_and_hour(words, today, *, past=False):
    """Readings of `words` as (date or None, time), the likeliest first."""
    parts = words.split()
    if words in ("night", "tonight") and past:  # "last night"
        yield today - dt.timedelta(days=1), _DAYPARTS["night"]
    for cut in range(len(parts)):
        for day_words, hour_words in (
            (parts[:cut], parts[cut:]),
            (parts[len(parts) - cut :], parts[: len(parts) - cut]),
        ):
            hour = _hour(" ".join(hour_words))
            if hour is None:
                continue
            if not day_words:
                yield None, hour
                continue
            try:
                yield parse_date(" ".join(day_words), today, past=past), hour
            except ValueError:
                continue


def _hour(words):
    if words in _DAYPARTS:
        return _DAYPARTS[words]
    try:
        return parse_time(words)
    except ValueError:
        return None
