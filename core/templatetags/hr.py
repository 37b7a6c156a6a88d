"""Words, times and marks of the look, for every template (a builtin: no `load` needed).

The functions that begin with `say_` are pure: instants in, words out. `static/handrail/live.js` says the
same words in the browser as time goes by; `tests/test_templatetags.py` holds the cases both must meet.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from uuid import uuid4
from zoneinfo import ZoneInfo

from django import template
from django.template.defaulttags import querystring
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import mark_safe

register = template.Library()

MINUTE, HOUR, DAY = 60, 3600, 86400
NO_BREAK = "\N{NO-BREAK SPACE}"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

ICONS = {
    "danger": "exclamation-octagon",
    "late": "alarm",
    "held": "clock-history",
    "ok": "check-lg",
    "wait": "hourglass-split",
    "quiet": "person",
}
# Section 4 of the look: state → meaning, icon, word. Keys are the values of our own choices.
STATES = {
    "emergency": ("danger", "exclamation-octagon", "Emergency"),
    "late": ("late", "alarm", "Late"),
    "decide": ("late", "exclamation-triangle", "Decide"),
    "conflict": ("late", "exclamation-triangle", "Conflict"),
    "held": ("held", "clock-history", "Bed held"),
    "promised": ("held", "bookmark-check", "Seat promised"),
    "kept": ("ok", "check-lg", "Kept"),
    "done": ("ok", "check-lg", "Done"),
    "free": ("ok", "plus-lg", "Free"),
    "fits": ("ok", "check-lg", "Fits"),
    "carried": ("ok", "check-lg", "Carried"),
    "accepted": ("ok", "check-lg", "Accepted"),
    "arrived": ("ok", "check-lg", "Arrived"),
    "scheduled": ("ok", "calendar-check", "Scheduled"),
    "admitted": ("ok", "house-check", "In care"),
    "in_care": ("ok", "house-check", "In care"),
    "active": ("ok", "check-lg", "In force"),
    "in_force": ("ok", "file-earmark-check", "In force"),
    "delivered": ("ok", "check-lg", "Delivered"),
    "decision": ("wait", "hourglass-split", "Decision"),
    "benefits": ("wait", "shield-check", "Benefits"),
    "verification": ("wait", "shield-check", "Benefits"),
    "sent": ("wait", "send", "Sent"),
    "seen": ("wait", "eye", "Seen"),
    "needs_information": ("wait", "hourglass-split", "Needs information"),
    "handover": ("wait", "arrow-left-right", "Handover"),
    "excused": ("wait", "hourglass-split", "Excused"),
    "waiting": ("wait", "hourglass-split", "Waiting"),
    "new": ("quiet", "person", "New"),
    "inquiry": ("quiet", "person", "New"),
    "prescreen": ("quiet", "person", "Pre-screen"),
    "pre_screen": ("quiet", "person", "Pre-screen"),
    "screening": ("quiet", "person", "Pre-screen"),
    "snoozed": ("quiet", "pause", "Snoozed"),
    "on_hold": ("quiet", "pause", "On hold"),
    "declined": ("quiet", "x", "Declined"),
    "no_capacity": ("quiet", "slash-circle", "No capacity"),
    "withdrawn": ("quiet", "x", "Withdrawn"),
    "did_not_arrive": ("quiet", "x", "Did not arrive"),
    "no_consent": ("quiet", "lock", "No consent"),
    "left_early": ("quiet", "x", "Left early"),
    "closed": ("quiet", "slash-circle", "Closed"),
    "discharged": ("quiet", "box-arrow-right", "Discharged"),
    "expired": ("quiet", "slash-circle", "Expired"),
    "revoked": ("quiet", "slash-circle", "Revoked"),
    "broken": ("late", "exclamation-triangle", "Broken"),
}


# Pure: instants in, words out -------------------------------------------------------------------------


def say_duration(seconds, *, with_seconds=False):
    """`seconds` (a number or a timedelta; the sign is dropped) as "2 h 16 min", "46 min", "3 days".

    With seconds, below an hour: "9 min 05 s". From 48 hours on whole days; hours are noise there.
    """
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    seconds = abs(int(seconds))
    if with_seconds and seconds < HOUR:
        minutes, rest = divmod(seconds, MINUTE)
        return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min"
    if seconds < 2 * DAY:
        hours, rest = divmod(seconds, HOUR)
        minutes = rest // MINUTE
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{seconds // DAY} days"


def say_until(due_at, now):
    """A promise as seen from `now`: "in 46 min", "now" (within the minute), "14 min late"."""
    seconds = int((due_at - now).total_seconds())
    if -MINUTE < seconds < MINUTE:
        return "now"
    return f"in {say_duration(seconds)}" if seconds > 0 else f"{say_duration(seconds)} late"


def say_since(at, now):
    """A thing that happened: "4 min ago", "just now"."""
    seconds = int((now - at).total_seconds())
    return "just now" if seconds < MINUTE else f"{say_duration(seconds)} ago"


def say_timer(seconds, *, padded):
    """A running clock: "03:12" padded (a call), "4:41" (a lease), "1:02:03" from an hour on."""
    minutes, rest = divmod(max(int(seconds), 0), MINUTE)
    if minutes >= MINUTE:
        return f"{minutes // MINUTE}:{minutes % MINUTE:02d}:{rest:02d}"
    return f"{minutes:02d}:{rest:02d}" if padded else f"{minutes}:{rest:02d}"


def say_clock(at):
    """The hour on the wall where `at` is (a local datetime or time): "9:00 am"."""
    return f"{at.hour % 12 or 12}:{at.minute:02d}{NO_BREAK}{'am' if at.hour < 12 else 'pm'}"


def say_date(day, *, this_year):
    """ "Fri Nov 20"; with the year when it is not `this_year`."""
    words = f"{WEEKDAYS[day.weekday()]} {MONTHS[day.month - 1]} {day.day}"
    return words if day.year == this_year else f"{words}, {day.year}"


def say_day(day, today, *, past_too=False):
    """ "today", "tomorrow", "Thu" (this coming week), else "Fri Nov 20".

    A bare weekday means the coming one. `past_too` allows it for last week where the words beside it
    already say that it is over ("15 h 44 min late, Thu 5:30 pm").
    """
    ahead = (day - today).days
    if ahead == 0:
        return "today"
    if ahead == 1:
        return "tomorrow"
    if 1 < ahead < 7 or (past_too and -7 < ahead < 0):
        return WEEKDAYS[day.weekday()]
    return say_date(day, this_year=today.year)


def say_daytime(at, today, *, past_too=False):
    """ "9:00 am" today, "Thu 5:30 pm", "tomorrow 9:00 am", "Fri Nov 20, 5:30 pm". `at` is local."""
    if at.date() == today:
        return say_clock(at)
    day = say_day(at.date(), today, past_too=past_too)
    return f"{day}{',' if ' ' in day else ''} {say_clock(at)}"


def say_phone(value):
    """E.164 as Americans write it: "(312) 555-0142"; other countries keep their digits."""
    number = str(getattr(value, "as_e164", None) or value or "")
    if len(number) == 12 and number.startswith("+1") and number[2:].isdigit():
        return f"({number[2:5]}){NO_BREAK}{number[5:8]}-{number[8:]}"
    return number


@lru_cache(maxsize=64)
def _zone(key):
    return ZoneInfo(key)


def _in_zone(value, zone):
    """`value` on the wall of `zone` (ZoneInfo, IANA name or nothing: the zone Django has active)."""
    if zone is None or zone == "":
        zone = timezone.get_current_timezone()
    elif isinstance(zone, str):
        zone = _zone(zone)
    return value.astimezone(zone)


def _today(zone):
    return _in_zone(timezone.now(), zone).date()


def _now(context, now=None):
    """The page's one instant: what the caller gave, what the page names `now`, the shell's, the clock's."""
    if now is not None:
        return now
    now = context.get("now")
    if not isinstance(now, datetime):
        shell = context.get("shell")
        now = (shell.get("now") if isinstance(shell, dict) else getattr(shell, "now", None)) if shell else None
    return now or timezone.now()


