"""privacy.md 7.2: a message reaches a person inside the window of every place they may be."""

import datetime as dt
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.times import instant
from messaging.quiet_hours import HARD_END, HARD_START, NOWHERE_KNOWN, next_allowed

NINE_TO_EIGHT = (dt.time(9), dt.time(20))
WIDEST = (dt.time(0), dt.time(23, 59, 59))
NEW_YORK, LOS_ANGELES, CHICAGO = "America/New_York", "America/Los_Angeles", "America/Chicago"
LORD_HOWE = "Australia/Lord_Howe"


def at(day, time, zone):
    """The instant of a wall clock: at("2026-11-20", "9:30", NEW_YORK)."""
    return instant(dt.date.fromisoformat(day), dt.time.fromisoformat(time.zfill(5)), zone)


@pytest.mark.parametrize(
    "moment, zones, expected",
    [
        # One known zone: inside stays, before opening waits, from the end on waits for tomorrow.
        (("2026-11-20", "9:00", NEW_YORK), [NEW_YORK], ("2026-11-20", "9:00", NEW_YORK)),
        (("2026-11-20", "8:59", NEW_YORK), [NEW_YORK], ("2026-11-20", "9:00", NEW_YORK)),
        (("2026-11-20", "19:59", NEW_YORK), [NEW_YORK], ("2026-11-20", "19:59", NEW_YORK)),
        (("2026-11-20", "20:00", NEW_YORK), [NEW_YORK], ("2026-11-21", "9:00", NEW_YORK)),
        (("2026-11-20", "0:00", NEW_YORK), [NEW_YORK], ("2026-11-20", "9:00", NEW_YORK)),
        # Sources disagree: inside in each of them.
        (("2026-11-20", "9:30", NEW_YORK), [NEW_YORK, LOS_ANGELES], ("2026-11-20", "12:00", NEW_YORK)),
        (("2026-11-20", "20:30", NEW_YORK), [NEW_YORK, LOS_ANGELES], ("2026-11-21", "12:00", NEW_YORK)),
        (("2026-11-20", "9:30", CHICAGO), [CHICAGO, "Pacific/Honolulu"], ("2026-11-20", "13:00", CHICAGO)),
        # No data at all: both coasts, which is 12:00 to 20:00 in New York with our window.
        (("2026-11-20", "11:59", NEW_YORK), [], ("2026-11-20", "12:00", NEW_YORK)),
        (("2026-11-20", "12:00", NEW_YORK), [], ("2026-11-20", "12:00", NEW_YORK)),
        (("2026-11-20", "19:59", NEW_YORK), [], ("2026-11-20", "19:59", NEW_YORK)),
        (("2026-11-20", "20:00", NEW_YORK), [], ("2026-11-21", "12:00", NEW_YORK)),
        # A day with 23 hours, one with 25, half an hour of difference, and a place without any.
        (("2026-03-07", "21:00", NEW_YORK), [NEW_YORK], ("2026-03-08", "9:00", NEW_YORK)),
        (("2026-10-31", "21:00", NEW_YORK), [NEW_YORK], ("2026-11-01", "9:00", NEW_YORK)),
        (("2026-04-04", "22:00", LORD_HOWE), [LORD_HOWE], ("2026-04-05", "9:00", LORD_HOWE)),
        (("2026-03-07", "21:00", "America/Phoenix"), ["America/Phoenix"], ("2026-03-08", "9:00", "America/Phoenix")),
    ],
)  # fmt: skip
def test_the_next_allowed_moment(moment, zones, expected):
    assert next_allowed(at(*moment), zones, NINE_TO_EIGHT, None) == at(*expected)


@pytest.mark.parametrize(
    "time, allowed",
    [("7:59", False), ("8:00", True), ("20:59", True), ("21:00", False)],
)
def test_no_window_is_wider_than_the_law(time, allowed):
    now = at("2026-11-20", time, NEW_YORK)

    assert (next_allowed(now, [NEW_YORK], WIDEST, None) == now) is allowed


def test_without_any_data_the_law_alone_leaves_eleven_to_nine_in_new_york():
    for time, allowed in [("10:59", False), ("11:00", True), ("20:59", True), ("21:00", False)]:
        now = at("2026-11-20", time, NEW_YORK)
        assert (next_allowed(now, [], (HARD_START, HARD_END), None) == now) is allowed


