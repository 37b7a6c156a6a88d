"""What we ask about inquiries."""

from django.db.models import Case, Exists, OuterRef, Q, Value, When

from accounts.querysets import FacilityScoped
from admissions.enums import OPEN_STAGES, Channel, Stage


class InquiryQuerySet(FacilityScoped):
    def open(self):
        return self.filter(stage__in=OPEN_STAGES)

    def awaiting_first_contact(self):
        """Web inquiries nobody has tried to answer, oldest first; what may be spam last, and never left out.

        Somebody in fear types as fast as a machine does.
        """
        return self.open().filter(channel=Channel.WEB, first_attempt_at=None).order_by("is_suspect", "opened_at", "id")

    def waiting_for_decision(self):
        """Sent for a decision, or open and never decided about; those sent first, then the oldest."""
        from admissions.models import AdmissionDecision  # models import this module

        decided = Exists(AdmissionDecision.objects.filter(inquiry=OuterRef("pk")))
        sent = Q(stage=Stage.DECISION)
        early = Q(stage__in=[Stage.NEW, Stage.PRE_SCREEN, Stage.BENEFITS], is_suspect=False)
        rank = Case(When(sent, then=Value(0)), default=Value(1))
        return self.filter(sent | (early & ~decided)).order_by(rank, "stage_since", "id")

    def for_list(self):
        """Everything the inquiry list reads, newest first."""
        return self.select_related("person", "caller", "owner").order_by("-opened_at", "-id")

    def before(self, opened_at, pk):
        """Rows after the given one in list order: keyset paging. The first condition is where an index begins."""
        return self.filter(opened_at__lte=opened_at).filter(Q(opened_at__lt=opened_at) | Q(id__lt=pk))
