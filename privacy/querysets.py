"""What we ask about consents and disclosures, always within what the user may see."""

from people.querysets import OfVisiblePerson


class AtVisibleFacility(OfVisiblePerson):
    """Rows with a `person` and a `facility`: both must be in sight.

    A person known to two facilities has two sets of consents; one facility's says nothing about the
    other (42 CFR 2.13: presence may not be acknowledged).
    """

    def visible_to(self, user, permission):
        return super().visible_to(user, permission).filter(facility__in=user.facility_ids(permission))


class ConsentQuerySet(AtVisibleFacility):
    def for_decision(self):
        """Everything `privacy.rules` reads of a consent, newest signature first."""
        return (
            self.select_related("person", "facility", "signer", "revocation", "superseded_by")
            .prefetch_related("recipients__organization", "recipients__person")
            .order_by("-signed_at", "-pk")
        )


class DisclosureQuerySet(AtVisibleFacility):
    def for_list(self):
        """Everything an accounting row reads, newest first."""
        return self.select_related("facility", "organization", "to_person", "by").order_by("-at", "-pk")
