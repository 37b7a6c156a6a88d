"""The bed board under a keyboard, and when somebody else holds a bed meanwhile."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.permissions import Role
from programs import services
from programs.enums import Category
from tests import factories as make

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def facility(transactional_db):
    return make.make_facility()


@pytest.fixture
def clinician(facility):
    return make.make_user(at=facility, role=Role.CLINICIAN, has_letter_keys=True)


def test_arrows_choose_a_bed_and_letters_act_on_it(open_as, facility, clinician):
    program = make.make_program(facility=facility)
    free, taken = make.make_bed(program=program), make.make_bed(program=program)
    placement = make.make_placement(bed=taken)
    page = open_as(clinician)
    page.goto(reverse("programs:board"))
    bar = page.locator("#peek")
    expect(bar).to_contain_text(f"{free} Free")

    page.locator(f"#bed-{free.pk}").focus()
    page.keyboard.press("ArrowRight")

    expect(page.locator(f"#bed-{taken.pk}")).to_be_focused()
    expect(bar).to_contain_text(placement.person.name)
    page.keyboard.press("m")
    page.wait_for_url(f"**{reverse('admissions:step_down', args=[placement.stay_id])}")
    page.go_back()
    page.locator(f"#bed-{free.pk}").focus()
    expect(bar).to_contain_text("Free")
    page.keyboard.press("h")
    page.wait_for_url(f"**{reverse('admissions:hold_bed', args=[free.pk])}")


def test_what_a_colleague_holds_shows_within_seconds_and_moves_nothing(open_as, facility, clinician):
    beds = [make.make_bed(facility=facility) for _ in range(3)]
    person = make.make_person(at=facility, given_name="Thea", family_name="Reyes")
    page = open_as(clinician)
    page.goto(reverse("programs:board"))
    tile = page.locator(f"#bed-{beds[1].pk}")
    tile.focus()
    before = tile.bounding_box()

    services.hold(beds[1], person=person, by=make.make_user(at=facility), reason="On the line")

    expect(tile).to_contain_text("Thea R.", timeout=6_500)
    expect(tile).to_contain_text("held, 1 h 59 min")
    expect(tile).to_be_focused()
    assert tile.bounding_box() == before
    expect(page.locator("#show-held b")).to_have_text("1")


def test_another_bed_changes_what_will_happen_and_keeps_the_time_typed(open_as, facility, clinician):
    placement = make.make_placement(facility=facility)
    make.make_assignment(placement=placement, therapist=clinician)
    near = make.make_bed(program=make.make_program(facility=facility, name="Residential", category=Category.RES_HIGH))
    seat = make.make_bed(program=make.make_program(facility=facility, name="Evenings", category=Category.IOP))
    page = open_as(clinician)
    page.goto(reverse("admissions:step_down", args=[placement.stay_id]))
    expect(page.locator("h1")).to_have_text("Step down to Residential")
    expect(page.locator("#then")).to_contain_text(f"{near} is theirs")
    page.get_by_label("Time").fill("2pm")
    expect(page.locator(".hr-fate-why")).to_be_hidden()

    page.locator("#id_bed").select_option(str(seat.pk))

    expect(page.locator("h1")).to_have_text("Step down to Evenings")
    expect(page.locator("#then")).to_contain_text(f"{seat} is theirs")
    expect(page.get_by_label("Time")).to_have_value("2pm")
    page.locator(".hr-fate select").select_option("end")
    expect(page.locator(".hr-fate-why")).to_be_visible()
