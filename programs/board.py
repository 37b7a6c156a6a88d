"""The bed board as one picture: one query, counted here, the same tiles for page, poll and entity tag."""

import datetime as dt
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

from django.utils import timezone

from core.templatetags.hr import say_date, say_daytime
from programs.enums import BedKind, TakenBy, UseKind
from programs.models import Bed, BedUse, Program, Unit

FREE, HELD, TAKEN, LATE, OFF = "free", "held", "taken", "late", "off"
DAYS_AHEAD = 14
FILTERS = {
    "all": ("All", ""),
    "free": ("Free", "plus-lg"),
    "held": ("Held", "clock-history"),
    "leaving": ("Leaving today", "box-arrow-right"),
    "late": ("Late to leave", "alarm"),
    "women": ("Women", ""),
    "men": ("Men", ""),
    "step_free": ("No stairs", ""),
}


@dataclass(frozen=True)
class Tile:
    """What one bed says: `state` is one of FREE, HELD, TAKEN, LATE, OFF; at most four lines.

    `first` and `second` are lines in words; what counts down is drawn from `use` in the template.
    """

    bed: Bed
    state: str
    use: BedUse | None = None
    who: str = ""
    first: str = ""
    second: str = ""
    icon: str = ""
    is_leaving: bool = False
    elsewhere: str = ""

    @property
    def hold(self):
        return getattr(self.use, "hold", None) if self.use else None

    @property
    def placement(self):
        return getattr(self.use, "placement", None) if self.use else None

    @property
    def block(self):
        return getattr(self.use, "block", None) if self.use else None

    @property
    def person(self):
        owner = self.hold or self.placement
        return owner.person if owner else None


@dataclass
class UnitTiles:
    """One unit and its tiles that the filter lets through."""

    unit: Unit
    tiles: list[Tile] = field(default_factory=list)


@dataclass
class ProgramTiles:
    """One program: its units, its tally over all its beds, and how many will be free on the days to come."""

    program: Program
    units: list[UnitTiles] = field(default_factory=list)
    tally: Counter = field(default_factory=Counter)
    ahead: list[int] = field(default_factory=list)

    @property
    def total(self):
        return sum(self.tally.values())

    @property
    def noun(self):
        return "bed,beds" if self.program.has_beds else "seat,seats"

    @property
    def occupied(self):
        return self.tally[TAKEN] + self.tally[LATE]

    @property
    def occupancy_percent(self):
        """Occupied of those in use, rounded; None when none is in use."""
        usable = self.total - self.tally[OFF]
        return round(100 * self.occupied / usable) if usable else None


