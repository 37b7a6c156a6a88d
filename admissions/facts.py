"""The facts that rules read: key → (type, what it means). The one documented table of fact keys."""

FACTS = {
    "danger": (str, "The answer to the grouped danger question, a value of `enums.Danger`; absent: not asked."),
    "can_be_reached": (bool, "For `cannot_tell`: can the person be reached now? None: not asked."),
    "reason_for_fear": (bool, "For `cannot_tell`: recent use, a threat, signs found. None: not asked."),
}
