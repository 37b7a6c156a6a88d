"""What the live-call page shows of an unsaved call; it reads a draft and writes nothing."""

import re

from django.utils import timezone

from admissions import drafts, spoken, substances
from admissions.enums import Route, SafetyAction
from admissions.forms.calls import MOST_SUBSTANCES, OTHER, missing_facts, promised_when
from core.templatetags.hr import say_clock, say_date
from core.times import instant
from people.models import Relation

ROW = re.compile(r"s-(\d{1,3})-name")


def state(draft):
    """What the page shows of an unsaved call, from what is kept of it; sentences, ready to print."""
    typed, facility, now = drafts.values(draft), draft.facility, timezone.now()
    told = []
    for name, value in typed.items():
        if row := ROW.fullmatch(name):
            last = spoken.last_use_at(typed.get(f"s-{row[1]}-last_use"), facility=facility, at=now)
            told.append((value, last))
    checks = drafts.checks(draft)
    missing = missing_facts(typed, caller=drafts.known(draft, "caller"), person=drafts.known(draft, "person"))
    asked = ""
    if checks:
        local = checks[0].asked_at.astimezone(facility.time_zone)
        asked = f"Asked {say_clock(local)}. Ask again if anything changes."
        if checks[0].action:
            local = checks[0].action_at.astimezone(facility.time_zone)
            asked = (
                f"{checks[0].get_action_display()}, written down {say_clock(local)}. Ask again if anything changes."
            )
    return {
        "saved_at": draft.touched_at.isoformat(),
        "version": draft.version,
        "asked": asked,
        "danger": bool(checks) and checks[0].action != SafetyAction.MISTAKE,
        "facts": not missing,
        "missing": list(missing.values()),
        "warning": substances.breathing_warning(told),
        **_promise(typed, facility=facility, now=now),
    }


def _promise(typed, *, facility, now):
    """What is promised so far: the sentence, whether it is set, and what is wrong with it."""
    try:
        promised = promised_when(typed, facility=facility, at=now)
        at = instant(promised[0], promised[1], facility.zone) if promised else None
    except (ValueError, OverflowError) as unreadable:
        words = str(unreadable) if typed.get("promise_when") else ""
        return {"promise": "", "promise_set": False, "promise_problem": words}
    if at is None:
        return {"promise": "", "promise_set": False, "promise_problem": ""}
    local = at.astimezone(facility.time_zone)
    problem = "That time is already over." if at < now and typed.get("promise") == OTHER else ""
    sentence = f"{say_date(local.date(), this_year=now.year)}, {say_clock(local)}"
    return {"promise": sentence, "promise_set": not problem, "promise_problem": problem}


def known_fields(person, inquiry):
    """What is known before an outgoing call begins, as the page's fields."""
    if person is None:
        return {}
    fields = {"first": person.given_name, "last": person.family_name}
    if inquiry is None:
        point = person.contact_points.filter(wrong_since=None).exclude(kind="address").first()
        return fields | {"relation": Relation.SELF, "caller": person.name, "reach": point.value if point else ""}
    caller = inquiry.caller or person
    point = inquiry.contact_point
    return fields | {
        "relation": inquiry.relation,
        "caller": caller.name if caller.name != "No name yet" else "",
        "withheld": "" if caller.name != "No name yet" else "on",
        "reach": point.value if point else "",
    }


def fields(kept):
    """The kept fields as a form's initial values."""
    many = {"ok"}
    return {name: texts if name in many else texts[-1] for name, texts in kept.items() if texts}


def substance_rows(kept):
    """The substances typed so far, without the gaps that removed rows left."""
    numbers = sorted({int(row[1]) for name in kept if (row := ROW.fullmatch(name))})
    rows = [
        {
            field: (kept.get(f"s-{n}-{field}") or [""])[-1]
            for field in ("name", "route", "setting", "amount", "last_use")
        }
        for n in numbers
    ]
    return [row for row in rows if set(row.values()) - {"", Route.NOT_ASKED}][:MOST_SUBSTANCES]


def taken(typed):
    """What was taken and when, in one line for the dispatcher."""
    rows = substance_rows({name: [value] for name, value in typed.items()})
    return ", ".join(" ".join(filter(None, (row["name"], row["last_use"]))) for row in rows)


def relation_words(value):
    """ "mother", or nothing while it is not known."""
    return Relation(value).label.lower() if value in Relation.values and value != Relation.UNKNOWN else ""
