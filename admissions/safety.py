"""The danger question: asked, answered, acted on, and closed by a second person.

Source of the rules: domain/levels_of_care.md, section 6. The words on the emergency page are limited to
what that section names and wait for the clinical lead's sign-off (docs/decisions).
"""

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.permissions import Permission
from admissions import red_flags
from admissions.enums import Danger, SafetyAction
from admissions.models import SafetyCheck
from core import happenings
from core.errors import Refused
from core.times import wall_clock
from messaging import purposes
from messaging import services as messaging
from messaging.purposes import No, Say
from people.services import tidy
from work import services as work
from work import subjects
from work.models import Task, TaskKind, TaskState

ASK = (
    "Cannot be woken. Trouble breathing, blue lips. Seizure. Chest pain. Took too much. Confused or seeing things "
    "after stopping. Suicide attempt or means at hand. Violence."
)


ALERT = "safety_alert"
ALERT_POINTLESS_AFTER = dt.timedelta(hours=12)


@dataclass(frozen=True)
class Step:
    """One line of the emergency page; `rule` names where the domain has it from."""

    code: str
    words: str
    rule: str


# "911 now (stay on the line)" is tier E1; naloxone, rescue breathing, recovery position, stay: R03.
STEPS = (
    Step("called", "911 is called", "E1"),
    Step("address", "Address given to 911", "E1"),
    Step("naloxone", "Naloxone, if there is any", "R03"),
    Step("breathing", "Rescue breathing", "R03"),
    Step("position", "Recovery position, and stay", "R03"),
)


def emergency_words():
    """Sentences that a clinical lead may replace, from the settings; the defaults name 911 and staying only."""
    return {
        "say": getattr(settings, "HANDRAIL_E1_SAY", "")
        or "I am staying with you. Call 911 now, from another phone if there is one. If there is none, I will call "
        "for you. Tell me where you are.",
        "poison_control": getattr(settings, "HANDRAIL_POISON_CONTROL", ""),
    }


class ActionMissing(Refused):
    """Somebody is in danger and nobody has written down what was done."""

    code = "action_missing"


class SecondPersonNeeded(Refused):
    """Who acted does not close the alert."""

    code = "second_person_needed"


def ask(
    *, facility, answer, by, at=None, can_be_reached=None, reason_for_fear=None, inquiry=None, call=None, former=None
):
    """Write down one answer (a `Danger`) to the grouped danger question. Answers the `SafetyCheck`.

    E1 tells the supervisors at once by a safety task; E3 asks them for a welfare-check decision. `former` is
    the check before it in the same call: the same answer again, still without an action, is that one.
    """
    at = at or timezone.now()
    if answer != Danger.CANNOT_TELL:
        can_be_reached = None
    tier, rules = red_flags.evaluate(
        {"danger": answer, "can_be_reached": can_be_reached, "reason_for_fear": reason_for_fear}
    )
    is_e1 = tier == red_flags.E1
    if (
        former is not None
        and not former.action
        and (former.answer, former.is_e1, former.can_be_reached) == (answer, is_e1, can_be_reached)
    ):
        return former
    with transaction.atomic():
        check = SafetyCheck.objects.create(
            facility=facility,
            inquiry=inquiry,
            call=call,
            answer=answer,
            can_be_reached=can_be_reached,
            is_e1=is_e1,
            asked_at=at,
            asked_by=by,
        )
        person = inquiry.person if inquiry else None
        if is_e1:
            happenings.record(
                "safety.emergency",
                "Somebody is in danger: 911 now",
                by=by,
                about=person,
                place=facility,
                subject=check,
                at=at,
                rules=list(rules),
            )
            _ask_supervisors(check, "Emergency: join, then close the alert", person=person, by=by, at=at)
            _write_to_supervisors(check, by=by, at=at)
        elif tier == red_flags.E3:
            _ask_supervisors(check, "Decide on a welfare check", person=person, by=by, at=at)
    return check


def record_action(check, *, action, by, note="", at=None):
    """Write what was done about an E1 answer; bed search and insurance are open again. Answers the row.

    The first record stands (a second one is refused); the alert stays open for a supervisor.
    """
    at = at or timezone.now()
    action = SafetyAction(action)
    with transaction.atomic():
        locked = _locked(check)
        if not locked.is_e1:
            raise Refused("There is no emergency to record on this answer.", code="no_emergency")
        if locked.action:
            raise Refused(
                f"Already recorded: {locked.get_action_display().lower()}. The alert is with the supervisors.",
                code="already_recorded",
            )
        locked.action, locked.action_note, locked.action_at, locked.action_by = action, tidy(note, 300), at, by
        locked.save(update_fields=["action", "action_note", "action_at", "action_by"])
        happenings.record(
            "safety.recorded",
            action.label,
            by=by,
            about=_person(locked),
            place=locked.facility,
            subject=locked,
            at=at,
            action=str(action),
        )
    return locked