def _iso(at):
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


# Filters ------------------------------------------------------------------------------------------------


@register.filter
def iso(value):
    """An instant for `datetime`, `data-until`, `data-since`: "2026-11-20T15:14:00Z"; a date as it is."""
    if not value:
        return ""
    return _iso(value) if isinstance(value, datetime) else value.isoformat()


@register.filter
def clock(value, zone=None):
    """`{{ call.began_at|clock:zone }}` → "9:00 am"."""
    if not value:
        return ""
    return say_clock(_in_zone(value, zone) if isinstance(value, datetime) else value)


@register.filter
def day(value, zone=None):
    """`{{ stay.ends_on|day }}` → "today", "tomorrow", "Thu", "Fri Nov 20"."""
    if not value:
        return ""
    if isinstance(value, datetime):
        value = _in_zone(value, zone).date()
    return say_day(value, _today(zone))


@register.filter
def weekday_date(value, zone=None):
    """`{{ value|weekday_date }}` → "Fri Nov 20" also when that is today (headings, the top bar)."""
    if not value:
        return ""
    if isinstance(value, datetime):
        value = _in_zone(value, zone).date()
    return say_date(value, this_year=_today(zone).year)


@register.filter
def daytime(value, zone=None):
    """`{{ hold.until|daytime:zone }}` → "11:30 am", "tomorrow 9:00 am", "Fri Nov 20, 5:30 pm"."""
    if not value:
        return ""
    return say_daytime(_in_zone(value, zone), _today(zone))


