"""The factories make valid rows, and the database refuses what must never be."""

import datetime as dt

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from tests import factories as make
from tests.access.world import build_world


def test_a_world_can_be_built():
    world = build_world("Canary")

    assert world.placement.person == world.person


def test_two_placements_never_share_a_bed():
    placement = make.make_placement()

    with pytest.raises(IntegrityError, match="programs_beduse_one_at_a_time"), transaction.atomic():
        make.make_placement(bed=placement.use.bed)


def test_a_lapsed_hold_makes_way_by_the_clock_with_nobody_running():
    hold = make.make_hold(expires_at=timezone.now() - dt.timedelta(seconds=1))

    placement = make.make_placement(bed=hold.use.bed)

    hold.use.refresh_from_db()
    assert (hold.use.state, placement.use.state) == ("lapsed", "firm")
