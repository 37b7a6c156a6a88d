"""Red flags: which answers mean 911 now, which mean a clinician today.

Source: domain/levels_of_care.md, section 6. Pure: facts in (`admissions/facts.py`), tier and rules out.
"""

from admissions.enums import Danger

E1, E2, E3 = "E1", "E2", "E3"
GROUP_YES = "R01-R12"
GROUP_UNKNOWN = "R01-R12-unknown"


def evaluate(facts):
    """(tier, rule ids) for `facts`: "E1" 911 now, "E2" emergency department today, "E3" 988 and a clinician, None.

    The grouped question asks R01 to R12 at once. "They cannot tell" counts as yes when the person cannot
    be reached and there is a reason for fear; without that it is E3, with a welfare-check decision by a
    supervisor.
    """
    answer = facts.get("danger")
    if answer == Danger.YES:
        return E1, (GROUP_YES,)
    if answer == Danger.CANNOT_TELL:
        if facts.get("can_be_reached") is False and facts.get("reason_for_fear"):
            return E1, (GROUP_UNKNOWN,)
        return E3, (GROUP_UNKNOWN,)
    return None, ()
