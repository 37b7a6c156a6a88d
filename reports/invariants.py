"""What must never be, each as one set-based count of violations. `check_invariants` prints them all.

Many are also refused by a constraint; they are counted all the same, because a constraint can be dropped, disabled or
forgotten by an import. Each query reads its table once, along an index or in one hash join.
"""

from django.db import connection

# name: SQL that answers one row, the number of violations
INVARIANTS = {
    # --- Beds and stays ---
    "bed_used_twice_at_once": """
        SELECT count(*) FROM programs_beduse a JOIN programs_beduse b
            ON a.bed_id = b.bed_id AND a.id < b.id AND a.period && b.period
         WHERE a.state = 'firm' AND a.kind <> 'tentative' AND b.state = 'firm' AND b.kind <> 'tentative'
           -- a hold that is over by the clock takes nothing, also before somebody marks it
           AND coalesce(a.expires_at > clock_timestamp(), true)
           AND coalesce(b.expires_at > clock_timestamp(), true)""",
    "bed_promised_twice_next": """
        SELECT count(*) FROM programs_beduse a JOIN programs_beduse b
            ON a.bed_id = b.bed_id AND a.id < b.id AND a.period && b.period
         WHERE a.state = 'firm' AND a.kind = 'tentative' AND b.state = 'firm' AND b.kind = 'tentative'""",
    "bed_use_without_owner": """
        SELECT count(*) FROM programs_beduse u
         WHERE NOT EXISTS (SELECT FROM programs_placement p WHERE p.use_id = u.id)
           AND NOT EXISTS (SELECT FROM programs_bedhold h WHERE h.use_id = u.id)
           AND NOT EXISTS (SELECT FROM programs_bedblock b WHERE b.use_id = u.id)""",
    "two_primary_placements_at_once": """
        SELECT count(*) FROM programs_placement a JOIN programs_placement b
            ON a.person_id = b.person_id AND a.facility_id = b.facility_id AND a.id < b.id AND a.period && b.period
         WHERE a.is_primary AND b.is_primary""",
    "placement_differs_from_its_bed_use": """
        SELECT count(*) FROM programs_placement p JOIN programs_beduse u ON u.id = p.use_id
         WHERE u.kind <> 'placement' OR u.state <> 'firm' OR u.period <> p.period""",
    "placement_in_another_program_than_its_bed": """
        SELECT count(*) FROM programs_placement p
          JOIN programs_beduse u ON u.id = p.use_id JOIN programs_bed b ON b.id = u.bed_id
          JOIN programs_unit n ON n.id = b.unit_id JOIN programs_program g ON g.id = n.program_id
         WHERE g.id <> p.program_id OR g.facility_id <> p.facility_id""",
    "placement_of_another_person_than_its_stay": """
        SELECT count(*) FROM programs_placement p JOIN programs_stay s ON s.id = p.stay_id
         WHERE s.person_id <> p.person_id OR s.facility_id <> p.facility_id
            OR lower(p.period) < s.admitted_at OR upper(p.period) > s.discharged_at""",
    "open_stay_without_current_placement": """
        SELECT count(*) FROM programs_stay s
         WHERE s.discharged_at IS NULL AND NOT EXISTS (
               SELECT FROM programs_placement p WHERE p.stay_id = s.id AND p.is_primary AND upper_inf(p.period))""",
    "closed_stay_with_open_placement": """
        SELECT count(*) FROM programs_placement p JOIN programs_stay s ON s.id = p.stay_id
         WHERE upper_inf(p.period) AND s.discharged_at IS NOT NULL""",
    "gap_between_primary_placements": """
        SELECT count(*) FROM (
            SELECT lower(period) AS began,
                   lag(upper(period)) OVER (PARTITION BY stay_id ORDER BY lower(period)) AS ended
              FROM programs_placement WHERE is_primary) chain
         WHERE ended IS NOT NULL AND began <> ended""",
    "fulfilled_hold_without_placement": """
        SELECT count(*) FROM programs_bedhold h JOIN programs_beduse u ON u.id = h.use_id
         WHERE u.state = 'fulfilled' AND NOT EXISTS (
               -- an admission written down late may lie before its hold
               SELECT FROM programs_placement p JOIN programs_beduse pu ON pu.id = p.use_id
                WHERE p.person_id = h.person_id AND pu.bed_id = u.bed_id)""",
    "released_hold_that_still_takes": """
        SELECT count(*) FROM programs_bedhold h JOIN programs_beduse u ON u.id = h.use_id
         WHERE (h.released_at IS NOT NULL) <> (u.state = 'released')""",
    # --- Inquiries, calls and promises ---
    "admitted_inquiry_without_stay": """
        SELECT count(*) FROM admissions_inquiry i
         WHERE i.stage = 'admitted' AND NOT EXISTS (
               -- an inquiry's facility is the first one: the stay may be at another of ours
               SELECT FROM programs_stay s WHERE s.person_id = i.person_id
                  AND (s.facility_id = i.facility_id OR s.request_id = i.id))""",
    "stay_of_an_inquiry_not_admitted": """
        SELECT count(*) FROM programs_stay s JOIN admissions_inquiry i ON i.id = s.request_id
         WHERE i.stage <> 'admitted' OR i.person_id <> s.person_id""",
    "inquiry_stage_differs_from_its_last_change": """
        SELECT count(*) FROM admissions_inquiry i LEFT JOIN (
            SELECT DISTINCT ON (inquiry_id) inquiry_id, to_stage FROM admissions_stagechange
             ORDER BY inquiry_id, at DESC, id DESC) last ON last.inquiry_id = i.id
         WHERE coalesce(last.to_stage, 'new') <> i.stage""",
    "person_with_inquiry_at_a_facility_that_does_not_know_them": """
        SELECT count(*) FROM admissions_inquiry i LEFT JOIN people_personatfacility k
            ON k.person_id = i.person_id AND k.facility_id = i.facility_id WHERE k.id IS NULL""",
    "caller_at_a_facility_that_does_not_know_them": """
        SELECT count(*) FROM admissions_inquiry i LEFT JOIN people_personatfacility k
            ON k.person_id = i.caller_id AND k.facility_id = i.facility_id
         WHERE i.caller_id IS NOT NULL AND k.id IS NULL""",
    "person_in_care_at_a_facility_that_does_not_know_them": """
        SELECT count(*) FROM programs_stay s LEFT JOIN people_personatfacility k
            ON k.person_id = s.person_id AND k.facility_id = s.facility_id WHERE k.id IS NULL""",
    "call_at_another_facility_than_its_inquiry": """
        SELECT count(*) FROM admissions_intakecall c JOIN admissions_inquiry i ON i.id = c.inquiry_id
         WHERE c.facility_id <> i.facility_id""",
    "reached_inquiry_without_a_talk": """
        SELECT count(*) FROM admissions_inquiry i
         WHERE i.first_reached_at IS NOT NULL AND i.channel IN ('web', 'referral') AND NOT EXISTS (
               SELECT FROM admissions_intakecall c WHERE c.inquiry_id = i.id AND c.outcome = 'reached')""",
    "web_inquiry_without_what_was_sent": """
        SELECT count(*) FROM admissions_inquiry i
         WHERE i.channel = 'web' AND i.created_by_id IS NULL
           AND NOT EXISTS (SELECT FROM admissions_websubmission w WHERE w.inquiry_id = i.id)""",
    "promise_closed_without_outcome": """
        SELECT count(*) FROM work_task WHERE state <> 'open' AND (outcome = '' OR closed_at IS NULL)""",
    "open_promise_with_an_end": "SELECT count(*) FROM work_task WHERE state = 'open' AND closed_at IS NOT NULL",
    "promise_kept_beyond_the_grace": """
        SELECT count(*) FROM work_task t JOIN accounts_facility f ON f.id = t.facility_id
         WHERE t.kind = 'promise' AND t.state = 'kept'
           AND t.closed_at >= t.due_at + make_interval(mins => f.promise_grace_minutes + 1)""",
    "e1_alert_closed_by_who_acted": """
        SELECT count(*) FROM admissions_safetycheck
         WHERE closed_at IS NOT NULL AND (closed_by_id IS NULL OR closed_by_id = action_by_id OR action = '')""",
    "saved_draft_that_kept_its_words": """
        SELECT count(*) FROM admissions_calldraft WHERE saved_as_id IS NOT NULL AND content <> '{}'""",
    # --- Messages ---
    "message_accepted_twice": """
        SELECT count(*) FROM (
            SELECT message_id FROM messaging_attempt WHERE outcome IN ('accepted', 'resolved_sent')
             GROUP BY message_id HAVING count(*) > 1) twice""",
    "slot_sent_twice": """
        SELECT count(*) FROM (
            SELECT FROM messaging_message WHERE state IN ('sent', 'delivered')
             GROUP BY facility_id, person_id, user_id, channel, purpose, slot_key HAVING count(*) > 1) twice""",
    "sent_message_without_acceptance": """
        SELECT count(*) FROM messaging_message m
         WHERE m.state IN ('sent', 'delivered') AND NOT EXISTS (
               SELECT FROM messaging_attempt a WHERE a.message_id = m.id
                  AND a.outcome IN ('accepted', 'resolved_sent'))""",
    "message_sending_without_lease": """
        SELECT count(*) FROM messaging_message
         WHERE state = 'sending' AND (lease_token IS NULL OR lease_until IS NULL)""",
    "message_lease_over_for_ten_minutes": """
        SELECT count(*) FROM messaging_message
         WHERE state = 'sending' AND lease_until < now() - interval '10 minutes'""",
    "message_due_and_expired_for_ten_minutes": """
        SELECT count(*) FROM messaging_message
         WHERE state = 'due' AND next_at < now() - interval '10 minutes'
           AND expires_at < now() - interval '10 minutes'""",
    # --- Telling anyone outside anything ---
    "disclosure_without_ground": """
        SELECT count(*) FROM privacy_disclosure
         WHERE notice = '' OR (basis = 'consent' AND consent_id IS NULL)
            OR (basis = 'emergency' AND emergency = '')""",
    "disclosure_outside_its_consent": """
        SELECT count(*) FROM privacy_disclosure d JOIN privacy_consent c ON c.id = d.consent_id
          LEFT JOIN privacy_revocation r ON r.consent_id = c.id
         WHERE d.person_id <> c.person_id OR NOT d.classes <@ c.classes OR d.at < c.signed_at OR d.at >= r.at""",
    "referral_out_without_disclosure": """
        SELECT count(*) FROM referrals_referral
         WHERE direction = 'out' AND state NOT IN ('draft', 'withdrawn') AND disclosure_id IS NULL""",
    "referral_state_differs_from_its_last_move": """
        SELECT count(*) FROM referrals_referral r LEFT JOIN (
            SELECT DISTINCT ON (referral_id) referral_id, to_state FROM referrals_referralmove
             ORDER BY referral_id, at DESC, id DESC) last ON last.referral_id = r.id
         WHERE last.to_state IS DISTINCT FROM r.state""",
    "consent_without_every_element": """
        SELECT count(*) FROM privacy_consent c
         WHERE discloser = '' OR what = '' OR revocation_text = '' OR signed_name = '' OR cardinality(classes) = 0
            OR cardinality(purposes) = 0 OR (expires_on IS NULL AND expires_event = '')
            OR (kind = 'tpo' AND (recipient_class = '' OR tpo_text = ''))
            OR (kind <> 'tpo' AND NOT EXISTS (SELECT FROM privacy_consentrecipient r WHERE r.consent_id = c.id))""",
    "therapy_outside_its_placement": """
        SELECT count(*) FROM therapy_therapyassignment t JOIN programs_placement p ON p.id = t.placement_id
         WHERE t.person_id <> p.person_id OR t.facility_id <> p.facility_id
            OR (t.state = 'active' AND NOT upper_inf(p.period))""",
    # --- The floor ---
    "idempotency_key_without_answer": "SELECT count(*) FROM core_idempotencykey WHERE status = 0",
    "read_event_without_persons": "SELECT count(*) FROM people_readevent WHERE cardinality(person_ids) = 0",
    "merged_person_with_open_stay": """
        SELECT count(*) FROM people_person p JOIN programs_stay s ON s.person_id = p.id
         WHERE p.merged_into_id IS NOT NULL AND s.discharged_at IS NULL""",
}


def check(names=None):
    """{invariant: number of violations}; all of them, or those in `names`."""
    with connection.cursor() as cursor:
        found = {}
        for name, sql in INVARIANTS.items():
            if names is None or name in names:
                cursor.execute(sql)
                found[name] = cursor.fetchone()[0]
    return found
