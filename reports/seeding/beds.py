"""Which bed is free when: the demo's own book, so that a year of stays overlaps nowhere."""

import datetime as dt
from collections import defaultdict

from programs.enums import TakenBy

FAR = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
WOMEN_AND_MEN = {TakenBy.WOMEN: "female", TakenBy.MEN: "male"}


class BedBook:
    """Taken spans by bed. Ends are exclusive; None is open."""

    def __init__(self, beds):
        self.beds = list(beds)
        self.taken = defaultdict(list)

    def is_free(self, bed, start, end):
        end = end or FAR
        return all(end <= other_start or other_end <= start for other_start, other_end in self.taken[bed.pk])

    def take(self, bed, start, end):
        """Write the span down; asking first is the caller's business."""
        self.taken[bed.pk].append((start, end or FAR))

    def find(self, rng, program, start, end, sex):
        """A bed of `program` free from `start` to `end` in a unit that takes `sex`, at random; or None."""
        fitting = [
            bed
            for bed in self.beds
            if bed.unit.program_id == program.pk
            and WOMEN_AND_MEN.get(bed.unit.taken_by, sex) == sex
            and self.is_free(bed, start, end)
        ]
        return rng.choice(fitting) if fitting else None
