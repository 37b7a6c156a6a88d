"""The main job in a browser, from ring to dashboard, as three users: issue by issue, step by step."""

import datetime as dt
import re

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import TimeoutError

from accounts.models import Facility, Membership
from accounts.permissions import Role
from admissions.models import Inquiry
from messaging import services as messaging
from messaging.models import Message
from programs.models import BedHold, Placement, Stay
from referrals.models import Referral
from tests.fakes import smtp
from tests.pages import demo
from therapy.models import TherapyAssignment

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def house():
    """The demo organization; its clinician also works at the second facility, where IOP is."""
    world = demo()
    world.there = Facility.objects.exclude(pk=world.facility.pk).get()
    Membership.objects.create(user=world.clinician, facility=world.there, role=Role.CLINICIAN)
    return world


def test_the_main_job_from_ring_to_dashboard(open_as, house, settings, tmp_path):
    desk = open_as(house.coordinator)
    clinic = open_as(house.clinician)
    office = open_as(house.manager)

    inquiry = take_the_call(desk, house)
    a_web_inquiry_appears(desk, open_as(None), house)
    the_promise_is_on_the_workbench(desk, inquiry)
    hold_decide_admit(desk, clinic, inquiry)
    stay = Stay.objects.get(request_id=inquiry.pk)
    assign_therapies(clinic, stay)
    step_down(clinic, stay, to="Residential")
    step_down(clinic, stay, to="Intensive outpatient")
    refer_out(desk, inquiry, house)
    the_reminder_is_sent_and_seen(desk, inquiry, settings, tmp_path)
    discharge(clinic, Stay.objects.filter(person=inquiry.person).latest("admitted_at"))
    the_dashboard_counts_it(office, house)
    call_command("check_invariants")  # exits when any is not zero


def take_the_call(desk, house):
    """`n` from anywhere, danger first, two people, two substances, a promise, the partner it came from."""
    desk.goto("/beds/")
    desk.keyboard.press("n")
    desk.wait_for_url(re.compile(r"/calls/[0-9a-f-]{36}/"))
    assert desk.get_by_text("Is anyone in danger right now?").is_visible()
    desk.keyboard.press("1")
    desk.get_by_label("Caller", exact=True).fill("Odile Quillfeather")
    desk.get_by_label("Is the person’s").select_option("mother")
    desk.get_by_label("Reach the caller at").fill("(312) 555-0187")
    desk.get_by_label("Person who needs help").fill("Bastien")
    desk.get_by_label("Age, about").fill("24")
    desk.locator("label.hr-choice", has_text="Text").first.click()
    substance(desk, 1, "Ketamine", "inhaled", "about 1 g a day", "today 8am")
    desk.locator("[data-substance-add]").click()
    substance(desk, 2, "Alcohol", "oral", "6 a day", "yesterday 10pm")
    desk.get_by_label("In the caller’s words").fill("He goes to the bathroom every twenty minutes.")
    desk.get_by_role("button", name="How they found us").click()
    desk.get_by_label("Which partner").select_option(index=1)
    desk.locator("label", has_text="In 1 hour").click()
    desk.get_by_label("What is promised").fill("What a first day looks like")
    desk.locator("[data-live-warning]").wait_for()  # both slow the breathing
    desk.keyboard.press("Control+Enter")
    desk.wait_for_url(re.compile(r"/(inquiries|workbench|people)/"))

    inquiry = Inquiry.objects.select_related("person", "caller").get(caller__family_name="Quillfeather")
    assert (inquiry.person.given_name, inquiry.person.family_name, inquiry.relation) == ("Bastien", "", "mother")
    assert [(s.name, s.route, s.setting) for s in inquiry.substances.all()] == [
        ("Ketamine", "inhaled", "recreational"),
        ("Alcohol", "oral", "recreational"),
    ]
    assert inquiry.referral is not None
    assert inquiry.safety_checks.get().answer == "none"
    return inquiry


