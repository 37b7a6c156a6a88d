"""What we ask about messages."""

import datetime as dt

from django.db.models import Q

from accounts.querysets import FacilityScoped

LATEST = dt.timedelta(hours=24)  # after its due time no message is sent any more (I-13)


class MessageQuerySet(FacilityScoped):
    def claimable(self, now):
        """Due, not over, most urgent first; `now` is an aware instant."""
        return self.filter(state="due", next_at__lte=now, expires_at__gt=now, due_at__gt=now - LATEST).order_by(
            "priority", "next_at", "id"
        )

    def over(self, now):
        """Still due though it makes no sense any more."""
        return self.filter(state="due").filter(Q(expires_at__lte=now) | Q(due_at__lte=now - LATEST))

    def abandoned(self, now):
        """Being sent by somebody whose lease has run out."""
        return self.filter(state="sending", lease_until__lt=now).order_by("lease_until")

    def held_with(self, token):
        """The rows that the holder of this lease may still write; none for a zombie."""
        return self.filter(state="sending", lease_token=token)

    def from_source(self, source_id):
        return self.filter(source_id=source_id)

    def for_list(self):
        """Everything a message row reads, newest slot first."""
        return self.select_related("facility", "person", "user", "contact_point").order_by("-due_at", "-id")
