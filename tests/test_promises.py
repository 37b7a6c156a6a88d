"""A promise has an owner, a time and an outcome, and its time decides whether it was kept."""

import datetime as dt

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from core.errors import Refused
from core.models import Happening
from core.times import instant, wall_clock
from tests import factories as make
from work import services, subjects
from work.models import Task

GRACE = dt.timedelta(minutes=5)


@pytest.fixture
def facility():
    return make.make_facility()


@pytest.fixture
def owner(facility):
    return make.make_user(at=facility)


def promise(facility, owner, *, at=None, ahead=dt.timedelta(hours=1), **given):
    """A promise made at `at` (default now), due `ahead` later on the facility's wall clock."""
    at = at or timezone.now()
    on, time = wall_clock(at + ahead, facility.zone)
    given = {"person": make.make_person(at=facility), "text": "Call back", "by": owner, "at": at} | given
    return services.promise(facility=facility, owner=owner, on=on, time=time, **given)


def test_a_promise_is_kept_on_the_facilitys_wall_clock(owner, facility):
    on = facility.today() + dt.timedelta(days=3)

    task = services.promise(
        facility=facility, person=None, owner=owner, text=" Call  Renata ", on=on, time=dt.time(14), by=owner
    )

    assert (task.text, task.zone) == ("Call Renata", facility.zone)
    assert task.due_at == instant(on, dt.time(14), facility.zone)


def test_a_promise_tells_the_timeline(owner, facility):
    task = promise(facility, owner)

    happening = Happening.objects.get(subject_id=task.pk)
    assert (happening.verb, happening.about_id, happening.place_id) == ("promise.made", task.person_id, facility.pk)


def test_a_time_that_is_over_is_refused_with_a_sentence(owner, facility):
    with pytest.raises(services.PromiseInThePast, match="already over"):
        promise(facility, owner, ahead=dt.timedelta(minutes=-6))

    assert not Task.objects.exists()


def test_a_time_a_few_minutes_ago_is_taken_because_forms_are_slow(owner, facility):
    assert promise(facility, owner, ahead=dt.timedelta(minutes=-4)).state == "open"


def test_a_day_that_no_calendar_has_is_refused(owner, facility):
    with pytest.raises(Refused):
        services.promise(
            facility=facility, person=None, owner=owner, text="Call", on=dt.date.max, time=dt.time(23), by=owner
        )


def test_nobody_promises_for_somebody_who_works_elsewhere(owner, facility):
    stranger = make.make_user(at=make.make_facility())

    with pytest.raises(services.NotOnStaff):
        promise(facility, stranger)


@pytest.mark.parametrize("outcome", ["", "   ", "\n"])
def test_a_promise_never_leaves_without_an_outcome(owner, facility, outcome):
    task = promise(facility, owner)

    with pytest.raises(services.OutcomeMissing):
        services.close(task, outcome=outcome, by=owner)
    task.refresh_from_db()
    assert task.state == "open"


def test_the_database_refuses_a_closed_promise_without_an_outcome(owner, facility):
    task = promise(facility, owner)

    with pytest.raises(IntegrityError, match="work_task_closed_with_outcome"), transaction.atomic():
        Task.objects.filter(pk=task.pk).update(state="kept", closed_at=timezone.now())


@pytest.mark.parametrize(
    ("after_due", "state"),
    [
        (-dt.timedelta(hours=1), "kept"),
        (GRACE, "kept"),
        (GRACE + dt.timedelta(microseconds=1), "broken"),
        (dt.timedelta(days=2), "broken"),
    ],
)
def test_a_promise_is_kept_until_the_last_instant_of_its_grace(owner, facility, after_due, state):
    task = promise(facility, owner)

    closed = services.close(task, outcome="Reached", by=owner, at=task.due_at + after_due)

    assert closed.state == state


def test_a_longer_grace_of_the_facility_counts(owner, facility):
    facility.promise_grace_minutes = 30
    facility.save()
    task = promise(facility, owner)

    closed = services.close(task, outcome="Reached", by=owner, at=task.due_at + dt.timedelta(minutes=30))

    assert closed.state == "kept"


