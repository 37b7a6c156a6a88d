"""Search finds people as staff know them: misspelt, in part, in any order, and never out of sight."""

import datetime as dt

import pytest

from accounts.models import Membership
from accounts.permissions import Role
from people import search as searching
from people.models import ReadEvent
from people.search import search
from tests import factories as make
from tests.queries import statements

TODAY = dt.date(2026, 11, 21)


@pytest.fixture
def facility():
    return make.make_facility()


@pytest.fixture
def coordinator(facility):
    return make.make_user(at=facility)


def found(user, text):
    return [hit.person.name for hit in search(user, text, today=TODAY)]


def somebody(facility, name, **given):
    given_name, _, family_name = name.partition(" ")
    return make.make_person(at=facility, given_name=given_name, family_name=family_name, **given)


@pytest.mark.parametrize(
    "typed",
    ["Renata", "renata oakes", "oakes renata", "Oakes, Renata", "nat", "ren oak", "  RENATA  ", "renatta",
     "Renata Oaks", "oaks renatta"],
)  # fmt: skip
def test_a_name_is_found_in_part_in_any_order_and_misspelt(coordinator, facility, typed):
    somebody(facility, "Renata Oakes")
    somebody(facility, "Garrett Lowe")

    assert found(coordinator, typed) == ["Renata Oakes"]


@pytest.mark.parametrize(
    ("name", "typed"), [("José Núñez", "jose nunez"), ("Jose Nunez", "José Núñez"), ("Zoë Bär", "zoe bar")]
)
def test_accents_make_no_difference(coordinator, facility, name, typed):
    somebody(facility, name)

    assert found(coordinator, typed) == [name]


@pytest.mark.parametrize(
    "typed", ["(312) 555-0142", "312 555 0142", "+1 312-555-0142", "13125550142", "5550142", "0142", "312.555.0142"]
)
def test_a_number_is_found_in_any_spelling_and_in_part(coordinator, facility, typed):
    renata = somebody(facility, "Renata Oakes")
    make.make_contact_point(renata, normal="+13125550142", value="(312) 555-0142")
    make.make_contact_point(somebody(facility, "Garrett Lowe"), normal="+13125550199")

    (hit,) = search(coordinator, typed, today=TODAY)

    assert (hit.person, hit.why, hit.person.point) == (renata, "phone", "+13125550142")


@pytest.mark.parametrize("typed", ["renata@", "RENATA@example.org", "@example.or", "ta@ex"])
def test_an_email_is_found_in_part(coordinator, facility, typed):
    renata = somebody(facility, "R Oakes")
    make.make_email(renata, normal="renata@example.org")

    assert [hit.why for hit in search(coordinator, typed, today=TODAY)] == ["email"]


@pytest.mark.parametrize("typed", ["7/9/81", "07/09/1981", "1981-07-09", "Jul 9 1981", "july 9, 1981", "070981"])
def test_a_birth_date_is_found_as_typed(coordinator, facility, typed):
    renata = somebody(facility, "Renata Oakes", birth_on=dt.date(1981, 7, 9))
    somebody(facility, "Garrett Lowe", birth_on=dt.date(1981, 9, 7))

    assert [(hit.person, hit.why) for hit in search(coordinator, typed, today=TODAY)] == [(renata, "birth")]


@pytest.mark.parametrize("typed", ["", " ", "re", "12", "312", "a b", "%%%", "___", "\x00\x00\x00", "…", "🙂", "1"])
def test_too_little_finds_nobody(coordinator, facility, typed):
    somebody(facility, "Renata Oakes", birth_on=dt.date(1981, 7, 9))

    assert found(coordinator, typed) == []


@pytest.mark.parametrize(
    "typed",
    ["x" * 10_000, "9" * 10_000, "99/99/9999", "1/1/0001", "%nat%", "ren_ta", "o'; drop table people_person; --",
     "ren\\ata", "9999-12-31", "@@@@", "+++++++1234"],
)  # fmt: skip
def test_junk_is_no_error_and_no_wildcard(signed_in, coordinator, facility, typed):
    somebody(facility, "Renata Oakes")

    response = signed_in(coordinator).post("/people/", {"q": typed})

    assert response.status_code == 200
    assert "Renata" not in response.content.decode()