def send(page, *, leaves):
    """Ctrl Enter, and away from the form; a refusal fails the test with its own words."""
    page.keyboard.press("Control+Enter")
    try:
        page.wait_for_url(lambda url: leaves not in url)
    except TimeoutError:
        raise AssertionError(page.locator(".hr-error, .is-late").all_inner_texts()) from None


def substance(desk, number, name, route, amount, last):
    row = desk.locator("[data-substance]").nth(number - 1)
    row.get_by_role("combobox", name="Substance").fill(name)
    row.get_by_label("How", exact=True).select_option(route)
    row.get_by_label("Setting").select_option("recreational")
    row.get_by_label("How much").fill(amount)
    row.get_by_label("Last use").fill(last)


def a_web_inquiry_appears(desk, stranger, house):
    """The public form commits before it thanks; the open workbench shows it within seconds."""
    desk.goto("/workbench/")
    stranger.goto(reverse("admissions:public_form", args=[house.facility.slug]))
    assert stranger.get_by_text("911").first.is_visible()
    stranger.locator("label.hr-choice", has_text="Someone I love").click()
    stranger.get_by_label("What may we call you?").fill("Wilhelmina")
    stranger.get_by_label("How can we reach you?").fill("(312) 555-0176")
    stranger.get_by_role("button", name=re.compile("Send")).click()
    stranger.wait_for_url("**/thanks/")
    assert Inquiry.objects.filter(caller__given_name="Wilhelmina", channel="web").exists()
    desk.get_by_text("Wilhelmina").first.wait_for(timeout=15_000)  # nobody reloaded the page


def the_promise_is_on_the_workbench(desk, inquiry):
    desk.goto("/workbench/")
    row = desk.locator(".hr-row", has_text="Odile Quillfeather").first
    assert row.get_by_text("What a first day looks like").is_visible()


def hold_decide_admit(desk, clinic, inquiry):
    """A bed while the caller is on the line; a clinician accepts; the coordinator admits the same day."""
    desk.goto(reverse("admissions:hold", args=[inquiry.pk]))
    desk.locator("input[name=bed]").first.check(force=True)
    desk.locator("[name=reason]").first.fill("His mother is on the line")
    send(desk, leaves="/hold/")
    held = BedHold.objects.open().get(person=inquiry.person)
    desk.get_by_text(held.use.bed.code).first.wait_for()

    clinic.goto(reverse("admissions:decide", args=[inquiry.pk]))
    clinic.locator("label", has_text="Accepted").first.click()
    detox = clinic.locator("select[name=program] option", has_text="Detox").first
    clinic.locator("select[name=program]").select_option(detox.get_attribute("value"))
    clinic.locator("[name=reason]").first.fill("Daily ketamine with alcohol")
    send(clinic, leaves="/decide/")
    inquiry.refresh_from_db()
    assert inquiry.stage == "scheduled"

    desk.goto(reverse("admissions:admit", args=[inquiry.pk]))
    send(desk, leaves="/admit/")
    inquiry.refresh_from_db()
    assert inquiry.stage == "admitted"


def assign_therapies(clinic, stay):
    placement = stay.placements.get()
    for name in ("CBT", "DBT", "Group", "Family", "Motivational"):
        clinic.goto(reverse("therapy:assign", args=[placement.pk]))
        clinic.locator("label:has(input[name=modality])", has_text=name).first.click()
        clinic.locator("select[name=therapist]").select_option(index=1)
        with clinic.expect_navigation():
            clinic.keyboard.press("Control+Enter")
    codes = set(TherapyAssignment.objects.filter(placement=placement).values_list("modality__code", flat=True))
    assert len(codes) == 5


