"""The invented organization: two facilities with programs, beds, staff and partners."""

import datetime as dt
from types import SimpleNamespace

from django.contrib.auth.hashers import make_password

from accounts.models import Facility, Membership, OpeningHours, User
from accounts.permissions import Role
from people.models import Organization
from programs.enums import BedKind, Category, Edition, TakenBy
from programs.models import Bed, Program, Unit
from referrals.models import Partner, PartnerContact
from reports.seeding.ledger import days
from therapy.models import Modality

# Demo accounts and colleagues without one: (username, given name, family name, facility, role, flags, may sign in)
STAFF = [
    ("coordinator", "Maya", "Lindqvist", "larkfield-north", Role.COORDINATOR, (), True),
    ("clinician", "Theo", "Brandt", "larkfield-north", Role.CLINICIAN, ("is_clinical_lead",), True),
    ("manager", "Ruth", "Calloway", "larkfield-north", Role.MANAGER, ("is_supervisor", "is_privacy_officer"), True),
    ("admin", "Ada", "Whitlock", "larkfield-north", Role.ADMIN, (), True),
    ("night", "Sam", "Okafor", "larkfield-north", Role.COORDINATOR, (), False),
    ("second", "Priya", "Anand", "larkfield-north", Role.COORDINATOR, (), False),
    ("therapist", "Ines", "Varga", "larkfield-north", Role.CLINICIAN, (), False),
    ("groups", "Ada", "Sorensen", "larkfield-north", Role.CLINICIAN, (), False),
    ("coordinator2", "Joan", "Marchetti", "mill-street", Role.COORDINATOR, (), True),
    ("clinician2", "Kofi", "Redmond", "mill-street", Role.CLINICIAN, ("is_clinical_lead",), True),
    ("manager2", "Edith", "Farrow", "mill-street", Role.MANAGER, ("is_supervisor", "is_privacy_officer"), True),
    ("therapist2", "Luis", "Navarro", "mill-street", Role.CLINICIAN, (), False),
]

# Organization kind, name, city, state, levels they take, covered entity or part 2 program, contacts
PARTNERS = [
    (
        "hospital",
        "Elm County Hospital",
        "Elmwood",
        "IL",
        ["hosp", "res_med"],
        True,
        [("Wes Tolliver", "Discharge planner"), ("Gloria Pike", "Social work")],
    ),
    (
        "treatment",
        "St. Brigid Detox Center",
        "Prairie Bend",
        "IL",
        ["res_med"],
        True,
        [("Hana Ziegler", "Admissions")],
    ),
    (
        "hospital",
        "Prairie Bend Medical",
        "Prairie Bend",
        "IL",
        ["hosp", "res_med"],
        True,
        [("Omar Weiss", "Emergency department")],
    ),
    ("treatment", "Quarry Road Recovery", "Quarry Park", "IL", ["res_high", "iop"], True, [("Lorna Blum", "Intake")]),
    ("treatment", "Halden House", "Halden", "IL", ["res_med", "res_high"], True, [("Bruno Ekdahl", "Admissions")]),
    (
        "court",
        "Larkfield County Court, treatment docket",
        "Larkfield",
        "IL",
        [],
        False,
        [("Priscilla Nwosu", "Court liaison")],
    ),
    ("therapist", "Linden Street Counseling", "Larkfield", "IL", ["op"], True, [("Selma Finch", "Therapist")]),
    (
        "sober_home",
        "Harbor Row House",
        "Millbrook",
        "OH",
        ["recovery_res"],
        False,
        [("Otis Kimball", "House manager")],
    ),
    ("hospital", "Millbrook General", "Millbrook", "OH", ["hosp"], True, [("Vera Stroud", "Case management")]),
    ("employer", "Tri-County Employee Assistance", "Millbrook", "OH", [], False, [("Dmitri Kaplan", "Counselor")]),
    ("alumni", "Larkfield Alumni Circle", "Larkfield", "IL", [], False, [("Cora Halloran", "Volunteer")]),
    ("treatment", "Riverbend Outpatient", "Riverbend", "OH", ["iop", "op"], True, [("Felix Aldana", "Intake")]),
]

MODALITIES = [
    ("cbt", "Cognitive behavioral therapy (CBT)", False),
    ("dbt", "Dialectical behavior therapy (DBT)", False),
    ("group", "Group therapy", False),
    ("family", "Family therapy", True),
    ("mi", "Motivational interviewing (MI)", False),
]