@register.filter
def duration(value, precision=""):
    """A timedelta or seconds: "2 h 16 min"; `|duration:"s"` → "21 min 40 s"."""
    return "" if value is None or value == "" else say_duration(value, with_seconds=precision == "s")


@register.filter
def relative(value, now=None):
    """`{{ task.due_at|relative }}` → "in 46 min", "14 min late"; a still picture, see `when` for a live one."""
    return say_until(value, now or timezone.now()) if value else ""


@register.filter
def ago(value, now=None):
    """`{{ message.sent_at|ago }}` → "4 min ago"."""
    return say_since(value, now or timezone.now()) if value else ""


@register.filter
def phone(value):
    """`{{ contact.number|phone }}` → "(312) 555-0142"."""
    return say_phone(value)


@register.filter
def zone_key(value):
    """The IANA name of the zone an aware datetime stands in; for `data-zone`."""
    return getattr(getattr(value, "tzinfo", None), "key", "") or "UTC"


@register.filter
def signed(value):
    """A difference with a plus or a true minus sign: "+4", "−2", "0"."""
    if value is None or value == "":
        return ""
    return f"+{value}" if value > 0 else f"\N{MINUS SIGN}{-value}" if value < 0 else "0"


@register.filter
def plural(count, words):
    """`{{ 3|plural:"bed,beds" }}` → "3 beds": number and noun together, so that neither is forgotten."""
    one, many = words.split(",")
    return f"{count:,}{NO_BREAK}{one if count == 1 else many}"


# Tags: one element each ---------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _icon(name):
    return format_html('<i class="bi bi-{}" aria-hidden="true"></i>', name)


@register.simple_tag
def icon(name):
    """`{% icon "alarm" %}`. Never alone: words stand beside it or in an `aria-label`."""
    return _icon(name)


@register.simple_tag(takes_context=True)
def when(context, due_at, now=None, zone=None, late_after=0):
    """`{% when task.due_at %}`: relative over absolute, live, amber when late (`late_after` seconds of grace).

    Nothing due is said, never left blank.
    """
    if not due_at:
        return mark_safe('<span class="hr-when"><strong>No time set</strong></span>')
    now = _now(context, now)
    if zone is None and now.tzinfo is not UTC and hasattr(now.tzinfo, "key"):
        zone = now.tzinfo
    local, today = _in_zone(due_at, zone), _in_zone(now, zone).date()
    is_late = (now - due_at).total_seconds() >= max(int(late_after), MINUTE)
    absolute = say_daytime(local, today, past_too=True)
    if is_late and local.date() == today:
        absolute = f"today {absolute}"
    return format_html(
        '<span class="hr-when{}"><strong>'
        '<time datetime="{at}" data-until="{at}" data-late-after="{}">{}</time></strong><span>{}</span></span>',
        " is-late" if is_late else "",
        int(late_after),
        say_until(due_at, now),
        absolute,
        at=_iso(due_at),
    )


