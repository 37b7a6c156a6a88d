"""The read log: one row per response that shows persons (42 CFR 2.16, 45 CFR 164.312(b))."""

from people.models import ReadEvent


def record(request, people, *, page=None):
    """Write one `ReadEvent` for this response, in its transaction. Call it right before rendering.

    `people` is an iterable of Persons or ids (None is skipped); nothing is written when it is empty.
    `page` is the route name by default. Raises whatever the database raises: no event, no page.
    """
    ids = sorted({str(getattr(person, "pk", person)) for person in people if person})
    if not ids:
        return None
    facility = getattr(request, "facility", None)
    return ReadEvent.objects.create(
        user=request.user if request.user.is_authenticated else None,
        page=(page or request.resolver_match.view_name)[:80],
        person_ids=ids,
        facility=facility,
    )