def test_nobody_out_of_sight_is_found_or_hinted_at(signed_in, coordinator, facility):
    theirs = somebody(make.make_facility(), "Zeisigruf Hartwell", birth_on=dt.date(1981, 7, 9))
    make.make_contact_point(theirs, normal="+13125550142")
    desk = signed_in(coordinator)

    for typed, nobody in (("Zeisigruf", "Qwertzuiop"), ("5550142", "5550143"), ("7/9/81", "7/9/82")):
        known = desk.post("/people/", {"q": typed}, headers={"HX-Request": "true"}).content.replace(
            typed.encode(), b""
        )
        unknown = desk.post("/people/", {"q": nobody}, headers={"HX-Request": "true"}).content
        assert known == unknown.replace(nobody.encode(), b"")
        assert b"Nobody you may see is found" in known


def test_a_role_that_sees_no_people_finds_none(coordinator, facility):
    elsewhere = make.make_facility()
    Membership.objects.create(user=coordinator, facility=elsewhere, role=Role.ADMIN)
    somebody(elsewhere, "Renata Oakes")

    assert found(coordinator, "Renata") == []


def test_people_out_of_sight_take_no_place_among_the_candidates(coordinator, facility, monkeypatch):
    monkeypatch.setattr(searching, "CANDIDATES", 3)
    elsewhere = make.make_facility()
    for n in range(8):
        make.make_contact_point(somebody(elsewhere, f"Renata O{n}"), normal=f"+1312555019{n}")
    make.make_contact_point(somebody(facility, "Renata Oakes"), normal="+13125550190")

    assert found(coordinator, "renata") == found(coordinator, "555019") == ["Renata Oakes"]


def test_a_merged_person_is_found_as_the_one_they_are(coordinator, facility):
    kept = somebody(facility, "Renata Oakes")
    somebody(facility, "Renata Oaks", merged_into=kept)

    assert found(coordinator, "renata") == ["Renata Oakes"]


def test_the_closest_name_stands_first_and_twenty_are_enough(coordinator, facility):
    for n in range(25):
        somebody(facility, f"Marianne Longlastname{n}")
    somebody(facility, "Maria Lo")

    names = found(coordinator, "maria")

    assert (names[0], len(names)) == ("Maria Lo", 20)


@pytest.mark.parametrize("typed", ["renata", "renatta", "5550", "7/9/81", "@example"])
def test_a_search_costs_four_queries(signed_in, coordinator, facility, typed):
    desk = signed_in(coordinator)

    def one_more():
        person = somebody(facility, "Renata Oakes", birth_on=dt.date(1981, 7, 9))
        make.make_contact_point(person, normal="+13125550142")
        make.make_email(person)

    counted = []
    one_more()
    desk.get("/people/")
    for _ in (1, 3):
        with statements() as asked:
            response = desk.post("/people/", {"q": typed})
        counted.append((len(response.context["hits"]), len(asked)))
        one_more()
        one_more()

    assert counted == [(1, counted[0][1]), (3, counted[0][1])]
    assert counted[0][1] == 4, "session, user with memberships; the search; the read event"


def test_whoever_was_found_is_in_the_read_log_and_no_word_of_the_search(signed_in, coordinator, facility):
    renata = somebody(facility, "Renata Oakes")

    signed_in(coordinator).post("/people/", {"q": "renata"})

    event = ReadEvent.objects.get()
    assert (event.person_ids, event.page) == ([renata.pk], "admissions:people")


def test_a_search_in_the_address_is_not_answered(signed_in, coordinator, facility):
    somebody(facility, "Renata Oakes")

    assert "Renata" not in signed_in(coordinator).get("/people/", {"q": "Renata"}).content.decode()
