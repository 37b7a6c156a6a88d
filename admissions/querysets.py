"""What we ask about inquiries."""

from django.db.models import Q

from accounts.querysets import FacilityScoped
from admissions.enums import OPEN_STAGES, Channel


class InquiryQuerySet(FacilityScoped):
    def open(self):
        return self.filter(stage__in=OPEN_STAGES)

    def awaiting_first_contact(self):
        """Web inquiries nobody has tried to answer, oldest first."""
        return (
            self.open()
            .filter(channel=Channel.WEB, first_attempt_at=None, is_suspect=False)
            .order_by("opened_at", "id")
        )

    def for_list(self):
        """Everything the inquiry list reads, newest first."""
        return self.select_related("person", "caller", "owner").order_by("-opened_at", "-id")

    def before(self, opened_at, pk):
        """Rows after the given one in list order: keyset paging."""
        return self.filter(Q(opened_at__lt=opened_at) | Q(opened_at=opened_at, id__lt=pk))
