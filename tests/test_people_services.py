"""Persons, ways to reach them, and who may see a match."""

import pytest

from core.errors import Refused
from people import services
from people.models import ContactPoint, PersonAtFacility, Relation, Relationship
from people.phones import normal_phone, reach
from tests import factories as make


@pytest.mark.parametrize(
    "typed, normal",
    [
        ("(312) 555-0142", "+13125550142"),
        ("312.555.0142", "+13125550142"),
        ("+44 20 7946 0958", "+442079460958"),
        ("1-312-555-0142 ext. 5", "+13125550142"),
        ("555 0142", "5550142"),  # kept as it was said, never refused
        ("12345678901234567890", "12345678901234567890"),
        ("call my mother", ""),
        ("", ""),
        ("\x00", ""),
    ],
)
def test_a_number_is_compared_as_e164_or_by_its_digits(typed, normal):
    assert normal_phone(typed) == normal


@pytest.mark.parametrize(
    "typed, expected",
    [
        (" Renata@Example.org ", ("email", "renata@example.org")),
        ("312 555 0142", ("phone", "+13125550142")),
        ("the shelter on Alder", ("address", "the shelter on alder")),
        ("  ", ("", "")),
    ],
)
def test_a_way_to_be_reached_is_read_from_what_was_typed(typed, expected):
    assert reach(typed) == expected


def test_a_new_person_is_known_where_they_called_and_their_age_is_dated():
    facility = make.make_facility()

    person = services.create_person(
        facility=facility, by=None, given_name="  Devin\x00 ", family_name="Oakes " * 50, age_about=26
    )

    person.refresh_from_db()
    assert (person.given_name, len(person.family_name)) == ("Devin", 100)
    assert person.age_told_on == facility.today()
    assert PersonAtFacility.objects.get(person=person).facility == facility


def test_the_same_way_to_reach_a_person_is_one_row_and_newer_answers_count():
    person = make.make_person()

    first = services.add_contact_point(person, kind="phone", value="(312) 555-0142", by=None, ok_to_call=True)
    again = services.add_contact_point(
        person, kind="phone", value="312-555-0142", by=None, ok_to_call=None, ok_to_text=True
    )

    assert first == again
    point = ContactPoint.objects.get(person=person)
    assert (point.value, point.ok_to_call, point.ok_to_text, point.ok_to_voicemail) == (
        "(312) 555-0142", True, True, None,
    )  # fmt: skip


def test_nothing_is_no_way_to_reach_anybody():
    with pytest.raises(services.NothingToReach):
        services.add_contact_point(make.make_person(), kind="phone", value=" \x00 ", by=None)


def test_not_known_yet_never_replaces_a_relation():
    devin, renata = make.make_person(), make.make_person()
    services.relate(devin, other=renata, relation=Relation.MOTHER, by=None)

    services.relate(devin, other=renata, relation=Relation.UNKNOWN, by=None)

    assert Relationship.objects.get(person=devin, other=renata).relation == Relation.MOTHER
    with pytest.raises(Refused):
        services.relate(devin, other=devin, relation=Relation.CHILD, by=None)


def test_candidates_come_only_from_what_the_user_may_see_with_those_of_the_facility_first():
    here, there, elsewhere = make.make_facility(), make.make_facility(), make.make_facility()
    user = make.make_user(at=here)
    user.memberships.create(facility=there, role="coordinator")
    for place in (elsewhere, there, here):
        make.make_contact_point(make.make_person(at=place), value="(312) 555-0142", normal="+13125550142")

    found = services.candidates(user, facility=here, number="312 555 0142")

    assert [person.known_at.get().facility for person in found] == [here, there]
    assert services.candidates(user, facility=here, number="312 55") == []
    assert services.candidates(make.make_user(), facility=here, number="312 555 0142") == []