def build(ledger, *, now, since, password):
    """Both facilities with everything that stands still; answers a namespace the story is told with.

    `password` is that of every demo account; colleagues without an account cannot sign in.
    """
    house = SimpleNamespace(now=now, facilities={}, programs={}, units={}, beds={}, staff={}, partners=[])
    _larkfield(ledger, house)
    _mill_street(ledger, house)
    house.north, house.mill = house.facilities.values()
    for facility in house.facilities.values():
        for weekday in range(7):
            ledger.add(OpeningHours, facility=facility, weekday=weekday, opens=dt.time(8), closes=dt.time(20))
    for n, (kind, name, city, state, takes, covered, contacts) in enumerate(PARTNERS):
        organization = ledger.add(
            Organization,
            name=name,
            kind=kind,
            city=city,
            state=state,
            phone=f"+1{'217' if state == 'IL' else '330'}555{n + 180:04d}",
            is_part2_or_hipaa=covered,
        )
        partner = ledger.add(Partner, organization=organization, takes=takes, created_at=since)
        for index, (person, role) in enumerate(contacts):
            ledger.add(
                PartnerContact,
                partner=partner,
                name=person,
                role=role,
                phone=organization.phone,
                email=f"{person.split()[-1].lower()}{index}@example.org",
            )
        house.partners.append(partner)
    house.modalities = {
        code: Modality.objects.get_or_create(
            code=code, defaults={"name": name, "needs_family_consent": family, "position": 10 * (n + 1)}
        )[0]
        for n, (code, name, family) in enumerate(MODALITIES)
    }
    house.password = make_password(password)
    house.since = since
    return house


def hire(house):
    """Write staff and memberships; after the facilities are in the database, before anything names an actor.

    User ids count up, so this comes before any row that names an actor is made.
    """
    for username, given, family, slug, role, flags, may_sign_in in STAFF:
        facility = house.facilities[slug]
        user = User.objects.create(
            username=username if may_sign_in else f"{given}.{family}".lower(),
            first_name=given,
            last_name=family,
            email=f"{given}.{family}@example.org".lower(),
            home_facility=facility,
            password=house.password if may_sign_in else make_password(None),
            date_joined=house.since,
        )
        Membership.objects.create(
            user=user, facility=facility, role=role, starts_at=house.since - days(1), **dict.fromkeys(flags, True)
        )
        house.staff[username] = user


def _larkfield(ledger, house):
    facility = ledger.add(
        Facility,
        name="Larkfield North",
        slug="larkfield-north",
        neutral_name="The Larkfield office",
        neutral_phone="+13125550100",
        phone="+13125550101",
        street="1200 Larkfield Avenue",
        city="Larkfield",
        state="IL",
        postal_code="60699",
        zone="America/Chicago",
    )
    house.facilities[facility.slug] = facility
    detox = _program(ledger, house, facility, "Detox", Category.RES_MED, "3.7", planned_days=6, position=10)
    _unit(ledger, house, detox, "Unit A", TakenBy.WOMEN, "D", range(9, 17), position=20)
    _unit(ledger, house, detox, "Unit B", TakenBy.MEN, "D", range(1, 9), position=10, step_free={6, 7})
    _unit(ledger, house, detox, "Unit C", TakenBy.ANYONE, "D", range(17, 25), position=30, step_free={21, 22})
    residential = _program(
        ledger, house, facility, "Residential", Category.RES_HIGH, "3.5", planned_days=28, position=20
    )
    _unit(ledger, house, residential, "Unit D", TakenBy.WOMEN, "R", range(9, 17), position=20)
    _unit(ledger, house, residential, "Unit E", TakenBy.MEN, "R", range(1, 9), position=10, step_free={1, 2})
    _unit(ledger, house, residential, "Unit F", TakenBy.ANYONE, "R", range(17, 25), position=30)


def _mill_street(ledger, house):
    facility = ledger.add(
        Facility,
        name="Mill Street",
        slug="mill-street",
        neutral_name="The Mill Street office",
        neutral_phone="+12165550100",
        phone="+12165550101",
        street="48 Mill Street",
        city="Millbrook",
        state="OH",
        postal_code="44199",
        zone="America/New_York",
    )
    house.facilities[facility.slug] = facility
    iop = _program(
        ledger,
        house,
        facility,
        "Intensive outpatient",
        Category.IOP,
        "2.1",
        planned_days=42,
        weekly_hours=9,
        position=10,
    )
    _unit(ledger, house, iop, "Day group", TakenBy.ANYONE, "S", range(1, 13), position=10, kind=BedKind.SEAT)
    _unit(ledger, house, iop, "Evening group", TakenBy.ANYONE, "S", range(13, 25), position=20, kind=BedKind.SEAT)
    living = _program(
        ledger, house, facility, "Transitional living", Category.RECOVERY_RES, "", planned_days=90, position=20
    )
    _unit(ledger, house, living, "House 1", TakenBy.WOMEN, "T", range(1, 7), position=10)
    _unit(ledger, house, living, "House 2", TakenBy.MEN, "T", range(7, 13), position=20, step_free={7})


def _program(ledger, house, facility, name, category, code, **given):
    program = ledger.add(
        Program,
        facility=facility,
        name=name,
        category=category,
        level_code=code,
        level_edition=Edition.FOURTH if code else "",
        **given,
    )
    return house.programs.setdefault(category, program)


def _unit(ledger, house, program, name, taken_by, letter, numbers, *, position, kind=BedKind.BED, step_free=()):
    unit = ledger.add(Unit, program=program, name=name, taken_by=taken_by, position=position)
    for number in numbers:
        code = f"{letter}-{number:02d}"
        house.beds[code] = ledger.add(
            Bed,
            unit=unit,
            code=code,
            kind=kind,
            room=f"{100 + (number + 1) // 2}" if kind == BedKind.BED else "",
            is_step_free=number in step_free,
        )
