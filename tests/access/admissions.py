"""Who may call the addresses of admissions. Add your own rows."""

from typing import Any

from accounts.permissions import Permission as P
from accounts.permissions import Role
from tests.access import PUBLIC, Row


def of_draft(world):
    return {"pk": world.draft.pk}


def of_alert(world):
    return {"pk": world.safety_check.pk}


def of_form(world):
    return {"slug": world.facility.slug}


def place(world):
    return [world.facility.name, world.facility.slug]


CALL = {
    "caller": "Renata Oakes", "relation": "mother", "reach": "(312) 555-0142", "first": "Devin",
    "s-TOTAL_FORMS": "1", "s-INITIAL_FORMS": "0", "writer": "window-one", "version": "0",
}  # fmt: skip
MINE: dict[str, Any] = {"permission": P.LOG_CALL, "args": of_draft, "only": (Role.COORDINATOR,)}
ROWS = {
    # The live call: a draft belongs to whoever types it.
    "admissions:calls": Row(P.LOG_CALL),
    "admissions:call_new": Row(P.LOG_CALL, ("get", "post"), data=lambda w: {"idempotency_key": "a-key-of-the-crawl"}),
    "admissions:call": Row(methods=("get", "post"), data=lambda w: CALL, **MINE),
    "admissions:call_draft": Row(methods=("post",), data=lambda w: CALL, **MINE),
    "admissions:call_danger": Row(methods=("post",), data=lambda w: CALL | {"danger": "yes"}, **MINE),
    "admissions:call_emergency": Row(methods=("get", "post"), data=lambda w: {"action": "called_911"}, **MINE),
    "admissions:call_candidates": Row(methods=("post",), data=lambda w: {"reach": w.contact_point.value}, **MINE),
    "admissions:call_compare": Row(methods=("get",), **MINE),
    "admissions:call_match": Row(
        methods=("post",), data=lambda w: {"role": "caller", "person": w.relative.pk}, **MINE
    ),
    "admissions:call_beds": Row(methods=("get",), **MINE),
    "admissions:call_discard": Row(methods=("post",), data=lambda w: {"reason": w.canary}, **MINE),
    "admissions:alerts": Row(P.CLOSE_ALERT),
    "admissions:alert": Row(P.LOG_CALL, ("get", "post"), args=of_alert, data=lambda w: {"action": "called_911"}),
    "admissions:alert_close": Row(P.CLOSE_ALERT, ("post",), args=of_alert),
    # People outside.
    "admissions:public_form": Row(PUBLIC, ("get", "post"), args=of_form, shows=place),
    "admissions:public_thanks": Row(PUBLIC, ("get",), args=of_form, shows=place),
}
