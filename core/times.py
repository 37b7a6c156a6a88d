"""Wall-clock times and instants, and dates and times as people type them."""

import datetime as dt
import re
import zoneinfo

_GAP_STEP = dt.timedelta(minutes=1)


def instant(day, time, zone):
    """The aware UTC instant of wall-clock `day` (date) and `time` (naive time) in `zone` (IANA name).

    In the repeated hour of autumn it is the first occurrence; in the skipped hour of spring the first
    instant after the gap. Exactly one instant for every local time.
    """
    tz = zoneinfo.ZoneInfo(zone)
    local = dt.datetime.combine(day, time, tzinfo=tz)
    utc = local.astimezone(dt.UTC)
    if utc.astimezone(tz).replace(tzinfo=None) == local.replace(tzinfo=None):
        return utc
    # In the gap the offset before it maps the wall time past the gap by the gap's length: step back to its end.
    offset_before = (local - dt.timedelta(days=1)).utcoffset() or dt.timedelta()
    offset_after = (local + dt.timedelta(days=1)).utcoffset() or dt.timedelta()
    naive_utc = local.replace(tzinfo=dt.UTC)
    low, high = naive_utc - max(offset_before, offset_after), naive_utc - min(offset_before, offset_after)
    while high - low > dt.timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(tz).replace(tzinfo=None) < local.replace(tzinfo=None):
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def wall_clock(at, zone):
    """The date and naive time that `at` (aware) shows on a clock in `zone` (IANA name)."""
    local = at.astimezone(zoneinfo.ZoneInfo(zone))
    return local.date(), local.time().replace(tzinfo=None)


_TIME = re.compile(
    r"^(?P<hour>\d{1,2})(?:[:.h ]?(?P<minute>\d{2}))?\s*(?P<half>a|p|am|pm|a\.m\.|p\.m\.)?$", re.IGNORECASE
)
_WORDS = {"noon": dt.time(12), "midday": dt.time(12), "midnight": dt.time(0)}


def parse_time(text):
    """A time of day from what people type: "2pm", "930", "9:30 pm", "1430", "noon".

    Without am or pm, hours from 7 to 12 stay and 1 to 6 are afternoon, which is what an office means;
    24-hour times say themselves. Raises ValueError with a sentence when it is no time.
    """
    cleaned = " ".join(text.strip().lower().split())
    if cleaned in _WORDS:
        return _WORDS[cleaned]
    match = _TIME.match(cleaned)
    if not match:
        raise ValueError("Enter a time such as 2pm, 9:30 or 1430.")
    digits, minute, half = match["hour"], match["minute"], match["half"]
    hour, minute = int(digits), int(minute or 0)
    if half:
        if not 1 <= hour <= 12:
            raise ValueError("With am or pm the hour is from 1 to 12.")
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    elif 1 <= hour <= 6 and len(digits) == 1:
        hour += 12
    if hour > 23 or minute > 59:
        raise ValueError("Enter a time such as 2pm, 9:30 or 1430.")
    return dt.time(hour, minute)


_WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DATE_HELP = "Enter a date such as 7/9/81, Jul 9 1981, tomorrow or Fri."


def parse_date(text, today, *, past=False):
    """A date from what people type: "7/9/81", "1981-07-09", "jul 9", "tomorrow", "fri".

    Month comes first, as in the United States. `today` is the facility's date. A two-digit year and a
    missing year mean the last one that is not in the future with `past`, else the next one.
    Raises ValueError with a sentence when it is no date.
    """
    cleaned = " ".join(text.strip().lower().replace(",", " ").split())
    relative = {"today": 0, "tomorrow": 1, "yesterday": -1}
    if cleaned in relative:
        return today + dt.timedelta(days=relative[cleaned])
    if cleaned[:3] in _WEEKDAYS and cleaned.isalpha():
        ahead = (_WEEKDAYS.index(cleaned[:3]) - today.weekday()) % 7 or 7
        return today + dt.timedelta(days=ahead - 7 if past else ahead)
    try:
        month, day, year = _parts(cleaned)
        if year is None:
            return _nearest(lambda y: dt.date(y, month, day), today, past, today.year)
        if year < 100:
            century = today.year - today.year % 100
            found = dt.date(century + year, month, day)
            return found.replace(year=found.year - 100) if past and found > today else found
        return dt.date(year, month, day)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(_DATE_HELP) from None


def _parts(text):
    """(month, day, year or None) of a cleaned date, or ValueError."""
    if match := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", text):
        return int(match[2]), int(match[3]), int(match[1])
    if match := re.fullmatch(r"(\d{1,2})[/. -](\d{1,2})(?:[/. -](\d{2}|\d{4}))?", text):
        return int(match[1]), int(match[2]), int(match[3]) if match[3] else None
    if match := re.fullmatch(r"(\d{2})(\d{2})(\d{4}|\d{2})", text):
        return int(match[1]), int(match[2]), int(match[3])
    if match := re.fullmatch(r"([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?(?: (\d{4}|\d{2}))?", text):
        return _MONTHS.index(match[1][:3]) + 1, int(match[2]), int(match[3]) if match[3] else None
    if match := re.fullmatch(r"(\d{1,2}) ([a-z]{3,9})\.?(?: (\d{4}|\d{2}))?", text):
        return _MONTHS.index(match[2][:3]) + 1, int(match[1]), int(match[3]) if match[3] else None
    raise ValueError(text)


def _nearest(make, today, past, year):
    """The first existing date from `year` on (or back, when `past`) that `make` builds."""
    step = -1 if past else 1
    for candidate in range(year, year + 9 * step, step):
        try:
            found = make(candidate)
        except ValueError:  # Feb 29
            continue
        if (found <= today) if past else (found >= today):
            return found
    raise ValueError("no such day")