def test_a_promise_no_longer_wanted_is_cancelled_but_a_late_one_stays_broken(owner, facility):
    in_time, late = promise(facility, owner), promise(facility, owner)

    services.close(in_time, outcome="Was admitted", by=owner, cancelled=True)
    services.close(late, outcome="Was admitted", by=owner, cancelled=True, at=late.due_at + dt.timedelta(hours=1))

    assert [Task.objects.get(pk=task.pk).state for task in (in_time, late)] == ["cancelled", "broken"]


def test_other_work_is_done_never_kept(owner, facility):
    task = promise(facility, owner, kind="follow_up")

    assert services.close(task, outcome="Faxed", by=owner, at=task.due_at + dt.timedelta(days=1)).state == "done"


def test_a_promise_is_closed_once(owner, facility):
    task = promise(facility, owner)
    services.close(task, outcome="Reached", by=owner)

    with pytest.raises(services.TaskOver):
        services.close(task, outcome="Again", by=owner)
    task.refresh_from_db()
    assert task.outcome == "Reached"


def test_a_promise_moved_in_time_stays_the_same_one(owner, facility):
    task = promise(facility, owner)
    on = facility.today() + dt.timedelta(days=2)

    moved = services.move(task, on=on, time=dt.time(10), by=owner, reason="She asked for it")

    assert (moved.pk, moved.state, moved.source_version) == (task.pk, "open", 2)
    assert moved.due_at == instant(on, dt.time(10), facility.zone)


def test_moving_a_late_promise_breaks_it_and_makes_a_new_one(owner, facility):
    made_at = timezone.now() - dt.timedelta(hours=3)
    task = promise(facility, owner, at=made_at)
    on = facility.today() + dt.timedelta(days=2)

    again = services.move(task, on=on, time=dt.time(10), by=owner, reason="He did not answer")

    task.refresh_from_db()
    assert (task.state, task.outcome) == ("broken", "Moved when it was late: He did not answer")
    assert (again.state, again.text, again.person_id, again.owner_id) == ("open", task.text, task.person_id, owner.pk)


def test_a_promise_does_not_move_without_a_reason_or_into_the_past(owner, facility):
    task = promise(facility, owner)
    yesterday = facility.today() - dt.timedelta(days=1)

    with pytest.raises(services.OutcomeMissing):
        services.move(task, on=task.due_on, time=task.due_time, by=owner, reason=" ")
    with pytest.raises(services.PromiseInThePast):
        services.move(task, on=yesterday, time=dt.time(9), by=owner, reason="Typed wrong")
    task.refresh_from_db()
    assert (task.state, task.source_version) == ("open", 1)


def test_a_promise_is_handed_to_somebody_who_can_keep_it(owner, facility):
    task = promise(facility, owner)
    colleague, stranger = make.make_user(at=facility), make.make_user(at=make.make_facility())

    handed = services.hand_over(task, to=colleague, by=owner)
    with pytest.raises(services.NotOnStaff):
        services.hand_over(task, to=stranger, by=owner)

    assert (handed.owner, handed.source_version, handed.due_at) == (colleague, 2, task.due_at)


def test_a_rule_makes_its_task_once(owner, facility):
    inquiry = make.make_inquiry(facility=facility)

    first = promise(facility, owner, kind="follow_up", rule="aftercare", subject=inquiry)
    second = promise(facility, owner, kind="follow_up", rule="aftercare", subject=inquiry)

    assert first == second
    assert (first.subject_kind, first.subject_id) == ("inquiry", inquiry.pk)


def test_subjects_are_asked_once_a_kind(monkeypatch, facility):
    monkeypatch.setattr(subjects, "_resolvers", {})
    asked = []

    def resolver(ids):
        asked.append(ids)
        return {pk: subjects.Subject("A title", "/there/") for pk in ids}

    subjects.register("inquiry", resolver)
    inquiries = [make.make_inquiry(facility=facility) for _ in range(2)]
    tasks = [make.make_task(facility=facility, subject_kind="inquiry", subject_id=one.pk) for one in inquiries]
    tasks += [make.make_task(facility=facility, subject_kind="unknown", subject_id=inquiries[0].pk)]

    found = subjects.resolve(tasks)

    assert found == {task.pk: subjects.Subject("A title", "/there/") for task in tasks[:2]}
    assert len(asked) == 1
