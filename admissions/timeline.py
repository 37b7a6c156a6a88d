"""One person's timeline: everything that happened and is ahead, out of every room, in one query.

Each source below answers rows of one shape, (line, row id, moment, facts as JSON), bounded and in order by an index
of its table; PostgreSQL puts them together. Only what belongs to facilities in sight is asked for: a person
known elsewhere too looks exactly like one who is not (I-30).
"""

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db.models import CharField, DateTimeField, F, Func, TextField, UUIDField, Value
from django.db.models.functions import Cast, Concat, JSONObject
from django.urls import reverse
from django.utils import timezone

from admissions.enums import CallOutcome, ClosedBecause, DecisionOutcome, Direction
from admissions.models import AdmissionDecision, Inquiry, IntakeCall
from core.models import Happening
from core.templatetags.hr import say_clock, say_date, say_daytime, say_duration
from messaging import purposes
from messaging.models import Message, MessageState
from privacy.models import Consent, Revocation
from programs.enums import AppointmentKind, AppointmentState, DischargeType, PlacementReason, UseState
from programs.models import Appointment, BedHold, Placement, Stay
from referrals.models import ReferralMove, ReferralState
from therapy.models import TherapyAssignment
from work.models import Task, TaskKind, TaskState

PAST, AHEAD = 60, 20
CALLS, DECISIONS, CARE = "calls", "decisions", "care"
FILTERS = {"": "All", CALLS: "Calls and messages", DECISIONS: "Decisions", CARE: "Care"}
# A happening that only says what a row of the same moment says is left out.
SAME_MOMENT = dt.timedelta(seconds=2)


@dataclass(frozen=True)
class Entry:
    """One line: `at` (aware), what it says, and how it looks."""

    at: dt.datetime
    icon: str
    meaning: str
    title: str
    words: str = ""
    is_ahead: bool = False
    when: str = ""
    url: str = ""


@dataclass(frozen=True)
class Timeline:
    """What is ahead, days with their entries (newest first), and where the earlier ones begin ("" for none).

    `people` are the ids of everybody named, for the read log.
    """

    ahead: list
    days: list
    earlier: str
    open_tasks: list
    people: set


def of(person, facility_ids, *, zone, only="", before=None, now=None):
    """The timeline of `person` as facilities `facility_ids` know it, in words of `zone` (a ZoneInfo).

    `only` is a key of FILTERS; `before` (aware) asks for what is earlier. One query.
    """
    now = now or timezone.now()
    until = min(before, now) if before else now
    wanted = [name for name in SOURCES if not only or only in SOURCES[name][1]]
    rows = [SOURCES[name][0](person, facility_ids, until) for name in wanted]
    rows = [one.order_by("-moment", "-row_id")[: PAST + 1] for one in rows]
    if before is None:
        rows += [source(person, facility_ids, now).order_by("moment", "row_id")[:AHEAD] for source in AHEAD_SOURCES]
    found = list(rows[0].union(*rows[1:], all=True)) if rows else []
    ahead = sorted((row for row in found if row["line"].startswith("ahead")), key=lambda row: row["moment"])
    past = sorted(
        (row for row in found if not row["line"].startswith("ahead")), key=lambda row: row["moment"], reverse=True
    )
    shown = _without_echoes(past[:PAST])
    earlier = past[PAST - 1]["moment"].isoformat() if len(past) > PAST else ""
    return Timeline(
        ahead=[_entry(row, zone, now) for row in ahead],
        days=_by_day([_entry(row, zone, now) for row in shown], zone, now),
        earlier=earlier,
        open_tasks=[
            row["facts"] | {"pk": row["row_id"], "due_at": row["moment"]}
            for row in ahead
            if row["line"] == "ahead_task"
        ],
        people={row["facts"].get(name) for row in shown for name in ("caller_id", "about_id")} - {None},
    )


def _without_echoes(rows):
    """Rows without the happenings that repeat another row: same subject, same moment."""
    said = {}
    for row in rows:
        if row["line"] != "happening":
            said.setdefault(row["row_id"], []).append(row["moment"])
    kept = []
    for row in rows:
        if row["line"] == "happening":
            subject = row["facts"].get("subject")
            moments = said.get(uuid.UUID(subject), []) if subject else []
            if any(abs(at - row["moment"]) <= SAME_MOMENT for at in moments):
                continue
        kept.append(row)
    return kept