@register.simple_tag(takes_context=True)
def until(context, at, now=None, bare=False, late_within=0):
    """`{% until hold.until bare=True late_within=3600 %}`: live "in 2 h 16 min"; bare: "2 h 16 min"."""
    if not at:
        return ""
    now = _now(context, now)
    left = (at - now).total_seconds()
    return format_html(
        '<time datetime="{at}" data-until="{at}"{}{}{}>{}</time>',
        mark_safe(" data-bare") if bare else "",
        format_html(' data-late-within="{}"', int(late_within)) if late_within else "",
        mark_safe(' class="is-late"') if late_within and left < late_within else "",
        say_duration(max(left, 0)) if bare else say_until(at, now),
        at=_iso(at),
    )


@register.simple_tag(takes_context=True)
def since(context, at, now=None, seconds=False, late_after=0):
    """`{% since message.sent_at %}`: live "4 min ago"; `seconds=True late_after=900`: "9 min 05 s", amber after it."""
    if not at:
        return ""
    now = _now(context, now)
    gone = max((now - at).total_seconds(), 0)
    return format_html(
        '<time datetime="{at}" data-since="{at}"{}{}{}>{}</time>',
        mark_safe(" data-seconds") if seconds else "",
        format_html(' data-late-after="{}"', int(late_after)) if late_after else "",
        mark_safe(' class="is-late"') if late_after and gone >= late_after else "",
        say_duration(gone, with_seconds=True) if seconds else say_since(at, now),
        at=_iso(at),
    )


@register.simple_tag(takes_context=True)
def timer(context, at, now=None, down=False, label="Length of the call"):
    """`{% timer call.began_at %}` → "03:12" counting up; `down=True` → "4:41" counting down to `at`."""
    seconds = int((at - _now(context, now)).total_seconds() * (1 if down else -1))
    return format_html(
        '<span class="hr-timer" role="timer" aria-label="{}"><time data-as="timer" data-{}="{}">{}</time></span>',
        label,
        "until" if down else "since",
        _iso(at),
        say_timer(seconds, padded=not down),
    )


@register.simple_tag(takes_context=True)
def ring(context, starts_at, ends_at, now=None, late_within=HOUR):
    """`{% ring hold.starts_at hold.ends_at %}`: what is left of a hold, amber in its last hour. Words beside it."""
    left = (ends_at - _now(context, now)).total_seconds()
    whole = max((ends_at - starts_at).total_seconds(), 1)
    return format_html(
        '<svg class="hr-ring{}" viewBox="0 0 20 20" aria-hidden="true"'
        ' data-from="{}" data-until="{}" data-late-within="{}">'
        '<circle class="hr-ring-track" cx="10" cy="10" r="7.5"/>'
        '<circle class="hr-ring-fill" cx="10" cy="10" r="7.5" pathLength="100" stroke-dasharray="{} 100"/></svg>',
        " is-late" if left < late_within else "",
        _iso(starts_at),
        _iso(ends_at),
        int(late_within),
        min(100, max(0, round(100 * left / whole))),
    )


@register.simple_tag
def pill(state, word=None, icon=None):
    """`{% pill inquiry.stage %}` by our vocabulary, or `{% pill "wait" "Asked twice" icon="send" %}` by meaning.

    `state` is a meaning (danger late held ok wait quiet) or a key of STATES;
    unknown ones are quiet, in their own words.
    """
    key = str(getattr(state, "value", state) or "").lower().replace("-", "_")
    if word is not None and key in ICONS:
        meaning, picture, said = key, ICONS[key], word
    elif key in STATES:
        meaning, picture, said = STATES[key]
    elif key in ICONS:
        meaning, picture, said = key, ICONS[key], key.capitalize()
    else:
        meaning, picture, said = "quiet", ICONS["quiet"], getattr(state, "label", key.replace("_", " ").capitalize())
    return format_html(
        '<span class="hr-pill is-{}">{}{}</span>', meaning, _icon(icon or picture), word if word is not None else said
    )


@register.simple_tag
def idempotency_key():
    """The hidden key of every create form: a double click or the back button makes one row."""
    return format_html('<input type="hidden" name="idempotency_key" value="{}">', uuid4())


@register.simple_tag(takes_context=True)
def query(context, **changes):
    """`<a href="{% query page=2 after=None %}">`: this page's GET parameters with `changes`; None removes one."""
    return querystring(context, **changes)


@register.simple_tag
def plain_date(value):
    """A `<time>` for a calendar day: `{% plain_date stay.ends_on %}`."""
    if not isinstance(value, date):
        return ""
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), day(value))
