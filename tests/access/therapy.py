"""Access matrix of therapies."""

from accounts.permissions import Permission as P
from tests.access import Row


def of_assignment(world):
    return {"pk": world.assignment.pk}


DETAILS = {"per_week": "2", "planned_sessions": "8", "minutes": "50", "starts_on": "today"}

ROWS = {
    "therapy:caseload": Row(P.ASSIGN_THERAPY),
    "therapy:assign": Row(
        P.ASSIGN_THERAPY,
        ("get", "post"),
        args=lambda w: {"pk": w.placement.pk},
        data=lambda w: DETAILS | {"idempotency_key": "crawl-key", "therapist": w.clinician.pk},
    ),
    "therapy:change": Row(
        P.ASSIGN_THERAPY,
        ("get", "post"),
        args=of_assignment,
        data=lambda w: DETAILS | {"therapist": w.clinician.pk, "version": "1"},
    ),
    "therapy:end": Row(P.ASSIGN_THERAPY, ("post",), args=of_assignment, data=lambda w: {"reason": "Goal reached"}),
}
