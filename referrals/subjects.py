"""How a task about a referral is shown on the workbench."""

from referrals.models import Referral
from work.subjects import Subject


def resolve(ids):
    """`{id: Subject}` for referral ids, in one query; partner and direction, never a clinical word."""
    rows = Referral.objects.filter(pk__in=ids).select_related("partner__organization")
    return {
        row.pk: Subject(
            title=f"Referral from {row.partner}" if row.is_in else f"Referral to {row.partner}",
            url=row.get_absolute_url(),
        )
        for row in rows
    }
