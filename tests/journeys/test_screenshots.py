"""The pictures in `docs/screenshots/`: renewed with HANDRAIL_SCREENSHOTS=1, otherwise checked to be there.

HANDRAIL_SCREENSHOTS=1 python3 manage.py check_all tests/journeys/test_screenshots.py
"""

import os
import re
from pathlib import Path

import pytest
from django.urls import reverse

from tests.pages import demo

ROOT = Path(__file__).resolve().parent.parent.parent
PICTURES = ROOT / "docs" / "screenshots"
WIDTHS = {1440: 900, 390: 844}
# name → (reader, address)
SCENES = {
    "workbench": ("coordinator", lambda w: reverse("admissions:workbench")),
    "live-call": ("coordinator", lambda w: reverse("admissions:call", args=[w.draft.pk])),
    "inquiries": ("coordinator", lambda w: reverse("admissions:inquiries")),
    "inquiry": ("coordinator", lambda w: reverse("admissions:inquiry", args=[w.inquiry.pk])),
    "person": ("clinician", lambda w: reverse("admissions:person", args=[w.person.pk])),
    "bed-board": ("clinician", lambda w: reverse("programs:board")),
    "step-down": ("clinician", lambda w: reverse("admissions:step_down", args=[w.stay.pk])),
    "caseload": ("clinician", lambda w: reverse("therapy:caseload")),
    "referral-out": ("coordinator", lambda w: reverse("admissions:refer_out", args=[w.inquiry.pk])),
    "consents": ("clinician", lambda w: reverse("privacy:consents", args=[w.person.pk])),
    "messages": ("coordinator", lambda w: reverse("messaging:mailbox")),
    "dashboard": ("manager", lambda w: reverse("reports:dashboard")),
    "public-form": ("", lambda w: reverse("admissions:public_form", args=[w.facility.slug])),
    "sign-in": ("", lambda w: reverse("account_login")),
}


def test_every_scene_has_its_pictures_and_they_are_small():
    expected = {f"{name}-{width}.png" for name in SCENES for width in WIDTHS}

    assert {file.name for file in PICTURES.glob("*.png")} == expected
    assert [file.name for file in PICTURES.glob("*.png") if file.stat().st_size > 300_000] == []


def test_the_readme_shows_pictures_that_exist():
    shown = re.findall(r"\((docs/screenshots/[\w-]+\.png)\)", (ROOT / "README.md").read_text())

    assert len(shown) >= 3
    assert [path for path in shown if not (ROOT / path).exists()] == []


@pytest.mark.browser
@pytest.mark.timeout(300)
@pytest.mark.skipif(not os.environ.get("HANDRAIL_SCREENSHOTS"), reason="pictures are renewed when asked")
def test_renew_the_pictures(open_as):
    world = demo(inquiries=1200, days=365)
    PICTURES.mkdir(exist_ok=True)
    for width, height in WIDTHS.items():
        for name, (reader, address) in SCENES.items():
            page = open_as(world.users.get(reader), width=width, height=height)
            page.goto(address(world))
            if name == "live-call":
                _talk(page)
            page.wait_for_timeout(600)
            page.screenshot(path=PICTURES / f"{name}-{width}.png")
            page.context.close()


def _talk(page):
    page.locator("label", has_text="No one is in danger").click()
    page.get_by_label("Caller", exact=True).fill("Renata Oakes")
    page.get_by_label("Is the person’s").select_option("mother")
    page.get_by_label("Reach the caller at").fill("(312) 555-0142")
    page.get_by_label("Person who needs help").fill("Devin")
    row = page.locator("[data-substance]").first
    row.get_by_role("combobox", name="Substance").fill("Ketamine")
    row.get_by_label("How much").fill("about 1 g a day")
    page.locator("label", has_text="In 1 hour").click()
    page.wait_for_timeout(2500)
    page.evaluate("window.scrollTo(0, 0)")
