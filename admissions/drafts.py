"""What is typed during a call, kept on the server until the call is saved (architecture, decision 18).

`CallDraft.content` holds `fields` (field name → list of texts, as posted), `context` (ids this call started
from or was matched to), `writer` (the window that typed last), `stamps` (when something was first told) and
`checks` (ids of `SafetyCheck` rows asked before anything is saved).
"""

import uuid

from django.db import transaction
from django.utils import timezone

from accounts.permissions import Permission
from admissions.models import CallDraft, SafetyCheck
from core import happenings
from core.errors import Refused, Stale
from people.services import tidy

LONGEST_TEXT = 20_000
MOST_FIELDS = 200
LEFT_OUT = {"csrfmiddlewaretoken", "version", "writer", "part", "idempotency_key", "hold"}
# Fields of the emergency page; everything else belongs to the call page. A page rewrites only its own part.
EMERGENCY_FIELDS = {"where", "step"}
STAMPED = {"outcome": "ended", "step": "step"}


class DraftOver(Refused):
    """The draft was saved as a call or discarded; nothing is typed into it any more."""

    code = "draft_over"


def mine(user):
    """Calls `user` has typed into and not saved, the newest first."""
    return (
        CallDraft.objects.visible_to(user, Permission.LOG_CALL)
        .filter(user=user, saved_as=None, discarded_at=None)
        .select_related("facility")
        .order_by("-touched_at", "pk")
    )


def begin(user, *, facility, person=None, inquiry=None, task=None, direction="in", fields=None, at=None):
    """Open an empty draft of a call at `facility` that begins at `at` (aware, default now).

    `person` and `inquiry` are those an outgoing call is about, `task` the promise it keeps; `fields` what
    is known already.
    """
    at = at or timezone.now()
    context = {"direction": direction}
    if person is not None:
        context["person"] = str(person.pk)
    if inquiry is not None:
        context |= {"inquiry": str(inquiry.pk), "person": str(inquiry.person_id)}
        if inquiry.caller_id:
            context["caller"] = str(inquiry.caller_id)
    if task is not None:
        context["task"] = str(task.pk)
    content = {"fields": {name: [value] for name, value in (fields or {}).items() if value}, "context": context}
    return CallDraft.objects.create(user=user, facility=facility, content=content, began_at=at, touched_at=at)


def remember(draft, posted, *, writer, version, part="call", at=None):
    """Keep what one window has typed. Answers the row as it is now, its version grown by one.

    `posted` maps field names to lists of texts; `writer` names the window, `version` is the one it saw.
    The window that typed last may be behind: its own save may still be on the way. Raises Stale when another
    window typed since, DraftOver when the call is saved or discarded.
    """
    at = at or timezone.now()
    with transaction.atomic():
        locked = locked_open(draft)
        refuse_stale(locked, writer=writer, version=version)
        put(locked, posted, part=part, at=at)
        locked.content["writer"] = writer
        touch(locked, at=at)
    return locked


def refuse_stale(draft, *, writer, version):
    """Raise Stale when another window than `writer` typed after `version`."""
    last = draft.content.get("writer")
    if last and last != writer and draft.version != version:
        raise Stale("This call was typed in another window since. Nothing was overwritten.")


def put(draft, posted, *, part, at):
    """Replace the fields of `part` ("call" or "emergency") in an unsaved row; texts are made storable."""
    is_ours = EMERGENCY_FIELDS.__contains__ if part == "emergency" else lambda name: name not in EMERGENCY_FIELDS
    fields = {name: values for name, values in draft.content.get("fields", {}).items() if not is_ours(name)}
    for name in list(posted)[:MOST_FIELDS]:
        if name not in LEFT_OUT and is_ours(name):
            fields[storable(name)[:60]] = [storable(text) for text in posted[name][:20]]
    stamps = draft.content.setdefault("stamps", {})
    for name, stamp in STAMPED.items():
        for value in fields.get(name, []):
            stamps.setdefault(stamp if name == "outcome" else f"{stamp}:{value[:20]}", at.isoformat())
    draft.content["fields"] = fields


def match(draft, *, person, role, at=None):
    """The typed `role` ("caller" or "person") is this known person; None takes it back.

    `person` comes from what the user may see; the view looks. Raises DraftOver.
    """
    at = at or timezone.now()
    names = {"caller": ("caller",), "person": ("first", "last")}[role]
    with transaction.atomic():
        locked = locked_open(draft)
        context = locked.content.setdefault("context", {})
        fields = locked.content.setdefault("fields", {})
        if person is None:
            context.pop(role, None)
        else:
            context[role] = str(person.pk)
            told = (person.name,) if role == "caller" else (person.given_name, person.family_name)
            for name, value in zip(names, told, strict=True):
                if value and value != "No name yet":
                    fields[name] = [value]
        touch(locked, at=at)
    return locked


def asked(draft, check, *, at=None):
    """Remember that `check` was asked during this call. Answers the row as it is now."""
    with transaction.atomic():
        locked = locked_open(draft)
        ids = locked.content.setdefault("checks", [])
        if str(check.pk) not in ids:
            ids.append(str(check.pk))
        touch(locked, at=at or timezone.now())
    return locked


def checks(draft):
    """The danger question's answers of this call so far, the newest first."""
    ids = [pk for pk in draft.content.get("checks", []) if _is_uuid(pk)]
    return list(SafetyCheck.objects.filter(pk__in=ids).select_related("action_by").order_by("-asked_at", "pk"))


def discard(draft, *, reason, by, at=None):
    """Throw a draft away, with a reason; the words are gone. An emergency in it stays with the supervisors.

    Raises Refused without a reason, DraftOver, and ActionMissing while an emergency has no action recorded.
    """
    from admissions import safety

    at = at or timezone.now()
    reason = tidy(reason, 300)
    if not reason:
        raise Refused("Say why this call is thrown away.", code="reason_missing")
    with transaction.atomic():
        locked = locked_open(draft)
        safety.refuse_before_action(checks=checks(locked))
        locked.content, locked.discarded_at = {}, at
        locked.save(update_fields=["content", "discarded_at"])
        happenings.record(
            "call.discarded",
            f"Unsaved call thrown away: {reason}",
            by=by,
            place=locked.facility,
            subject=locked,
            at=at,
        )
    return locked


def locked_open(draft):
    """The row itself, locked; DraftOver when it is saved or discarded."""
    locked = CallDraft.objects.select_for_update(of=("self",), no_key=True).select_related("facility").get(pk=draft.pk)
    if locked.saved_as_id or locked.discarded_at:
        raise DraftOver("This call is saved already." if locked.saved_as_id else "This call was thrown away.")
    return locked


def touch(draft, *, at):
    draft.version += 1
    draft.touched_at = at
    draft.save(update_fields=["content", "version", "touched_at"])


def values(draft):
    """`fields` with one text each; what the emergency page and the list of drafts read."""
    return {name: texts[-1] for name, texts in draft.content.get("fields", {}).items() if texts}


def known(draft, key):
    """The UUID kept in the context under `key` ("person", "caller", "inquiry"), or None."""
    value = draft.content.get("context", {}).get(key)
    return uuid.UUID(value) if value and _is_uuid(value) else None


def storable(text):
    """Text that PostgreSQL's JSON can hold: no NUL, no half of a surrogate pair, not without end."""
    return str(text)[:LONGEST_TEXT].replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _is_uuid(value):
    try:
        uuid.UUID(str(value))
    except ValueError:
        return False
    return True
