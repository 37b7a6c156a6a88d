"""A live call becomes rows: people, how to reach them, the inquiry, the call, what was told and promised."""

import datetime as dt

from django.db import transaction
from django.utils import timezone

from accounts.permissions import Permission
from admissions import drafts, promises, safety, services, spoken, substances
from admissions.enums import CallOutcome, Channel, Direction, Source
from admissions.models import CallDraft, Inquiry, IntakeCall, SubstanceUse
from core.errors import Refused
from people import services as people
from people.models import KnownBecause, Person, Relation
from people.phones import reach
from referrals import services as referrals


def save_call(draft, *, data, by, at=None):
    """Save what was typed as one transaction. Answers (Inquiry, IntakeCall).

    `data` is `CallForm.cleaned_data` with `substances` (a list of dicts) and `promised_at` ((date, time) on
    the facility's clock, or None). A second save of the same draft, by a double click, another window or the
    back button, answers what the first one made. Raises ActionMissing while an emergency has no action
    recorded, DraftOver for a draft thrown away, PromiseInThePast.
    """
    at = at or timezone.now()
    with transaction.atomic():
        locked = (
            CallDraft.objects.select_for_update(of=("self",), no_key=True).select_related("facility").get(pk=draft.pk)
        )
        if locked.saved_as_id:
            call = IntakeCall.objects.select_related("inquiry").get(pk=locked.saved_as_id)
            return call.inquiry, call
        if locked.discarded_at:
            raise drafts.DraftOver("This call was thrown away.")
        checks = drafts.checks(locked)
        safety.refuse_before_action(checks=checks)

        facility, direction = locked.facility, locked.content.get("context", {}).get("direction", Direction.IN)
        caller, person = _who(locked, data, by=by)
        point = _way_to_reach(caller or person, data, by=by)
        inquiry = _inquiry(locked, data, person=person, caller=caller, point=point, by=by)
        call = services.record_attempt(
            inquiry,
            outcome=data.get("outcome") or CallOutcome.REACHED,
            by=by,
            direction=direction,
            number=(data.get("reach") or "") if point is None or point.kind == "phone" else "",
            began_at=locked.began_at,
            ended_at=_ended_at(locked, at),
            notes=_notes(locked, data),
            caller=caller,
        )
        if data.get("danger") and not checks:  # a page without its script asks and saves at once
            checks = [_asked_at_save(data, facility=facility, by=by, at=at)]
        safety.belong(checks, inquiry=inquiry, call=call)
        add_substances(inquiry, data.get("substances", ()), facility=facility, at=locked.began_at)
        promises.answered(drafts.known(locked, "task"), call=call, by=by, at=at)
        if data.get("promised_at"):
            on, time = data["promised_at"]
            services.promise_call(
                inquiry,
                owner=data.get("promise_owner") or by,
                text=data.get("promise_text", ""),
                on=on,
                time=time,
                by=by,
                contact_point=point,
                at=at,
            )
        locked.saved_as, locked.content = call, {}
        locked.save(update_fields=["saved_as", "content"])
    return inquiry, call


def add_substances(inquiry, told, *, facility, at):
    """Write what was told (dicts of name, route, setting, amount, last_use) after what is known already."""
    rank = inquiry.substances.count()
    for row in told:
        rank += 1
        name = people.tidy(row.get("name"), 80) or "Not known yet"
        found = substances.find(name)
        SubstanceUse.objects.create(
            inquiry=inquiry,
            rank=rank,
            substance=found.code if found else "",
            name=name,
            route=row["route"],
            setting=row["setting"],
            amount=people.tidy(row.get("amount"), 80),
            last_use=people.tidy(row.get("last_use"), 80),
            last_use_at=spoken.last_use_at(row.get("last_use"), facility=facility, at=at),
        )


def _who(draft, data, *, by):
    """(caller or None, person): known ones as matched, new ones otherwise. One human being for `Relation.SELF`."""
    known_caller, known_person = _known(draft, "caller", by=by), _known(draft, "person", by=by)
    facts = {"age_about": data.get("age"), "birth_on": data.get("birth")}
    if data["relation"] == Relation.SELF:
        given, family = _name(data.get("caller"))
        facts |= {"given_name": data.get("first") or given, "family_name": data.get("last") or family}
        person = _complete(known_person or known_caller, facts, draft=draft, by=by)
        return person, person
    person_facts = facts | {"given_name": data.get("first"), "family_name": data.get("last")}
    person = _complete(known_person, person_facts, draft=draft, by=by)
    given, family = _name(data.get("caller"))
    if known_caller is None and not (given or data.get("reach")):
        return None, person
    caller = _complete(known_caller, {"given_name": given, "family_name": family}, draft=draft, by=by)
    if caller.pk == person.pk:
        raise Refused("Caller and person are matched to one human being. Choose “The person”.", code="one_person")
    return caller, person


def _known(draft, role, *, by):
    """The person this call was matched to, if `by` still may see them."""
    pk = drafts.known(draft, role)
    return Person.objects.visible_to(by, Permission.VIEW_PEOPLE).filter(pk=pk).first() if pk else None


