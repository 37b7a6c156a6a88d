"""A therapy is assigned with a therapist, a frequency and a plan, and never ends in silence."""

import datetime as dt
import itertools

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.permissions import Role
from core.errors import Stale
from core.models import Happening
from programs.models import Placement
from tests import factories as make
from therapy import services
from therapy.modalities import FIRST_FIVE, make_first_five
from therapy.models import Modality, TherapyAssignment

DAY = dt.timedelta(days=1)
_keys = itertools.count(1)


def key():
    return {"idempotency_key": f"test-key-{next(_keys):06d}"}


@pytest.fixture
def placement():
    return make.make_placement()


@pytest.fixture
def clinician(placement):
    return make.make_user(at=placement.facility, role=Role.CLINICIAN)


def assign(placement, therapist, **given):
    given = {"modality": make.make_modality(), "per_week": 2, "planned_sessions": 8, "by": therapist} | given
    return services.assign(placement, therapist=therapist, **given)


def test_every_installation_begins_with_the_five_therapies_the_field_names():
    make_first_five()
    Modality.objects.filter(code="cbt").update(name="CBT, as we say it")
    make_first_five()

    assert list(Modality.objects.filter(code__in=[code for code, *_ in FIRST_FIVE]).values_list("code", "name")) == [
        ("cbt", "CBT, as we say it"),
        ("dbt", "Dialectical behavior therapy (DBT)"),
        ("group", "Group therapy"),
        ("family", "Family therapy"),
        ("mi", "Motivational interviewing (MI)"),
    ]
    assert Modality.objects.filter(needs_family_consent=True).get().code == "family"


@pytest.mark.parametrize(
    "given",
    [
        {"per_week": 0},
        {"per_week": 15},
        {"planned_sessions": 0},
        {"planned_sessions": 401},
        {"minutes": 9},
        {"minutes": 481},
    ],
)
def test_a_plan_is_one_that_can_be_kept(placement, given):
    with pytest.raises(IntegrityError, match="assignment_sane"), transaction.atomic():
        make.make_assignment(placement=placement, **given)


@pytest.mark.parametrize(
    "given, name",
    [
        ({"state": "ended"}, "ended_iff_over"),
        ({"ended_on": dt.date(2040, 1, 1)}, "ended_iff_over"),
        ({"state": "ended", "ended_on": dt.date(2020, 1, 1)}, "in_order"),
    ],
)
def test_an_ended_therapy_has_a_day_and_only_it(placement, given, name):
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        make.make_assignment(placement=placement, **given)


def test_the_same_therapy_with_the_same_therapist_is_active_once(placement, clinician):
    first = assign(placement, clinician)

    with pytest.raises(services.AssignedAlready):
        assign(placement, clinician, modality=first.modality)

    services.end(first, reason="Goal reached", by=clinician)
    assert assign(placement, clinician, modality=first.modality)


def test_an_assignment_starts_on_the_facilitys_day_and_tells_the_timeline(placement, clinician):
    row = assign(placement, clinician, goal="Sleep without it")

    assert (row.starts_on, row.person, row.facility) == (
        placement.facility.today(),
        placement.person,
        placement.facility,
    )
    happening = Happening.objects.get(subject_id=row.pk)
    assert (happening.verb, happening.about_id) == ("therapy.assigned", placement.person_id)
    assert "Sleep" not in happening.text, "the goal is clinical and stays in its row"


@pytest.mark.parametrize("who", ["coordinator", "elsewhere", "inactive"])
def test_only_a_clinician_of_the_place_is_given_a_therapy(placement, who):
    at = make.make_facility() if who == "elsewhere" else placement.facility
    role = Role.COORDINATOR if who == "coordinator" else Role.CLINICIAN
    user = make.make_user(at=at, role=role, is_active=who != "inactive")

    with pytest.raises(services.NoTherapist):
        assign(placement, user)


def test_nothing_is_assigned_in_a_program_the_person_left(placement, clinician):
    Placement.objects.update(period=(placement.period.lower, placement.period.lower + DAY))

    with pytest.raises(services.TherapyOver):
        assign(placement, clinician)


