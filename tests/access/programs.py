"""Access matrix of the bed board, appointments and the set-up of programs."""

from accounts.permissions import Permission as P
from tests.access import Row

KEY = {"idempotency_key": "crawl-key"}
BOTH, POST = ("get", "post"), ("post",)


def of_bed(world):
    return {"pk": world.bed.pk}


def of_hold(world):
    return {"pk": world.hold.pk}


def of_appointment(world):
    return {"pk": world.appointment.pk}


def of_program(world):
    return {"pk": world.program.pk}


def of_unit(world):
    return {"pk": world.bed.unit_id}


ROWS = {
    "programs:board": Row(P.VIEW_PEOPLE),
    "programs:bed": Row(P.VIEW_PEOPLE, args=lambda w: {"pk": w.hold.use.bed_id}),
    "programs:peek": Row(P.VIEW_PEOPLE, args=lambda w: {"pk": w.placement.use.bed_id}),
    "programs:block": Row(
        P.BLOCK_BED, BOTH, args=of_bed, data=lambda w: KEY | {"kind": "block", "reason": "plumbing"}
    ),
    "programs:bed_edit": Row(P.MANAGE_FACILITY, BOTH, args=of_bed, data=lambda w: {"code": "D-99"}),
    "programs:unblock": Row(P.BLOCK_BED, POST, args=lambda w: {"pk": w.block.pk}),
    "programs:extend": Row(P.HOLD_BED, BOTH, args=of_hold, data=lambda w: {"lasts": "240", "version": "1"}),
    "programs:release": Row(P.HOLD_BED, BOTH, args=of_hold, data=lambda w: {"reason": "They chose another day"}),
    "programs:placements": Row(P.VIEW_PEOPLE),
    "programs:appointments": Row(P.VIEW_PEOPLE),
    "programs:appointment_new": Row(
        P.EDIT_PEOPLE,
        BOTH,
        args=lambda w: {"pk": w.person.pk},
        data=lambda w: KEY | {"kind": "tour", "on": "tomorrow", "time": "2pm", "minutes": "60"},
    ),
    "programs:appointment": Row(
        P.EDIT_PEOPLE, BOTH, args=of_appointment, data=lambda w: {"on": "tomorrow", "time": "3pm", "version": "1"}
    ),
    "programs:appointment_cancel": Row(P.EDIT_PEOPLE, POST, args=of_appointment, data=lambda w: {"reason": "Ill"}),
    "programs:appointment_kept": Row(P.EDIT_PEOPLE, POST, args=of_appointment),
    "programs:appointment_missed": Row(P.EDIT_PEOPLE, POST, args=of_appointment),
    "programs:setup": Row(P.MANAGE_FACILITY),
    "programs:program_new": Row(P.MANAGE_FACILITY, BOTH, data=lambda w: KEY | {"name": "Evenings", "category": "iop"}),
    "programs:program_edit": Row(P.MANAGE_FACILITY, BOTH, args=of_program, data=lambda w: {"name": "Evenings"}),
    "programs:unit_new": Row(P.MANAGE_FACILITY, BOTH, args=of_program, data=lambda w: KEY | {"name": "Unit Z"}),
    "programs:unit_edit": Row(P.MANAGE_FACILITY, BOTH, args=of_unit, data=lambda w: {"name": "Unit Z"}),
    "programs:beds_new": Row(
        P.MANAGE_FACILITY, BOTH, args=of_unit, data=lambda w: KEY | {"codes": "Z-1 to Z-3", "kind": "bed"}
    ),
}