def close_alert(check, *, by, outcome="", at=None):
    """A supervisor ends the alert of an E1 answer, with the task that called them. Answers the row.

    Raises ActionMissing before anything was recorded, SecondPersonNeeded for whoever recorded it, Refused
    when it is closed.
    """
    at = at or timezone.now()
    with transaction.atomic():
        locked = _locked(check)
        if locked.closed_at:
            raise Refused("This alert is closed already.", code="already_closed")
        if not locked.action:
            raise ActionMissing("What was done is not recorded yet. The alert stays open until it is.")
        if by is None or locked.action_by_id == by.pk:
            raise SecondPersonNeeded("You recorded what was done. A second person closes the alert.")
        locked.closed_at, locked.closed_by = at, by
        locked.save(update_fields=["closed_at", "closed_by"])
        happenings.record(
            "safety.closed", "Alert closed", by=by, about=_person(locked), place=locked.facility, subject=locked, at=at
        )
        words = tidy(outcome, 300) or f"Alert closed: {locked.get_action_display().lower()}"
        for task in Task.objects.filter(subject_id=locked.pk, kind=TaskKind.SAFETY, state=TaskState.OPEN):
            work.close(task, outcome=words, by=by, at=at)
    return locked


def belong(checks, *, inquiry, call):
    """Answers asked before anything was saved belong to the call it became; so do their tasks."""
    ids = [check.pk for check in checks]
    SafetyCheck.objects.filter(pk__in=ids).update(inquiry=inquiry, call=call)
    Task.objects.filter(subject_id__in=ids, kind=TaskKind.SAFETY, person=None).update(person=inquiry.person)


def refuse_before_action(*, inquiry=None, checks=()):
    """Raise ActionMissing while an emergency of `inquiry`, or one of `checks`, has no action recorded.

    What waits for it: bed search, holds, insurance, saving the call (domain/levels_of_care.md section 6).
    """
    waiting = any(check.is_e1 and not check.action for check in checks)
    if not waiting and inquiry is not None:
        waiting = SafetyCheck.objects.filter(inquiry=inquiry, is_e1=True, action="").exists()
    if waiting:
        raise ActionMissing("Somebody is in danger. First record what was done; beds and insurance wait.")


def open_alerts(user):
    """Emergency alerts `user` may close, oldest first."""
    return (
        SafetyCheck.objects.visible_to(user, Permission.CLOSE_ALERT)
        .filter(is_e1=True, closed_at=None)
        .select_related(
            "facility", "inquiry__person", "inquiry__caller", "inquiry__contact_point", "asked_by", "action_by"
        )
        .order_by("asked_at", "pk")
    )


def _locked(check):
    return (
        SafetyCheck.objects.select_for_update(of=("self",), no_key=True)
        .select_related("facility", "inquiry__person")
        .get(pk=check.pk)
    )


def _person(check):
    return check.inquiry.person if check.inquiry_id else None


def _ask_supervisors(check, text, *, person, by, at):
    """A safety task that is due now and belongs to nobody until a supervisor takes it."""
    day, time = wall_clock(at, check.facility.zone)
    work.promise(
        facility=check.facility,
        person=person,
        owner=None,
        text=text,
        on=day,
        time=time.replace(second=0, microsecond=0),
        by=by,
        subject=check,
        kind=TaskKind.SAFETY,
        at=at,
    )


def _write_to_supervisors(check, *, by, at):
    """A message to everybody who may close the alert, but not to who is on the line."""
    members = check.facility.memberships.current(at).granting(Permission.CLOSE_ALERT)
    staff = User.objects.filter(pk__in=members.values("user"), is_active=True).exclude(pk=by and by.pk)
    day, time = wall_clock(at, check.facility.zone)
    for user in staff:
        messaging.plan(
            ALERT,
            facility=check.facility,
            source=check,
            source_kind="safetycheck",
            slot_key="asked",
            on=day,
            time=time,
            zone=check.facility.zone,
            expires_at=at + ALERT_POINTLESS_AFTER,
            user=user,
            priority=0,
        )


def say_alert(message):
    """The words to a supervisor: that an alert is open, and nothing about anybody."""
    check = SafetyCheck.objects.filter(pk=message.source_id).first()
    if check is None or check.closed_at:
        return No("closed")
    return Say(
        subject="An alert is open",
        body=f"Somebody needs you now. Open the alert.\n\n{settings.PUBLIC_URL}{reverse('admissions:alerts')}\n",
    )


def alert_subjects(ids):
    """{id: Subject} of answers that made a task; what it was about is told on the page behind the link."""
    return {pk: subjects.Subject("Danger question", reverse("admissions:alert", args=[pk])) for pk in ids}


def register():
    purposes.register(ALERT, say_alert, label="Emergency alert")
    subjects.register("safetycheck", alert_subjects)
