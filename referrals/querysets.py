"""What we ask about partners and referrals."""

from django.contrib.postgres.search import TrigramSimilarity
from django.db import models
from django.db.models import Count, Q

from accounts.querysets import FacilityScoped
from referrals.enums import CLOSED_STATES, Direction, ReferralState


class PartnerQuerySet(models.QuerySet):
    """Partners belong to the whole organization; the referrals that hang on them do not."""

    def active(self):
        return self.filter(organization__is_active=True)

    def for_list(self):
        """Everything a partner row reads, by name."""
        return self.select_related("organization", "owner").order_by("organization__name", "pk")

    def with_counts(self, facility_ids):
        """`sent_us`, `sent_them`, `waiting`: referrals each way at those facilities, and not heard of yet."""
        here = Q(referrals__facility__in=facility_ids)
        out = here & Q(referrals__direction=Direction.OUT)
        return self.annotate(
            sent_us=Count("referrals", filter=here & Q(referrals__direction=Direction.IN)),
            sent_them=Count("referrals", filter=out & ~Q(referrals__state=ReferralState.DRAFT)),
            waiting=Count("referrals", filter=out & ~Q(referrals__state__in=[*CLOSED_STATES, ReferralState.DRAFT])),
        )

    def named_like(self, name):
        """At most three partners whose name is nearly `name`, nearest first."""
        near = TrigramSimilarity("organization__name", name)
        return self.annotate(near=near).filter(near__gte=0.45).select_related("organization").order_by("-near")[:3]


class ReferralQuerySet(FacilityScoped):
    def waiting(self):
        """Referrals whose outcome is not known yet."""
        return self.exclude(state__in=CLOSED_STATES)

    def incoming(self):
        return self.filter(direction=Direction.IN)

    def outgoing(self):
        return self.filter(direction=Direction.OUT)

    def sent(self):
        """Outbound and told to the partner: no drafts, nor what was withdrawn before it left."""
        return self.outgoing().filter(disclosure__isnull=False)

    def for_list(self):
        """Everything a referral row reads, newest first."""
        return self.select_related("person", "facility", "partner__organization", "made_by").order_by("-made_at", "id")

    def after(self, row):
        """Rows behind `row` in list order: keyset paging."""
        return self.filter(Q(made_at__lt=row.made_at) | Q(made_at=row.made_at, id__gt=row.pk))
