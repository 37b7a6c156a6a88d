"""Charts are numbers; a picture that lies would lie here first."""

import pytest

from core import charts


@pytest.mark.parametrize(
    ("low", "high", "values"),
    [(0, 1, [0, 1]), (0, 3, [0, 1, 2, 3]), (0, 10, [0, 5, 10]), (0, 23, [0, 10, 20, 30]), (31, 43, [30, 35, 40, 45])],
)
def test_an_axis_ends_on_round_numbers_that_hold_all_values(low, high, values):
    assert charts.axis(low, high) == values


def test_bars_stand_on_the_base_and_stack_without_a_gap():
    chart = charts.bars(
        label="Calls by hour",
        names=["Answered", "Missed"],
        items=[
            {"label": "8 am", "values": [9, 1]},
            {"label": "9 am", "values": [0, 0]},
            {"label": "10 am", "values": None},
        ],
    )

    (answered, missed) = chart.bars
    assert answered[0] == "rail"
    assert answered[2] + answered[4] == pytest.approx(charts.BASE)
    assert missed[0] == "late"
    assert missed[2] + missed[4] == pytest.approx(answered[2])
    assert missed[4] == pytest.approx(answered[4] / 9, abs=0.1)
    assert [mark[3] for mark in chart.marks] == ["1"]
    assert chart.columns == ("", "Answered", "Missed")
    assert chart.table == (("8 am", 9, 1), ("9 am", 0, 0), ("10 am", "", ""))


def test_the_usual_line_is_in_the_picture_and_in_the_table():
    chart = charts.bars(
        label="Calls", names=["Calls"], items=[{"label": "8", "values": [2]}], usual=[4], usual_name="Usual Friday"
    )

    assert chart.table == (("8", 2, 4),)
    assert chart.usual[0][2] < chart.bars[0][2]
    assert chart.legend == (("rail", "Calls", False), ("off", "Usual Friday", True))


def test_a_line_is_drawn_until_now_and_dashed_after_it():
    chart = charts.line(
        label="Census",
        name="People",
        points=[{"label": f"Nov {day}", "value": value} for day, value in [(18, 36), (19, 38), (20, 39), (21, 40)]],
        ahead=2,
        band=[None, None, (39, 39), (37, 42)],
        band_name="8 days of 10",
    )

    assert [kind for kind, _ in chart.lines] == ["s-rail", "s-dash"]
    assert chart.lines[0][1].split()[-1] == chart.lines[1][1].split()[0]
    assert len(chart.band.split()) == 4
    assert chart.table[3] == ("Nov 21", 40, 37, 42)


@pytest.mark.parametrize("points", [[], [{"label": "Nov 20", "value": None}], [{"label": "Nov 20", "value": 3}]])
def test_too_little_for_a_line_still_has_axes(points):
    chart = charts.line(label="Census", points=points)

    assert chart.lines == ()
    assert len(chart.ticks) >= 2


def test_many_bars_are_labeled_sparsely():
    chart = charts.bars(label="Days", names=["n"], items=[{"label": str(day), "values": [day]} for day in range(90)])

    assert len(chart.labels) <= 12