def _by_day(entries, zone, now):
    """[(heading, entries)] of the facility's days."""
    today = now.astimezone(zone).date()
    days = []
    for entry in entries:
        day = entry.at.astimezone(zone).date()
        if not days or days[-1][0] != day:
            days.append((day, []))
        days[-1][1].append(entry)
    return [(_heading(day, today), lines) for day, lines in days]


def _heading(day, today):
    words = say_date(day, this_year=today.year)
    return f"Today, {words}" if day == today else f"Yesterday, {words}" if (today - day).days == 1 else words


# Sources: rows of one shape -------------------------------------------------------------------------------


def _name(path):
    """First and last name of a member of staff or a person at `path`."""
    first, last = ("given_name", "family_name") if path.endswith(("caller", "person")) else ("first_name", "last_name")
    return Concat(F(f"{path}__{first}"), Value(" "), F(f"{path}__{last}"), output_field=TextField())


def _rows(rows, kind, at, *, row="id", **facts):
    """`rows` in the shape that all sources share; `row` is the id that a happening would name as its subject."""
    shape = {
        "line": Value(kind, output_field=CharField()),
        "row_id": F(row) if row else Cast(Value(None), UUIDField()),
        "moment": Cast(F(at) if isinstance(at, str) else at, DateTimeField()),
        "facts": JSONObject(**facts),
    }
    return rows.order_by().values(**shape)


def _calls(person, places, until):
    """Calls about the person."""
    return _call_rows(IntakeCall.objects.filter(inquiry__person=person), places, until)


def _calls_made(person, places, until):
    """Calls the person made about others; apart from those above, so that each has its own index."""
    return _call_rows(IntakeCall.objects.filter(caller=person).exclude(inquiry__person=person), places, until)


def _call_rows(rows, places, until):
    return _rows(
        rows.filter(facility__in=places, began_at__lt=until),
        "call", "began_at", direction="direction", outcome="outcome", began="began_at", ended="ended_at",
        notes="notes", caller=_name("caller"), caller_id="caller_id", about=_name("inquiry__person"),
        about_id="inquiry__person_id", by=_name("by"),
    )  # fmt: skip


def _inquiries(person, places, until):
    return _rows(
        Inquiry.objects.filter(person=person, facility__in=places, opened_at__lt=until).exclude(channel="call"),
        "inquiry", "opened_at", channel="channel", words="words", reached="first_reached_at", suspect="is_suspect",
    )  # fmt: skip


def _closings(person, places, until):
    return _rows(
        Inquiry.objects.filter(person=person, facility__in=places, closed_at__lt=until),
        "closing", "closed_at", because="closed_because", note="closed_note",
    )  # fmt: skip


def _decisions(person, places, until):
    rows = AdmissionDecision.objects.filter(inquiry__person=person, inquiry__facility__in=places, decided_at__lt=until)
    return _rows(
        rows,
        "decision",
        "decided_at",
        outcome="outcome",
        program="program__name",
        reason="reason",
        by=_name("decided_by"),
    )


def _holds(person, places, until):
    return _rows(
        BedHold.objects.filter(person=person, facility__in=places, held_at__lt=until),
        "hold", "held_at", bed="use__bed__code", until="use__expires_at", state="use__state", by=_name("held_by"),
    )  # fmt: skip


def _placements(person, places, until):
    begins = Func(F("period"), function="lower", output_field=DateTimeField())
    rows = Placement.objects.annotate(begins_at=begins)
    return _rows(
        rows.filter(person=person, facility__in=places, begins_at__lt=until),
        "placement", "begins_at", bed="use__bed__code", program="program__name", reason="reason",
        by=_name("placed_by"),
    )  # fmt: skip


def _discharges(person, places, until):
    return _rows(
        Stay.objects.filter(person=person, facility__in=places, discharged_at__lt=until),
        "discharge", "discharged_at", type="discharge_type", destination="destination", note="discharge_note",
    )  # fmt: skip