def step_down(clinic, stay, *, to):
    person = stay.person
    stay = Stay.objects.filter(person=person, discharged_at=None).get()
    before = Placement.objects.current().get(person=person)
    clinic.goto(reverse("admissions:step_down", args=[stay.pk]))
    option = clinic.locator("select[name=bed] optgroup", has=clinic.locator("option")).filter(
        has=clinic.locator(f"xpath=self::*[contains(@label, '{to}')]")
    )
    assert option.count(), clinic.locator("select[name=bed]").inner_html()
    value = option.locator("option").first.get_attribute("value")
    with clinic.expect_response(lambda r: "step-down" in r.url):
        clinic.locator("select[name=bed]").select_option(value)
    for cell in clinic.locator(".hr-fate").all():
        fate = cell.locator("select")
        if not fate.input_value():  # nobody decides for the clinician: here the therapy ends, with a reason
            fate.select_option("end")
            cell.locator("input").fill("Not offered at the next program")
    for reason in clinic.locator("input[name=reason], textarea[name=reason]").all():
        reason.fill("Steady for two days")
    send(clinic, leaves="/step-down/")
    now = Placement.objects.current().get(person=person)
    assert now.pk != before.pk
    assert to in (now.program.name, now.program.get_category_display())


def refer_out(desk, inquiry, house):
    """Somebody who does not fit here goes to a partner, under consent, and both sides have a state."""
    waiting = Inquiry.objects.filter(facility=house.facility, stage="decision").order_by("pk").first()
    partner = house.partner
    from tests.factories import make_consent

    make_consent(
        person=waiting.person, facility=house.facility, to=[partner.organization],
        classes=["presence", "demographics", "treatment"], what="That I ask for help, and how to reach me",
    )  # fmt: skip
    desk.goto(reverse("admissions:refer_out", args=[waiting.pk]))
    desk.locator(f"input[name=partners][value='{partner.pk}']").check(force=True)
    for choice in ("urgency", "how"):
        first = desk.locator(f"input[name={choice}]").first
        if first.count():
            first.check(force=True)
    desk.locator("input[name=reason], textarea[name=reason]").first.fill("Needs a level we do not have")
    desk.keyboard.press("Control+Enter")
    desk.get_by_text("Sent. You will be reminded to ask.").wait_for()
    sent = Referral.objects.get(person=waiting.person, partner=partner, direction="out", made_by=house.coordinator)
    assert sent.state == "sent"
    assert sent.disclosure.notice.startswith("This record which has been disclosed to you is protected")
    desk.goto(reverse("referrals:referral", args=[sent.pk]))
    assert desk.get_by_text("Sent").first.is_visible()


def the_reminder_is_sent_and_seen(desk, inquiry, settings, tmp_path):
    """The owner of the promise is reminded; the mailbox shows it."""
    task = inquiry.person.tasks.filter(text="What a first day looks like").get()
    past = timezone.now() - dt.timedelta(minutes=1)
    Message.objects.filter(source_id=task.pk).update(due_at=past, next_at=past)
    settings.STATE_DIR = tmp_path
    settings.OUTGOING, settings.EMAIL_HOST = "on", "127.0.0.1"
    with smtp.running() as (sink, settings.EMAIL_PORT):
        messaging.deliver_due(limit=200)
        mails = [mail for number, mail in sink.arrived if number == Message.objects.get(source_id=task.pk).pk]
    assert len(mails) == 1
    for word in ("Bastien", "Quillfeather", "detox", "Larkfield North"):
        assert word.lower() not in str(mails[0]).lower()
    desk.goto("/messages/")
    assert desk.get_by_text("Sent").first.is_visible()


def discharge(clinic, stay):
    clinic.goto(reverse("admissions:discharge", args=[stay.pk]))
    clinic.locator("label", has_text="Completed").first.click()
    send(clinic, leaves="/discharge/")
    stay.refresh_from_db()
    assert stay.discharge_type == "completed"


def the_dashboard_counts_it(office, house):
    """Every figure opens the list behind it and equals its length."""
    office.goto("/dashboard/?days=7")
    figures = office.locator("a.hr-figure")
    assert figures.count() >= 8
    addresses = [figures.nth(i).get_attribute("href") for i in range(figures.count())]
    assert all(addresses)
    for address in addresses[:4]:
        assert office.goto(address).status == 200
