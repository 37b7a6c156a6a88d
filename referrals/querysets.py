"""What we ask about partners and referrals."""

from dataclasses import dataclass

from django.contrib.postgres.search import TrigramSimilarity
from django.db import models
from django.db.models import Count, Q

from accounts.querysets import FacilityScoped
from referrals.enums import CLOSED_STATES, Direction
from referrals.enums import ReferralState as S


@dataclass(frozen=True)
class Tally:
    """Referrals with one partner: sent to us, asked of them, taken by them, not answered yet."""

    received: int = 0
    asked: int = 0
    took: int = 0
    waiting: int = 0


class PartnerQuerySet(models.QuerySet):
    """Partners belong to the whole organization; the referrals that hang on them do not."""

    def active(self):
        return self.filter(organization__is_active=True)

    def for_list(self):
        """Everything a partner row reads, by name."""
        return self.select_related("organization", "owner").order_by("organization__name", "pk")

    def behind(self, row):
        """Partners behind `row` in list order: keyset paging."""
        name = row.organization.name
        return self.filter(Q(organization__name__gt=name) | Q(organization__name=name, pk__gt=row.pk))

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

    def tallies(self, partner_ids):
        """`{partner id: Tally}` of those partners, in one query; partners without referrals are missing."""
        asked = Q(direction=Direction.OUT, disclosure__isnull=False)
        rows = (
            self.filter(partner__in=partner_ids)
            .values("partner")
            .annotate(
                received=Count("pk", filter=Q(direction=Direction.IN)),
                asked=Count("pk", filter=asked),
                took=Count("pk", filter=asked & Q(state__in=[S.ACCEPTED, S.ARRIVED, S.NOT_ARRIVED])),
                waiting=Count("pk", filter=asked & Q(closed_at=None) & ~Q(state=S.ACCEPTED)),
            )
            .order_by()
        )
        return {row.pop("partner"): Tally(**row) for row in rows}

    def for_list(self):
        """Everything a referral row reads, newest first."""
        return self.select_related("person", "facility", "partner__organization", "made_by").order_by("-made_at", "id")

    def after(self, row):
        """Rows behind `row` in list order: keyset paging."""
        return self.filter(Q(made_at__lt=row.made_at) | Q(made_at=row.made_at, id__gt=row.pk))