def test_an_end_has_a_reason_and_happens_once(placement, clinician):
    row = assign(placement, clinician)

    with pytest.raises(services.NoReason):
        services.end(row, reason="  ", by=clinician)
    ended = services.end(row, reason="Goal reached", by=clinician)

    assert (ended.state, ended.end_reason, ended.ended_on) == ("ended", "Goal reached", placement.facility.today())
    with pytest.raises(services.TherapyOver):
        services.end(row, reason="Again", by=clinician)


def test_a_stale_change_overwrites_nothing(placement, clinician):
    row = assign(placement, clinician)
    services.change(TherapyAssignment.objects.get(), version=1, by=clinician, per_week=3)

    with pytest.raises(Stale):
        services.change(row, version=1, by=clinician, per_week=5)

    row.refresh_from_db()
    assert (row.per_week, row.version) == (3, 2)


# The pages ------------------------------------------------------------------------------------------------


DETAILS = {"per_week": "2", "planned_sessions": "8", "minutes": "50", "starts_on": "today", "goal": ""}


def test_assigning_on_the_page_leads_to_the_next_one(signed_in, placement, clinician):
    page = reverse("therapy:assign", args=[placement.pk])
    modality = make.make_modality()
    client = signed_in(clinician)
    data = key() | DETAILS | {"modality": modality.pk, "therapist": clinician.pk}

    answers = [client.post(page, data) for _ in range(2)]

    assert [answer.headers.get("Location") for answer in answers] == [page, page], "a double click assigns once"
    assert TherapyAssignment.objects.get().modality == modality
    assert str(modality) in client.get(page).content.decode()


@pytest.mark.parametrize(
    "typed",
    [
        {"per_week": "0"},
        {"per_week": "9" * 30},
        {"minutes": "soon"},
        {"starts_on": "\x00"},
        {"starts_on": "1/1/0001"},
        {"starts_on": "12/31/9999"},
        {"therapist": "9" * 30},
        {"therapist": "x"},
        {"modality": "-1"},
        {"goal": "x" * 10_000},
    ],
)
def test_no_input_breaks_the_page(signed_in, placement, clinician, typed):
    page = reverse("therapy:assign", args=[placement.pk])
    data = key() | DETAILS | {"modality": make.make_modality().pk, "therapist": clinician.pk} | typed

    assert signed_in(clinician).post(page, data).status_code == 200
    assert not TherapyAssignment.objects.exists()


def test_a_caseload_is_ones_own(signed_in, placement, clinician):
    mine = make.make_assignment(placement=placement, therapist=clinician)
    theirs = make.make_assignment(placement=make.make_placement(facility=placement.facility))
    ended = make.make_placement(facility=placement.facility)
    services.end(make.make_assignment(placement=ended, therapist=clinician), reason="Goal reached", by=clinician)

    answer = signed_in(clinician).get(reverse("therapy:caseload"))

    assert [one["person"] for one in answer.context["people"]] == [mine.person]
    page = answer.content.decode()
    assert mine.person.name in page
    assert theirs.person.name not in page
    assert "day 3 of the stay" in page


@pytest.mark.parametrize("rows", [1, 3])
def test_a_caseload_asks_no_more_for_more(signed_in, placement, clinician, rows):
    for _ in range(rows):
        make.make_assignment(placement=make.make_placement(facility=placement.facility), therapist=clinician)
    client = signed_in(clinician)
    client.get(reverse("therapy:caseload"))

    with CaptureQueriesContext(connection) as queries:
        client.get(reverse("therapy:caseload"))

    asked = [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"]]
    assert len(asked) == 4, "session, user; the therapies; the read event"


def test_another_facilitys_therapy_does_not_exist(signed_in, placement):
    row = make.make_assignment(placement=placement)
    client = signed_in(make.make_user(at=make.make_facility(), role=Role.CLINICIAN))

    assert client.get(reverse("therapy:change", args=[row.pk])).status_code == 404
    assert client.post(reverse("therapy:end", args=[row.pk]), {"reason": "x"}).status_code == 404
    assert client.get(reverse("therapy:assign", args=[placement.pk])).status_code == 404
