"""The words of the look. The same cases bind `static/handrail/live.js`: see tests/test_look.py."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template
from django.utils import timezone

from core.templatetags import hr

CHICAGO = ZoneInfo("America/Chicago")
NOW = datetime(2026, 11, 20, 9, 14, 20, tzinfo=CHICAGO)  # a Friday

DURATIONS = [(0, "0 min"), (59, "0 min"), (60, "1 min"), (2760, "46 min"), (3600, "1 h"), (8160, "2 h 16 min")]
DURATIONS += [(56640, "15 h 44 min"), (86400, "24 h"), (172799, "47 h 59 min"), (172800, "2 days"), (-840, "14 min")]
RACES = [(0, "0 s"), (59, "59 s"), (72, "1 min 12 s"), (545, "9 min 05 s"), (1300, "21 min 40 s"), (3600, "1 h")]
CALLS = [(0, "00:00"), (192, "03:12"), (3723, "1:02:03")]
PROMISES = [(960, "in 16 min"), (59, "now"), (-59, "now"), (-860, "14 min late"), (6360, "in 1 h 46 min")]


@pytest.mark.parametrize("seconds, words", DURATIONS)
def test_a_length_of_time_is_said_in_minutes_hours_and_days(seconds, words):
    assert hr.say_duration(seconds) == words
    assert hr.say_duration(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize("seconds, words", RACES)
def test_a_race_is_said_to_the_second_below_an_hour(seconds, words):
    assert hr.say_duration(seconds, with_seconds=True) == words


@pytest.mark.parametrize("seconds, words", CALLS)
def test_a_call_is_timed_to_the_second(seconds, words):
    assert hr.say_timer(seconds, padded=True) == words


@pytest.mark.parametrize("seconds, words", PROMISES)
def test_a_promise_is_ahead_now_or_late(seconds, words):
    assert hr.say_until(NOW + timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize(
    "hour, minute, words", [(0, 0, "12:00 am"), (9, 5, "9:05 am"), (12, 0, "12:00 pm"), (23, 59, "11:59 pm")]
)
def test_the_clock_is_american(hour, minute, words):
    assert hr.say_clock(NOW.replace(hour=hour, minute=minute)).replace("\N{NO-BREAK SPACE}", " ") == words


@pytest.mark.parametrize(
    "day, words, past_words",
    [
        (date(2026, 11, 20), "today", "today"),
        (date(2026, 11, 21), "tomorrow", "tomorrow"),
        (date(2026, 11, 26), "Thu", "Thu"),
        (date(2026, 11, 27), "Fri Nov 27", "Fri Nov 27"),
        (date(2026, 11, 19), "Thu Nov 19", "Thu"),
        (date(2026, 11, 13), "Fri Nov 13", "Fri Nov 13"),
        (date(2027, 1, 4), "Mon Jan 4, 2027", "Mon Jan 4, 2027"),
    ],
)
def test_a_bare_weekday_is_the_coming_one(day, words, past_words):
    assert hr.say_day(day, NOW.date()) == words
    assert hr.say_day(day, NOW.date(), past_too=True) == past_words


@pytest.mark.parametrize(
    "number, words",
    [("+13125550142", "(312) 555-0142"), ("+442079460000", "+442079460000"), ("", ""), (None, ""), ("911", "911")],
)
def test_numbers_read_as_americans_write_them(number, words):
    assert hr.say_phone(number).replace("\N{NO-BREAK SPACE}", " ") == words


def render(source, **context):
    html = Template("{% load hr %}" + source).render(Context({"now": NOW, **context}))
    return html.replace("\N{NO-BREAK SPACE}", " ")


def test_a_late_promise_is_relative_over_absolute_and_says_today():
    assert render("{% when at %}", at=NOW.replace(hour=9, minute=0, second=0)) == (
        '<span class="hr-when is-late"><strong><time datetime="2026-11-20T15:00:00Z" data-until="2026-11-20T15:00:00Z"'
        ' data-late-after="0">14 min late</time></strong><span>today 9:00 am</span></span>'
    )


def test_a_promise_of_yesterday_names_the_day():
    html = render("{% when at %}", at=datetime(2026, 11, 19, 17, 30, tzinfo=CHICAGO))
    assert "15 h 44 min late" in html
    assert "<span>Thu 5:30 pm</span>" in html


def test_a_promise_ahead_is_said_in_the_zone_of_now_even_when_the_row_is_utc():
    html = render("{% when at %}", at=datetime(2026, 11, 20, 16, 0, 20, tzinfo=UTC))
    assert "in 46 min" in html
    assert "<span>10:00 am</span>" in html
    assert "is-late" not in html


def test_grace_keeps_a_promise_from_being_late():
    html = render("{% when at late_after=900 %}", at=NOW - timedelta(minutes=14))
    assert '<span class="hr-when">' in html


def test_nothing_due_is_written():
    assert "No time set" in render("{% when at %}", at=None)


def test_a_web_inquiry_turns_amber_after_the_goal():
    at = NOW - timedelta(seconds=1300)
    assert 'class="is-late">21 min 40 s</time>' in render("{% since at seconds=True late_after=900 %}", at=at)
    assert ">21 min ago</time>" in render("{% since at %}", at=at)


def test_a_hold_is_a_ring_that_turns_amber_in_its_last_hour():
    early = render("{% ring start end %}", start=NOW - timedelta(hours=2), end=NOW + timedelta(hours=2))
    last = render("{% ring start end %}", start=NOW - timedelta(hours=3), end=NOW + timedelta(minutes=45))
    over = render("{% ring start end %}", start=NOW - timedelta(hours=3), end=NOW - timedelta(hours=1))
    assert 'stroke-dasharray="50 100"' in early
    assert "is-late" not in early
    assert 'stroke-dasharray="20 100"' in last
    assert "hr-ring is-late" in last
    assert 'stroke-dasharray="0 100"' in over


def test_timers_count_up_padded_and_down_short():
    assert ">03:12<" in render("{% timer at %}", at=NOW - timedelta(seconds=192))
    assert ">4:41<" in render("{% timer at down=True %}", at=NOW + timedelta(seconds=281))


@pytest.mark.parametrize(
    "source, meaning, word",
    [
        ('{% pill "scheduled" %}', "is-ok", "Scheduled"),
        ('{% pill "held" "D-07 held" %}', "is-held", "D-07 held"),
        ('{% pill "late" "Ends in 46 min" icon="exclamation-triangle" %}', "is-late", "Ends in 46 min"),
        ('{% pill "in-care" %}', "is-ok", "In care"),
        ('{% pill "never_heard_of" %}', "is-quiet", "Never heard of"),
    ],
)
def test_a_pill_has_a_meaning_an_icon_and_a_word(source, meaning, word):
    html = render(source)
    assert f"hr-pill {meaning}" in html
    assert '<i class="bi bi-' in html
    assert html.endswith(f"</i>{word}</span>")


def test_what_people_typed_is_escaped():
    assert "<b>" not in render('{% pill "wait" word %}', word="<b>")


def test_each_form_gets_its_own_idempotency_key():
    assert render("{% idempotency_key %}") != render("{% idempotency_key %}")


def test_filters_are_empty_for_nothing_and_say_the_rest():
    assert (
        render("{{ x|clock }}{{ x|day }}{{ x|daytime }}{{ x|duration }}{{ x|phone }}{{ x|iso }}{{ x|ago }}", x=None)
        == ""
    )
    assert render(
        '{{ 1|plural:"bed,beds" }}, {{ 3|plural:"bed,beds" }}, {{ down|signed }}, {{ up|signed }}', down=-2, up=4
    ) == ("1 bed, 3 beds, −2, +4")


def test_today_is_the_facilitys(time_machine):
    time_machine.move_to(datetime(2026, 11, 21, 4, 0, tzinfo=UTC), tick=False)  # 10 pm on Friday in Chicago
    late_evening = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
    assert hr.day(late_evening, CHICAGO) == "today"
    assert hr.day(late_evening, "UTC") == "today"
    assert hr.day(datetime(2026, 11, 21, 15, 0, tzinfo=UTC), "America/Chicago") == "tomorrow"
    with timezone.override(CHICAGO):
        assert (
            hr.daytime(datetime(2026, 11, 21, 15, 0, tzinfo=UTC)).replace("\N{NO-BREAK SPACE}", " ")
            == "tomorrow 9:00 am"
        )