def test_a_later_opening_than_the_end_of_its_sense_is_none():
    night = at("2026-11-20", "22:00", NEW_YORK)
    opening = at("2026-11-21", "9:00", NEW_YORK)

    assert next_allowed(night, [NEW_YORK], NINE_TO_EIGHT, opening) == opening
    assert next_allowed(night, [NEW_YORK], NINE_TO_EIGHT, opening - dt.timedelta(seconds=1)) is None


def test_what_is_over_is_not_sent_inside_the_window_either():
    noon = at("2026-11-20", "12:00", NEW_YORK)

    assert next_allowed(noon, [NEW_YORK], NINE_TO_EIGHT, noon - dt.timedelta(seconds=1)) is None


def test_a_preference_that_leaves_nothing_is_never():
    assert next_allowed(at("2026-11-20", "12:00", NEW_YORK), [NEW_YORK], (dt.time(21), dt.time(23)), None) is None
    assert next_allowed(at("2026-11-20", "12:00", NEW_YORK), [NEW_YORK], (dt.time(12), dt.time(12)), None) is None


def test_places_whose_windows_never_meet_are_never():
    now = at("2026-11-20", "12:00", NEW_YORK)
    here, there = "Pacific/Honolulu", "Africa/Johannesburg"  # 12 hours apart

    assert next_allowed(now, [here, there], NINE_TO_EIGHT, None) is None


def test_the_answer_is_in_utc():
    assert next_allowed(at("2026-11-20", "12:00", NEW_YORK), [NEW_YORK], NINE_TO_EIGHT, None).tzinfo is dt.UTC


# --- For every zone, around every change of its clock from 2026 to 2031 --------------------------------


@lru_cache(maxsize=1)
def transitions():
    """(zone, instant) of every change of offset from 2026 to 2031, found by bisection."""
    found = []
    for name in sorted(available_timezones() - {"localtime"}):
        zone = ZoneInfo(name)
        day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        while day.year < 2032:
            next_day = day + dt.timedelta(days=15)
            if day.astimezone(zone).utcoffset() != next_day.astimezone(zone).utcoffset():
                low, high = day, next_day
                while high - low > dt.timedelta(minutes=1):
                    middle = low + (high - low) / 2
                    same = middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset()
                    low, high = (middle, high) if same else (low, middle)
                found.append((name, high))
            day = next_day
    return found


hours = st.builds(dt.time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
windows = st.tuples(hours, hours)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), offset=st.integers(-3 * 1440, 3 * 1440), window=windows)
def test_around_every_change_of_the_clock_the_answer_is_the_first_allowed_minute(data, offset, window):
    zone, change = data.draw(st.sampled_from(transitions()))
    now = change.replace(second=0, microsecond=0) + dt.timedelta(minutes=offset)
    start, end = max(window[0], HARD_START), min(window[1], HARD_END)
    assume(start < end)

    answer = next_allowed(now, [zone], window, None)

    # The oracle walks minute by minute, so an hour that is skipped or repeated cannot fool it.
    place, walked = ZoneInfo(zone), now
    while not start <= walked.astimezone(place).time() < end:
        walked += dt.timedelta(minutes=1)
    assert answer == walked


@settings(max_examples=200, deadline=None)
@given(
    zones=st.lists(st.sampled_from(sorted(available_timezones() - {"localtime"})), max_size=3),
    now=st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2031, 12, 31), timezones=st.just(dt.UTC)),
    window=windows,
    hours_left=st.integers(0, 72),
)
def test_whatever_it_answers_is_inside_every_window_and_in_time(zones, now, window, hours_left):
    expires_at = now + dt.timedelta(hours=hours_left)

    answer = next_allowed(now, zones, window, expires_at)

    if answer is not None:
        assert now <= answer <= expires_at
        for zone in zones or NOWHERE_KNOWN:
            local = answer.astimezone(ZoneInfo(zone)).time()
            assert max(window[0], HARD_START) <= local < min(window[1], HARD_END)
        assert next_allowed(answer, zones, window, expires_at) == answer
