"""Who may call the workbench, the lists and the pages of one inquiry or one person."""

import datetime as dt

from accounts.permissions import Permission as P
from tests.access import SIGNED_IN, Row


def of_task(world):
    return {"pk": world.task.pk}


def of_inquiry(world):
    return {"pk": world.inquiry.pk}


def of_person(world):
    return {"pk": world.person.pk}


def tomorrow(world):
    on = world.facility.today() + dt.timedelta(days=1)
    return {"on": f"{on.month}/{on.day}/{on.year}", "time": "9:30", "idempotency_key": "crawl-key"}


def edited_inquiry(world):
    return {"version": world.inquiry.version, "relation": "mother", "source": "family", "words": "More words"}


def edited_person(world):
    return {"version": world.person.version, "given_name": "Somebody", "birth_on": "7/9/81"}


def contact(world):
    return {"kind": "phone", "value": "(312) 555-0177", "ok_to_call": "yes", "idempotency_key": "crawl-key"}


ROWS = {
    "admissions:home": Row(SIGNED_IN),
    "admissions:workbench": Row(P.LOG_CALL),
    "admissions:workbench_part": Row(P.LOG_CALL, args=lambda w: {"name": "work"}, is_shared=True),
    "admissions:pass_over": Row(P.LOG_CALL, ("post",), data=lambda w: {"key": w.task.pk, "because": "later"}),
    "admissions:promise_outcome": Row(
        P.LOG_CALL, ("get", "post"), args=of_task,
        data=lambda w: tomorrow(w) | {"outcome": "voicemail", "following": "promise"},
    ),
    "admissions:promise_move": Row(
        P.LOG_CALL, ("get", "post"), args=of_task, data=lambda w: tomorrow(w) | {"reason": "She asked for it"}
    ),
    "admissions:promise_hand_over": Row(
        P.LOG_CALL, ("get", "post"), args=of_task, data=lambda w: {"to": w.clinician.pk}
    ),
    "admissions:take": Row(P.LOG_CALL, ("post",), args=of_inquiry, data=lambda w: {"idempotency_key": "crawl-key"}),
    "admissions:inquiries": Row(P.VIEW_PEOPLE),
    "admissions:inquiry": Row(P.VIEW_PEOPLE, args=of_inquiry),
    "admissions:inquiry_edit": Row(P.EDIT_PEOPLE, ("get", "post"), args=of_inquiry, data=edited_inquiry),
    "admissions:inquiry_promise": Row(
        P.LOG_CALL, ("get", "post"), args=of_inquiry, data=lambda w: tomorrow(w) | {"text": "Call back"}
    ),
    "admissions:inquiry_close": Row(
        P.LOG_CALL, ("get", "post"), args=of_inquiry, data=lambda w: {"because": "not_now"}
    ),
    "admissions:inquiry_reopen": Row(P.LOG_CALL, ("post",), args=of_inquiry),
    "admissions:people": Row(P.VIEW_PEOPLE, ("get", "post"), data=lambda w: {"q": "Hartwell"}),
    "admissions:person": Row(P.VIEW_PEOPLE, args=of_person),
    "admissions:person_edit": Row(P.EDIT_PEOPLE, ("get", "post"), args=of_person, data=edited_person),
    "admissions:person_promise": Row(
        P.LOG_CALL, ("get", "post"), args=of_person, data=lambda w: tomorrow(w) | {"text": "Call back"}
    ),
    "admissions:contact_new": Row(P.EDIT_PEOPLE, ("get", "post"), args=of_person, data=contact),
    "admissions:contact_edit": Row(
        P.EDIT_PEOPLE, ("get", "post"), data=contact,
        args=lambda w: {"pk": w.relative.pk, "point": w.contact_point.pk},
    ),
    "admissions:relation_new": Row(
        P.EDIT_PEOPLE, ("get", "post"), args=of_person,
        data=lambda w: {"relation": "friend", "given_name": "Noor", "idempotency_key": "crawl-key"},
    ),
}  # fmt: skip
