"""Recording what was done, in the transaction that does it."""

from django.utils import timezone

from core.models import Happening


def record(verb, text, *, by, about=None, place=None, subject=None, at=None, **data):
    """Write one `Happening` in the caller's transaction.

    `by` is the acting user or None for the system; `about`, `place` and `subject` are model rows
    (or None); `at` an aware datetime, now by default. `data` holds codes and ids, never free text.
    """
    return Happening.objects.create(
        verb=verb,
        text=text,
        actor=by,
        about_id=about and about.pk,
        place_id=place and place.pk,
        subject_id=subject and subject.pk,
        at=at or timezone.now(),
        data=data,
    )
