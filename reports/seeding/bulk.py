"""Many made-up inquiries for benchmarks, made by PostgreSQL itself.

Every number is +1 999 …, an area code that no one has; nobody said yes to any message and none is due, so nothing is
ever sent. Row history is off while this runs: it would double the time and say nothing.
"""

import time

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from accounts.models import Facility, Membership, User
from accounts.permissions import Role
from programs.enums import Category
from programs.models import Bed, Program, Unit
from reports.seeding.names import FAMILY, GIVEN, NOTES, WORDS

STAFF = 25
TAILS = ["", "son", "berg", "man", "field", "ford", "ley", "ton", "wood", "worth", "well", "stein", "ham", "brook"]
TABLES = """people_person people_personatfacility people_contactpoint admissions_inquiry admissions_stagechange
    admissions_intakecall admissions_safetycheck admissions_substanceuse admissions_websubmission work_task
    programs_beduse programs_stay programs_placement"""
# $n is the number of inquiries, $now the instant everything is counted back from; g runs from 1 to n.
STEPS = {
    "persons": """
        INSERT INTO people_person (id, version, given_name, family_name, birth_on, sex, pronouns, language,
               needs_interpreter, zone, created_at)
        SELECT md5('person' || g)::uuid, 1, $given[1 + g * 40503 % cardinality($given)],
               $family[1 + g * 7919 / 13 % cardinality($family)]
                   || $tails[1 + g * 31 / 7 % cardinality($tails)],
               date '1955-01-01' + (g * 6007 % 17000)::int, CASE g % 2 WHEN 0 THEN 'female' ELSE 'male' END, '',
               'English', false, '', opened
          FROM bench_inquiry""",
    "known": """
        INSERT INTO people_personatfacility (person_id, facility_id, because, since)
        SELECT md5('person' || g)::uuid, facility, 'contact', opened FROM bench_inquiry
        UNION SELECT md5('person' || caller)::uuid, facility, 'contact', opened FROM bench_inquiry b
         WHERE caller <> g AND facility <> (SELECT facility FROM bench_inquiry c WHERE c.g = b.caller)""",
    "contact_points": """
        INSERT INTO people_contactpoint (id, person_id, kind, value, normal, label, is_preferred, is_shared,
        created_at)
        SELECT md5('phone' || g)::uuid, md5('person' || g)::uuid, 'phone', '+1999' || lpad(g::text, 7, '0'),
               '+1999' || lpad(g::text, 7, '0'), '', true, false, opened FROM bench_inquiry""",
    "inquiries": """
        INSERT INTO admissions_inquiry (id, version, facility_id, person_id, channel, stage, owner_id, caller_id,
        relation,
               contact_point_id, source, words, opened_at, first_attempt_at, first_reached_at, stage_since,
               admitted_at,
               closed_at, closed_because, closed_note, is_suspect, created_by_id)
        SELECT id, 1, facility, md5('person' || g)::uuid, channel, stage, owner, md5('person' || caller)::uuid,
               CASE WHEN caller = g THEN 'self' ELSE 'mother' END, md5('phone' || caller)::uuid,
               (ARRAY['search','family','ad','alumni','partner','insurance','returning','other','unknown'])[1 + g % 9],
               $words[1 + g % cardinality($words)], opened, attempted, reached, moved,
               CASE stage WHEN 'admitted' THEN moved END, CASE stage WHEN 'closed' THEN moved END,
               CASE stage WHEN 'closed' THEN (ARRAY['not_now','chose_other','coverage','information','unreached'])[1
                   + g % 5]
                    ELSE '' END, '', false, CASE channel WHEN 'web' THEN NULL ELSE owner END
          FROM bench_inquiry""",
    "stage_changes": """
        INSERT INTO admissions_stagechange (inquiry_id, from_stage, to_stage, at, by_id)
        SELECT id, '', 'new', opened, owner FROM bench_inquiry
        UNION ALL SELECT id, 'new', stage, moved, owner FROM bench_inquiry WHERE stage <> 'new'""",
    "calls": """
        INSERT INTO admissions_intakecall (id, facility_id, inquiry_id, caller_id, direction, number, normal, began_at,
               ended_at, outcome, notes, by_id, created_at)
        SELECT md5('call' || g || '-' || k)::uuid, facility, id, md5('person' || caller)::uuid,
               CASE WHEN k = 1 AND channel = 'call' THEN 'in' ELSE 'out' END, '+1999' || lpad(caller::text, 7, '0'),
               '+1999' || lpad(caller::text, 7, '0'), at, at + interval '4 min',
               CASE WHEN k = 1 AND reached IS NOT NULL THEN 'reached'
                    ELSE (ARRAY['no_answer','voicemail','busy','no_answer'])[1 + (g + k) % 4] END,
               CASE k WHEN 1 THEN $notes[1 + g % cardinality($notes)] ELSE '' END, owner, at
          FROM bench_inquiry, generate_series(1, 5) k,
               LATERAL (SELECT coalesce(reached, attempted, opened) + (k - 1) * interval '5 hours' AS at) t""",
    "safety_checks": """
        INSERT INTO admissions_safetycheck (id, facility_id, inquiry_id, call_id, answer, asked_as_group, is_e1,
        asked_at,
               asked_by_id, action, action_note)
        SELECT md5('safety' || g)::uuid, facility, id, md5('call' || g || '-1')::uuid, 'none', true, false, reached,
        owner,
               '', '' FROM bench_inquiry WHERE reached IS NOT NULL""",
    "substances": """
        INSERT INTO admissions_substanceuse (id, inquiry_id, rank, substance, name, route, setting, amount, last_use)
        SELECT md5('use' || g || '-' || k)::uuid, id, k, CASE k WHEN 1 THEN 'KET' ELSE 'ALC' END,
               CASE k WHEN 1 THEN 'Ketamine' ELSE 'Alcohol' END, CASE k WHEN 1 THEN 'inhaled' ELSE 'oral' END,
               'recreational', '', 'yesterday' FROM bench_inquiry, generate_series(1, 1 + (g % 2)::int) k""",
    "web_submissions": """
        INSERT INTO admissions_websubmission (id, facility_id, inquiry_id, fields, suspect_because, received_at)
        SELECT md5('web' || g)::uuid, facility, id, '{"message": "I would like to stop."}', '', opened
          FROM bench_inquiry WHERE channel = 'web'""",
    "tasks": """
        INSERT INTO work_task (id, facility_id, kind, person_id, contact_point_id, subject_kind, subject_id,
        owner_id, text,
               due_on, due_time, zone, due_at, state, outcome, closed_at, closed_by_id, rule, created_by_id,
               created_at,
               source_version)
        SELECT md5('task' || g)::uuid, facility, 'promise', md5('person' || g)::uuid, md5('phone' || caller)::uuid,
               'inquiry', id, owner, 'Call back after the family has talked.', local::date, local::time,
               'America/Chicago', due, CASE WHEN is_open THEN 'open' WHEN g % 12 = 0 THEN 'broken' ELSE 'kept' END,
               CASE WHEN is_open THEN '' ELSE 'Reached' END,
               CASE WHEN is_open THEN NULL WHEN g % 12 = 0 THEN due + interval '1 hour' ELSE due END,
               CASE WHEN is_open THEN NULL ELSE owner END, '', owner, opened, 1
          FROM bench_inquiry, LATERAL (SELECT date_trunc('minute', opened) + interval '26 hours' AS due) d,
               LATERAL (SELECT due AT TIME ZONE 'America/Chicago' AS local,
                               due > $now AND stage NOT IN ('admitted', 'closed') AS is_open) l""",
    "bed_uses": """
        INSERT INTO programs_beduse (id, bed_id, kind, state, period)
        SELECT md5('beduse' || rn)::uuid, bed, 'placement', 'firm', tstzrange(began, ended) FROM bench_stay""",
    "stays": """
        INSERT INTO programs_stay (id, version, facility_id, person_id, request_id, admitted_at, admitted_by_id,
               discharged_at, discharge_type, destination, discharge_note)
        SELECT md5('stay' || rn)::uuid, 1, facility, person, inquiry, began, owner, ended,
               CASE WHEN ended IS NULL THEN '' ELSE 'completed' END, '', '' FROM bench_stay""",
    "placements": """
        INSERT INTO programs_placement (id, version, facility_id, stay_id, person_id, program_id, use_id, period,
        is_primary,
               reason, placed_by_id)
        SELECT md5('placement' || rn)::uuid, 1, facility, md5('stay' || rn)::uuid, person, program,
               md5('beduse' || rn)::uuid, tstzrange(began, ended), true, 'admission', owner FROM bench_stay""",
}
# The plan of every inquiry once, so that the steps agree: who, when, how far it came.
PLAN = """
    CREATE TEMP TABLE bench_inquiry AS
    SELECT g, md5('inquiry' || g)::uuid AS id, $facilities[1 + (g % 5 > 2)::int] AS facility,
           $owners[1 + g % cardinality($owners)] AS owner, opened, channel, stage,
           CASE WHEN g % 5 < 3 THEN g ELSE 1 + g % $n END AS caller,
           attempted, reached,
           CASE WHEN stage = 'new' THEN opened ELSE opened + interval '1 minute' * (90 + g % 3000) END AS moved
      FROM generate_series(1, $n::bigint) g,
           -- spread evenly over two years without any order in g
           LATERAL (SELECT $now - interval '730 days' * ((g * 7919 % $n + random()) / $n) AS opened,
                           (ARRAY['call','call','web','call','referral','web','call','call','web','call'])[1 + g %
                               10] AS channel,
                           g * 613 % 100 AS fate) a,
           LATERAL (SELECT CASE WHEN opened > $now - interval '5 days'
                                THEN (ARRAY['new','pre_screen','benefits','decision','scheduled'])[1 + g % 5]
                                WHEN fate < 30 THEN 'admitted' WHEN fate < 98 THEN 'closed' ELSE 'pre_screen' END AS
                                    stage) b,
           LATERAL (SELECT opened + CASE channel WHEN 'call' THEN interval '0' ELSE interval '1 minute' * (3 + g %
               40) END
                           AS attempted) c,
           LATERAL (SELECT CASE WHEN channel = 'call' OR fate < 88 THEN attempted END AS reached) d
"""