def _complete(person, facts, *, draft, by):
    """A new person with `facts`, or the known one with the blanks filled in; nothing known is overwritten."""
    facts = {name: value for name, value in facts.items() if value not in (None, "")}
    if person is None:
        return people.create_person(facility=draft.facility, by=by, at=draft.began_at, **facts)
    people.know(person, facility=draft.facility, because=KnownBecause.CONTACT, at=draft.began_at)
    if person.birth_on or person.age_about is not None:
        facts.pop("age_about", None)
    elif "age_about" in facts:
        facts["age_told_on"] = draft.facility.today(draft.began_at)
    changed = [name for name in facts if getattr(person, name) in (None, "")]
    for name in changed:
        setattr(person, name, facts[name])
    if changed:
        person.save_if_current(person.version, fields=changed)
    return person


def _way_to_reach(owner, data, *, by):
    """The contact point told, with the yeses that were said; None when no way was given."""
    kind, _ = reach(data.get("reach"))
    if not kind:
        return None
    yes = set(data.get("ok") or ())
    ok = {f"ok_to_{way}": True for way in yes}
    if kind == "phone":
        ok.pop("ok_to_email", None)
    elif kind == "email":
        ok = {"ok_to_email": True} if "email" in yes else {}
    return people.add_contact_point(owner, kind=kind, value=data["reach"], by=by, **ok)


def _inquiry(draft, data, *, person, caller, point, by):
    """The inquiry this call is about: the one it was begun from, else a new one."""
    pk = drafts.known(draft, "inquiry")
    known = Inquiry.objects.visible_to(by, Permission.LOG_CALL).filter(pk=pk).first() if pk else None
    if known is not None:
        return _add_to(known, data, point=point, caller=caller, by=by)
    referral, source = None, data.get("source") or Source.UNKNOWN
    if data.get("partner"):
        source = Source.PARTNER
        reason = people.tidy(data.get("words"), 300) or "Named on a call"
        referral = referrals.receive(
            partner=data["partner"], contact=None, facility=draft.facility, person=person, reason=reason, by=by
        )
    return services.open_inquiry(
        facility=draft.facility,
        person=person,
        channel=Channel.CALL,
        by=by,
        at=draft.began_at,
        caller=caller,
        relation=data["relation"],
        contact_point=point,
        source=source,
        words=(data.get("words") or "").strip(),
        referral=referral,
        owner=by,
    )


def _add_to(inquiry, data, *, point, caller, by):
    """A later call about the same inquiry adds what was blank; earlier words stay above the new ones."""
    locked = (
        Inquiry.objects.select_for_update(of=("self",), no_key=True)
        .select_related("facility", "person")
        .get(pk=inquiry.pk)
    )
    words = (data.get("words") or "").strip()
    changed = {}
    if words and words not in locked.words:
        changed["words"] = f"{locked.words}\n\n{words}".strip()
    if caller is not None and locked.caller_id is None:
        changed |= {"caller": caller, "relation": data["relation"]}
    elif data["relation"] != Relation.UNKNOWN and locked.relation == Relation.UNKNOWN:
        changed["relation"] = data["relation"]
    if point is not None and locked.contact_point_id is None:
        changed["contact_point"] = point
    if data.get("source", Source.UNKNOWN) != Source.UNKNOWN and locked.source == Source.UNKNOWN:
        changed["source"] = data["source"]
    if locked.owner_id is None:
        changed["owner"] = by
    if caller is not None and caller.pk != locked.person_id:
        people.relate(locked.person, other=caller, relation=data["relation"], by=by)
    for name, value in changed.items():
        setattr(locked, name, value)
    if changed:
        locked.save_if_current(locked.version, fields=list(changed))
    return locked


def _asked_at_save(data, *, facility, by, at):
    answer = {"yes": True, "no": False}
    check = safety.ask(
        facility=facility,
        answer=data["danger"],
        can_be_reached=answer.get(data.get("reachable")),
        reason_for_fear=answer.get(data.get("fear")),
        by=by,
        at=at,
    )
    safety.refuse_before_action(checks=[check])
    return check


def _ended_at(draft, at):
    """When "Call ended" was pressed, else the moment of saving."""
    told = draft.content.get("stamps", {}).get("ended")
    ended = dt.datetime.fromisoformat(told) if told else at
    return max(ended, draft.began_at)


def _notes(draft, data):
    """The note for the team, and what the emergency page wrote down, line by line."""
    lines = [(data.get("notes") or "").strip()]
    kept = draft.content.get("fields", {})
    if where := people.tidy(" ".join(kept.get("where", [])), 300):
        lines.append(f"Where they were: {where}")
    stamps = draft.content.get("stamps", {})
    for step in safety.STEPS:
        if step.code in kept.get("step", []) and (told := stamps.get(f"step:{step.code}")):
            clock = dt.datetime.fromisoformat(told).astimezone(draft.facility.time_zone)
            lines.append(f"{clock:%H:%M:%S} {step.words}")
    return "\n".join(line for line in lines if line)


def _name(text):
    """("Renata", "Oakes de Souza") of "Renata Oakes de Souza"; a single word is a first name."""
    given, _, family = people.tidy(text, 200).partition(" ")
    return given, family