def _therapies(person, places, until):
    return _rows(
        TherapyAssignment.objects.filter(person=person, facility__in=places, created_at__lt=until),
        "therapy", "created_at", modality="modality__name", therapist=_name("therapist"), per_week="per_week",
        planned="planned_sessions",
    )  # fmt: skip


def _messages(person, places, until):
    gone = [MessageState.SENT, MessageState.DELIVERED, MessageState.DEAD, MessageState.REVIEW, MessageState.SUPPRESSED]
    return _rows(
        Message.objects.filter(person=person, facility__in=places, state__in=gone, due_at__lt=until),
        "message", "due_at", row=None, purpose="purpose", state="state", channel="channel",
    )  # fmt: skip


def _consents(person, places, until):
    return _rows(
        Consent.objects.filter(person=person, facility__in=places, signed_at__lt=until),
        "consent", "signed_at", what="what", expires="expires_on", event="expires_event",
    )  # fmt: skip


def _revocations(person, places, until):
    return _rows(
        Revocation.objects.filter(consent__person=person, consent__facility__in=places, at__lt=until),
        "revocation", "at", row="consent_id", how="how",
    )  # fmt: skip


def _referrals(person, places, until):
    rows = ReferralMove.objects.filter(referral__person=person, referral__facility__in=places, at__lt=until)
    return _rows(
        rows, "referral", "at", row="referral_id", to="to_state", reason="reason", direction="referral__direction",
        partner="referral__partner__organization__name", by=_name("by"),
    )  # fmt: skip


def _tasks(person, places, until):
    return _rows(
        Task.objects.filter(person=person, facility__in=places, closed_at__lt=until),
        "task", "closed_at", text="text", state="state", outcome="outcome", by=_name("closed_by"), of="kind",
    )  # fmt: skip


def _visits(person, places, until):
    return _rows(
        Appointment.objects.filter(person=person, facility__in=places, starts_at__lt=until),
        "visit", "starts_at", of="kind", state="state", place="place",
    )  # fmt: skip


# What other rows say better, or what is no news about the person.
_SAID_ELSEWHERE = (
    "bed.held", "call.recorded", "consent.recorded", "consent.revoked", "inquiry.decided", "inquiry.moved",
    "inquiry.opened", "promise.broken", "promise.cancelled", "promise.kept", "promise.made", "stay.began",
    "stay.ended", "stay.moved", "task.cancelled", "task.done", "task.made",
)  # fmt: skip


def _happenings(person, places, until):
    rows = Happening.objects.filter(about_id=person.pk, place_id__in=places, at__lt=until)
    return _rows(
        rows.exclude(verb__in=_SAID_ELSEWHERE), "happening", "at", row=None, text="text", verb="verb",
        by=_name("actor"), subject="subject_id",
    )  # fmt: skip


SOURCES = {
    "calls": (_calls, (CALLS,)),
    "calls made": (_calls_made, (CALLS,)),
    "inquiries": (_inquiries, (CALLS,)),
    "messages": (_messages, (CALLS,)),
    "decisions": (_decisions, (DECISIONS,)),
    "closings": (_closings, (DECISIONS,)),
    "referrals": (_referrals, (DECISIONS,)),
    "consents": (_consents, (DECISIONS,)),
    "revocations": (_revocations, (DECISIONS,)),
    "holds": (_holds, (CARE,)),
    "placements": (_placements, (CARE,)),
    "discharges": (_discharges, (CARE,)),
    "therapies": (_therapies, (CARE,)),
    "visits": (_visits, (CARE,)),
    "tasks": (_tasks, (CALLS,)),
    "happenings": (_happenings, ()),
}


def _ahead_visits(person, places, now):
    return _rows(
        Appointment.objects.filter(
            person=person, facility__in=places, starts_at__gte=now, state=AppointmentState.BOOKED
        ),
        "ahead_visit", "starts_at", of="kind", place="place", minutes="minutes",
    )  # fmt: skip


def _ahead_holds(person, places, now):
    return _rows(
        BedHold.objects.open(now).filter(person=person, facility__in=places),
        "ahead_hold", "use__expires_at", bed="use__bed__code", reason="reason",
    )  # fmt: skip