def make(inquiries, *, now):
    """Make `inquiries` inquiries over the two years before `now`, with what hangs on them: counts and seconds."""
    began = time.monotonic()
    house = _house(inquiries)
    given = {
        "n": inquiries,
        "now": now,
        "given": GIVEN["female"] + GIVEN["male"],
        "family": FAMILY,
        "tails": TAILS,
        "words": WORDS,
        "notes": NOTES,
        "owners": house["owners"],
        "facilities": house["facilities"],
    }
    counts = {}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute("SELECT setseed(0.42)")
        for table in TABLES.split():
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        _run(cursor, PLAN, given)
        cursor.execute("CREATE INDEX ON bench_inquiry (g)")
        cursor.execute("ANALYZE bench_inquiry")
        _plan_stays(cursor, house, now)
        for name, sql in STEPS.items():
            counts[name] = _run(cursor, sql, given)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in TABLES.split():
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("DROP TABLE bench_inquiry, bench_stay")
    vacuum()
    return counts | {"beds": house["bed_count"], "seconds": round(time.monotonic() - began, 1)}


def vacuum():
    """Let the planner know what is there."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("VACUUM ANALYZE")


def _run(cursor, sql, given):
    """Run `sql` with its $names given as parameters; answers the rows written."""
    for name in given:
        cast = {"now": "::timestamptz", "n": "::bigint", "owners": "::int[]", "facilities": "::uuid[]"}.get(
            name, "::text[]"
        )
        sql = sql.replace(f"${name}[", f"(%({name})s{cast})[").replace(f"(${name})", f"(%({name})s{cast})")
        sql = sql.replace(f"${name}::bigint", f"%({name})s::bigint")
    for name, cast in (("now", "::timestamptz"), ("n", "::bigint")):
        sql = sql.replace(f"${name}", f"%({name})s{cast}")
    return cursor.execute(_escaped(sql), given).rowcount


def _escaped(sql):
    """A percent sign that is an operator, doubled for the driver."""
    return sql.replace("%", "%%").replace("%%(", "%(")


def _plan_stays(cursor, house, now):
    """One stay for each admitted inquiry, bed after bed as they were opened; the last one in each bed is open."""
    cursor.execute(
        """
        CREATE TEMP TABLE bench_stay AS
        WITH admitted AS (
            SELECT id AS inquiry, md5('person' || g)::uuid AS person, facility, owner,
                   row_number() OVER (PARTITION BY facility ORDER BY opened, g) - 1 AS place,
                   count(*) OVER (PARTITION BY facility) AS many, row_number() OVER (ORDER BY g) AS rn
              FROM bench_inquiry WHERE stage = 'admitted'),
        beds AS (
            SELECT p.facility_id AS facility, p.id AS program, b.id AS bed,
                   row_number() OVER (PARTITION BY p.facility_id ORDER BY b.code) - 1 AS position,
                   count(*) OVER (PARTITION BY p.facility_id) AS beds
              FROM programs_bed b JOIN programs_unit u ON u.id = b.unit_id JOIN programs_program p ON p.id =
                  u.program_id
             WHERE p.facility_id = ANY(%(facilities)s)),
        placed AS (
            SELECT a.*, b.bed, b.program, place / b.beds AS turn, (many - 1) / b.beds + 1 AS turns
              FROM admitted a JOIN beds b ON b.facility = a.facility AND b.position = a.place %% b.beds)
        SELECT rn, inquiry, person, facility, owner, bed, program,
               %(now)s - (turns - turn) * (interval '725 days' / turns) AS began,
               CASE WHEN turn < turns - 1
                    THEN %(now)s - (turns - turn - 0.9) * (interval '725 days' / turns) END AS ended
          FROM placed""",
        {"facilities": house["facilities"], "now": now},
    )
    cursor.execute("ANALYZE bench_stay")


def _house(inquiries):
    """Two facilities, 25 coordinators and beds for the stays; the accounts cannot sign in with a password."""
    beds = max(20, inquiries // 1000)
    with transaction.atomic():
        facilities = [
            Facility.objects.create(
                name=f"Bench {n}",
                slug=f"bench-{n}",
                neutral_name="The office",
                neutral_phone=f"+1999000000{n}",
                zone=zone,
            )
            for n, zone in ((1, "America/Chicago"), (2, "America/New_York"))
        ]
        owners = User.objects.bulk_create(
            User(
                username=f"bench{n}", first_name="Bench", last_name=f"Worker {n}", email=f"bench{n}@example.org",
                password=make_password(None), home_facility=facilities[0],
            )
            for n in range(STAFF)
        )  # fmt: skip
        roles = {0: Role.COORDINATOR, 1: Role.MANAGER, 2: Role.CLINICIAN}
        Membership.objects.bulk_create(
            Membership(user=user, facility=facility, role=roles.get(n, Role.COORDINATOR))
            for n, user in enumerate(owners)
            for facility in facilities
        )
        for facility in facilities:
            program = Program.objects.create(
                facility=facility, name="Detox", category=Category.RES_MED, planned_days=5
            )
            unit = Unit.objects.create(program=program, name="Unit A")
            Bed.objects.bulk_create(Bed(unit=unit, code=f"B-{n:04d}") for n in range(beds))
    return {
        "facilities": [facility.pk for facility in facilities],
        "owners": [user.pk for user in owners],
        "bed_count": 2 * beds,
    }
