"""What we ask about therapies."""

from accounts.querysets import FacilityScoped


class AssignmentQuerySet(FacilityScoped):
    def active(self):
        return self.filter(state="active")

    def of(self, therapist):
        return self.filter(therapist=therapist)

    def for_list(self):
        """Everything a list of therapies reads, by person."""
        return self.select_related(
            "modality", "therapist", "person", "placement__program", "placement__use__bed__unit", "placement__stay"
        ).order_by("person__given_name", "person__family_name", "person_id", "starts_on", "created_at", "pk")