def _ahead_tasks(person, places, now):
    return _rows(
        Task.objects.open().filter(person=person, facility__in=places),
        "ahead_task", "due_at", text="text", owner=_name("owner"), of="kind",
    )  # fmt: skip


def _ahead_messages(person, places, now):
    return _rows(
        Message.objects.filter(person=person, facility__in=places, state=MessageState.DUE),
        "ahead_message", "due_at", row=None, purpose="purpose", channel="channel",
    )  # fmt: skip


# Lines with a page of their own; what may be changed there is for those who may change what is known.
LEADS_TO = {"visit": "programs:appointment", "ahead_visit": "programs:appointment"}
AHEAD_SOURCES = [_ahead_tasks, _ahead_visits, _ahead_holds, _ahead_messages]


# Words ------------------------------------------------------------------------------------------------------


def _entry(row, zone, now):
    """A row as a line; `WORDS` has one function a kind: facts → (icon, meaning, title, words)."""
    facts = row["facts"]
    at = row["moment"]
    icon, meaning, title, words = WORDS[row["line"]](facts, zone, now)
    is_ahead = row["line"].startswith("ahead")
    local = at.astimezone(zone)
    when = say_daytime(local, now.astimezone(zone).date(), past_too=True) if is_ahead else say_clock(local)
    url = reverse(LEADS_TO[row["line"]], args=[row["row_id"]]) if row["line"] in LEADS_TO else ""
    return Entry(at=at, icon=icon, meaning=meaning, title=title, words=words, is_ahead=is_ahead, when=when, url=url)


def _label(choices, code):
    return dict(choices.choices).get(code, code or "")


def _low(words):
    return words[:1].lower() + words[1:]


def _by(facts, *, lead=""):
    name = (facts.get("by") or "").strip()
    return f"{lead}{name}." if name else ""


def _join(*parts):
    """Sentences in a row: each ends with a mark, empty ones are left out."""
    said = [part.strip() for part in parts if part and part.strip(" .")]
    return " ".join(part if part[-1] in ".!?…”" else f"{part}." for part in said)


def _call(facts, zone, now):
    is_in = facts["direction"] == Direction.IN
    who = (facts.get("caller") or "").strip()
    about = (facts.get("about") or "").strip()
    title = f"Call from {who}" if is_in and who else f"Call to {who}" if who else "Call in" if is_in else "Call out"
    if who and about and facts.get("caller_id") != facts.get("about_id"):
        title += f" about {about}"
    length = ""
    if facts["ended"]:
        talked = dt.datetime.fromisoformat(facts["ended"]) - dt.datetime.fromisoformat(facts["began"])
        length = f", {say_duration(talked)}"
    outcome = _low(_label(CallOutcome, facts["outcome"]))
    icon = "telephone-inbound" if is_in else "telephone-outbound"
    return icon, "", f"{title}{length}, {outcome}", _join(_cut(facts.get("notes")), _by(facts))


