"""Access matrix of the verbs that cross rooms: hold, decide, admit, step down, discharge."""

from accounts.permissions import Permission as P
from tests.access import Row

KEY = {"idempotency_key": "crawl-key"}
BOTH = ("get", "post")


def of_inquiry(world):
    return {"pk": world.inquiry.pk}


def of_stay(world):
    return {"pk": world.stay.pk}


ROWS = {
    "admissions:hold": Row(P.HOLD_BED, BOTH, args=of_inquiry, data=lambda w: KEY | {"bed": w.bed.pk, "lasts": "120"}),
    "admissions:hold_bed": Row(
        P.HOLD_BED,
        BOTH,
        args=lambda w: {"pk": w.bed.pk},
        data=lambda w: KEY | {"inquiry": w.inquiry.pk, "lasts": "120"},
    ),
    "admissions:decisions": Row(P.DECIDE),
    "admissions:decide": Row(
        P.DECIDE,
        BOTH,
        args=of_inquiry,
        data=lambda w: KEY | {"outcome": "accepted", "program": w.program.pk, "reason": "Fits"},
    ),
    "admissions:admit": Row(P.ADMIT, BOTH, args=of_inquiry, data=lambda w: KEY | {"bed": w.bed.pk}),
    "admissions:step_down": Row(
        P.PLACE,
        BOTH,
        args=of_stay,
        data=lambda w: KEY | {"bed": w.bed.pk, "placement": w.placement.pk, f"fate-{w.assignment.pk}": "carry"},
    ),
    "admissions:discharge": Row(
        P.PLACE, BOTH, args=of_stay, data=lambda w: KEY | {"type": "completed", "placement": w.placement.pk}
    ),
}