class Board:
    """All beds of `facility` at `now` (aware), `show` a key of FILTERS. One query, made when first asked for."""

    def __init__(self, facility, *, now=None, show="all"):
        self.facility = facility
        self.now = now or timezone.now()
        self.zone = facility.time_zone
        self.today = facility.today(self.now)
        self.show = show if show in FILTERS else "all"

    @cached_property
    def tiles(self):
        """Every tile, unfiltered, in the order of the board."""
        beds = list(Bed.objects.for_board(self.facility).with_free_since())
        taken = [(bed, getattr(bed, "use_now", None)) for bed in beds]
        # A person in one bed with another held for them is about to move: the tile says where to.
        promised = {use.hold.person_id: bed.code for bed, use in taken if use and use.kind == UseKind.HOLD}
        return [self._tile(bed, use, promised) for bed, use in taken]

    @cached_property
    def programs(self):
        """`ProgramTiles` in order; units without a tile left by the filter are not shown."""
        programs = {}
        for tile in self.tiles:
            unit = tile.bed.unit
            program = programs.setdefault(unit.program_id, ProgramTiles(unit.program))
            program.tally[tile.state] += 1
            if not self._passes(tile):
                continue
            if not program.units or program.units[-1].unit.pk != unit.pk:
                program.units.append(UnitTiles(unit))
            program.units[-1].tiles.append(tile)
        for program in programs.values():
            program.ahead = self._ahead(program.program.pk)
        return list(programs.values())

    @cached_property
    def chips(self):
        """[(key, label, icon, count)]: filters that would show something, and the one that is on."""
        counted = [(key, *words, sum(1 for t in self.tiles if self._passes(t, key))) for key, words in FILTERS.items()]
        always = {"all", "free", "held", self.show}
        return [chip for chip in counted if chip[0] in always or 0 < chip[3] < len(self.tiles)]

    @property
    def shown(self):
        return [tile for program in self.programs for unit in program.units for tile in unit.tiles]

    @property
    def people(self):
        """Everybody whose name a tile shows."""
        return [tile.person for tile in self.shown if tile.person]

    @property
    def free_count(self):
        return sum(1 for tile in self.tiles if tile.state == FREE)

    @property
    def days(self):
        return [self.today + dt.timedelta(days=n) for n in range(DAYS_AHEAD)]

    @cached_property
    def etag(self):
        """Changes exactly when the picture would; what counts down in the browser is no change."""
        picture = [self.facility.pk, self.today, self.show, self.facility.name]
        picture += [
            (
                tile.bed.pk, tile.bed.code, tile.bed.is_step_free, tile.bed.unit.name, tile.bed.unit.taken_by,
                tile.bed.unit.program.name, tile.state, tile.who, tile.first, tile.second, tile.elsewhere,
                tile.use and (tile.use.pk, tile.use.expires_at), tile.hold and tile.hold.version,
            )
            for tile in self.tiles
        ]  # fmt: skip
        return f'"{hashlib.sha256(repr(picture).encode()).hexdigest()[:32]}"'

    def tile(self, bed_id):
        """The tile of one bed, or None when it is not on this board."""
        return next((tile for tile in self.tiles if tile.bed.pk == bed_id), None)

    def _tile(self, bed, use, promised):
        if use is None:
            return Tile(bed, FREE, None, "Free", self._free_since(bed), _for_whom(bed), "plus-lg")
        if use.kind == UseKind.HOLD:
            return Tile(bed, HELD, use, use.hold.person.short_name)
        if use.kind == UseKind.PLACEMENT:
            return self._occupied(bed, use, promised.get(use.placement.person_id, ""))
        cleaning = use.kind == UseKind.CLEANING
        icon, who = ("droplet", "Cleaning") if cleaning else ("slash-circle", "Blocked")
        back = f"until {self._day(use.block.until)}" if use.block.until else ""
        reason = "" if use.block.reason.lower() == who.lower() else use.block.reason
        return Tile(bed, OFF, use, who, reason, back, icon)

    def _occupied(self, bed, use, elsewhere):
        placement = use.placement
        late = placement.days_late(self.today)
        is_leaving = placement.planned_end_on == self.today
        day, planned = placement.day_number(self.today, self.zone), placement.days_planned(self.zone)
        first = f"day {day} of {planned}" if planned else f"day {day}"
        second = f"then {elsewhere}" if elsewhere else ""
        icon = ""
        if late:
            first, icon = f"{late} day{'s' if late > 1 else ''} late to leave", "alarm"
            second = second or f"was due {placement.planned_end_on:%a %b} {placement.planned_end_on.day}"
        elif is_leaving:
            first, icon = "leaves today", "box-arrow-right"
        state = LATE if late else TAKEN
        return Tile(bed, state, use, placement.person.short_name, first, second, icon, is_leaving, elsewhere)

    def _free_since(self, bed):
        if bed.free_since is None:
            return "never used"
        verb = "cleaned" if bed.last_kind == UseKind.CLEANING else "since"
        return f"{verb} {self._day(bed.free_since)}"

    def _day(self, at):
        """With the hour within a week; later a tile has no room for it, and nobody a use."""
        local = at.astimezone(self.zone)
        if abs((local.date() - self.today).days) < 7:
            return say_daytime(local, self.today, past_too=True)
        return say_date(local.date(), this_year=self.today.year)

    def _passes(self, tile, show=None):
        show = show or self.show
        if show in (FREE, HELD, LATE):
            return tile.state == show
        if show == "leaving":
            return tile.is_leaving
        if show in (TakenBy.WOMEN, TakenBy.MEN):
            return tile.bed.unit.taken_by == show
        return tile.bed.is_step_free if show == "step_free" else True

    def _ahead(self, program_id):
        """Free beds on each of the days to come, if everybody leaves as planned and every hold lapses."""
        free_from = [self._free_from(tile) for tile in self.tiles if tile.bed.unit.program_id == program_id]
        return [sum(1 for on in free_from if on and on <= day) for day in self.days]

    def _free_from(self, tile):
        tomorrow = self.today + dt.timedelta(days=1)
        if tile.use is None:
            return self.today
        if tile.hold:
            return max(tile.use.expires_at.astimezone(self.zone).date() + dt.timedelta(days=1), tomorrow)
        if tile.placement:
            leaves = tile.placement.planned_end_on
            return max(leaves, tomorrow) if leaves and tile.state != LATE else None
        back = tile.block.until
        return max(back.astimezone(self.zone).date() + dt.timedelta(days=1), tomorrow) if back else None


def _for_whom(bed):
    if bed.is_step_free:
        return "no stairs"
    if bed.unit.taken_by == TakenBy.ANYONE:
        return "seat" if bed.kind == BedKind.SEAT else "anyone"
    return f"{bed.unit.get_taken_by_display().lower()} only"
