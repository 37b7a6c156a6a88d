"""Words of the rule, word for word, with the edition they come from.

The statements that must travel with a disclosure are 42 CFR 2.32(a) as amended by 89 FR 12472 (effective
2024-04-16, compliance date 2026-02-16). Earlier wordings are obsolete and may appear nowhere in this tree.
"""

VERSION = "42 CFR 2.32(a)(1), 89 FR 12472"

STATEMENT_1 = """\
This record which has been disclosed to you is protected by Federal confidentiality rules (42 CFR part 2). \
These rules prohibit you from using or disclosing this record, or testimony that describes the information \
contained in this record, in any civil, criminal, administrative, or legislative proceedings by any Federal, \
State, or local authority, against the patient, unless authorized by the consent of the patient, except as \
provided at 42 CFR 2.12(c)(5) or as authorized by a court in accordance with 42 CFR 2.64 or 2.65. In addition, \
the Federal rules prohibit you from making any other use or disclosure of this record unless at least one of the \
following applies:

(i) Further use or disclosure is expressly permitted by the written consent of the individual whose information \
is being disclosed in this record or as otherwise permitted by 42 CFR part 2.

(ii) You are a covered entity or business associate and have received the record for treatment, payment, or \
health care operations, or

(iii) You have received the record from a covered entity or business associate as permitted by 45 CFR part 164, \
subparts A and E.

A general authorization for the release of medical or other information is NOT sufficient to meet the required \
elements of written consent to further use or redisclose the record (see 42 CFR 2.31)."""

# Only where space forbids the first: a fax header, a label.
STATEMENT_2 = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."

# The class that 42 CFR 2.31(a)(4) itself names as sufficient for one TPO consent.
TPO_RECIPIENTS = "my treating providers, health plans, third-party payers, and people helping to operate this program"

# What the signed form must state. The rule prescribes content, not words: a facility's form has its own, and
# these lines record that content (42 CFR 2.31(a)(4)(iii), (6), (10)). Counsel signs off the form itself.
REVOCATION = (
    "The patient may revoke this consent in writing, except to the extent that it was relied on already. How: {how}"
)
REDISCLOSURE = (
    "A covered entity or business associate that receives the record for treatment, payment or health care "
    "operations may redisclose it as HIPAA permits, except for uses and disclosures in civil, criminal, "
    "administrative or legislative proceedings against the patient. The record may be redisclosed and no longer "
    "be protected. What follows from not signing: {refusing}"
)