def _cut(text, longest=240):
    text = " ".join((text or "").split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _inquiry(facts, zone, now):
    channel = {"web": ("globe", "Web inquiry"), "referral": ("arrow-left-right", "Sent by a partner")}
    icon, title = channel.get(facts["channel"], ("door-open", "Walked in"))
    return icon, "", title, f"“{_cut(facts['words'])}”" if facts["words"] else ""


def _closing(facts, zone, now):
    return "slash-circle", "quiet", f"Inquiry closed: {_low(_label(ClosedBecause, facts['because']))}", facts["note"]


def _decision(facts, zone, now):
    meaning = {"accepted": "ok", "declined": "quiet"}.get(facts["outcome"], "wait")
    program = f" for {facts['program']}" if facts["program"] else ""
    outcome = _low(_label(DecisionOutcome, facts["outcome"]))
    return "clipboard-check", meaning, f"Decision: {outcome}{program}", _join(_cut(facts["reason"]), _by(facts))


def _hold(facts, zone, now):
    until = dt.datetime.fromisoformat(facts["until"]) if facts["until"] else None
    words = f"until {say_daytime(until.astimezone(zone), now.astimezone(zone).date(), past_too=True)}" if until else ""
    end = {
        UseState.LAPSED: "Lapsed.",
        UseState.RELEASED: "Released.",
        UseState.FULFILLED: "Became the placement.",
    }.get(facts["state"], "Lapsed." if until and until <= now else "")
    return "bookmark-check", "held", f"Bed {facts['bed']} held {words}", _join(end, _by(facts, lead="By "))


def _placement(facts, zone, now):
    reason = _label(PlacementReason, facts["reason"])
    return "house-check", "ok", f"{reason}: {facts['program']}, {facts['bed']}", _by(facts)


def _discharge(facts, zone, now):
    words = _join(f"To {facts['destination']}." if facts["destination"] else "", facts["note"])
    return "box-arrow-right", "quiet", f"Discharged: {_low(_label(DischargeType, facts['type']))}", words


def _therapy(facts, zone, now):
    plan = f"{facts['planned']} {'session' if facts['planned'] == 1 else 'sessions'}, {facts['per_week']} a week"
    return "person-check", "ok", f"{facts['modality']} assigned", _join(plan, f"{facts['therapist'].strip()}.")


def _message(facts, zone, now):
    state = _low(_label(MessageState, facts["state"]))
    icon = "envelope" if facts["channel"] == "email" else "chat-text"
    return icon, "", f"{purposes.label(facts['purpose'])}: {state}", ""


def _consent(facts, zone, now):
    end = f"Ends {facts['expires']}." if facts["expires"] else f"Ends: {facts['event']}." if facts["event"] else ""
    return "file-earmark-check", "ok", "Consent signed", _join(_cut(facts["what"]), end)


def _revocation(facts, zone, now):
    return "slash-circle", "quiet", "Consent revoked", facts["how"]


def _referral(facts, zone, now):
    way = "From" if facts["direction"] == "in" else "To"
    meaning = {"accepted": "ok", "arrived": "ok", "sent": "wait", "seen": "wait"}.get(facts["to"], "")
    state = _low(_label(ReferralState, facts["to"]))
    return "arrow-left-right", meaning, f"{way} {facts['partner']}: {state}", _join(_cut(facts["reason"]), _by(facts))


def _task(facts, zone, now):
    meaning = {"kept": "ok", "done": "ok", "broken": "late"}.get(facts["state"], "quiet")
    icon = {"ok": "check-lg", "late": "alarm"}.get(meaning, "slash-circle")
    noun = "Promise" if facts["of"] == TaskKind.PROMISE else _label(TaskKind, facts["of"])
    title = f"{noun} {_low(_label(TaskState, facts['state']))}: {facts['text']}"
    return icon, meaning, title, _join(_cut(facts["outcome"]), _by(facts))


def _visit(facts, zone, now):
    meaning = {"kept": "ok", "missed": "late", "cancelled": "quiet"}.get(facts["state"], "")
    title = f"{_label(AppointmentKind, facts['of'])}, {_low(_label(AppointmentState, facts['state']))}"
    return "calendar-event", meaning, title, facts["place"]


def _happening(facts, zone, now):
    return "dot", "", facts["text"], _by(facts)


def _soon_visit(facts, zone, now):
    return (
        "calendar-check",
        "",
        _label(AppointmentKind, facts["of"]),
        _join(f"{facts['minutes']} min.", facts["place"]),
    )


def _soon_hold(facts, zone, now):
    return "clock-history", "held", f"Hold on {facts['bed']} ends", facts["reason"]


def _soon_task(facts, zone, now):
    owner = (facts["owner"] or "").strip()
    return "alarm", "", facts["text"], f"{owner or 'Nobody yet'}."


def _soon_message(facts, zone, now):
    icon = "envelope" if facts["channel"] == "email" else "chat-text"
    return icon, "", purposes.label(facts["purpose"]), "Neutral words, sent by itself."


WORDS = {
    "call": _call,
    "inquiry": _inquiry,
    "closing": _closing,
    "decision": _decision,
    "hold": _hold,
    "placement": _placement,
    "discharge": _discharge,
    "therapy": _therapy,
    "message": _message,
    "consent": _consent,
    "revocation": _revocation,
    "referral": _referral,
    "task": _task,
    "visit": _visit,
    "happening": _happening,
    "ahead_visit": _soon_visit,
    "ahead_hold": _soon_hold,
    "ahead_task": _soon_task,
    "ahead_message": _soon_message,
}
