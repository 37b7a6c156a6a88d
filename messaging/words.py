"""Words that never leave the building in a message (privacy.md 7.3, 42 CFR 2.13)."""

import re
import unicodedata

# Whole words; a trailing star takes every ending.
FORBIDDEN = re.findall(r"\S+", """
    detox* rehab* treatment* recover* addict* sober* sobriety* relaps* withdrawal* overdos* intoxicat* substance*
    abuse* abstinen* drug* narcotic* alcohol* drunk* drinking opioid* opiate* heroin fentanyl oxycodone oxycontin
    hydrocodone vicodin percocet morphine codeine tramadol hydromorphone methadone buprenorphine suboxone subutex
    sublocade naltrexone vivitrol naloxone narcan lofexidine disulfiram antabuse acamprosate cocaine
    methamphetamine* meth amphetamine* adderall stimulant* benzodiazepine* benzo* xanax alprazolam valium diazepam
    klonopin clonazepam ativan lorazepam librium chlordiazepoxide phenobarbital gabapentin pregabalin zolpidem
    ketamine* esketamine mdma ecstasy lsd psilocybin hallucinogen* pcp ghb kratom cannabis marijuana thc xylazine
    nitazene* inhalant* tianeptine nicotine tobacco vaping therap* counsel* psychiatr* psycholog* diagnos* clinic*
    disorder* residential inpatient outpatient iop php cbt dbt moud asam ciwa cows dast phq
    admission* admit* discharge* referr* medicaid medicare insurance copay* deductible* balance
""")  # fmt: skip
PHRASES = [
    "level of care", "partial hospital", "transitional living", "halfway house", "behavioral health",
    "behavioural health", "mental health", "motivational interviewing", "12-step", "12 step", "twelve step",
    "alcoholics anonymous", "narcotics anonymous", "part 2",
]  # fmt: skip

_ALTERNATIVES = [
    *(re.escape(word).replace(r"\*", r"[^\W_]*") for word in FORBIDDEN),
    *(re.escape(phrase).replace(r"\ ", r"\s+") for phrase in PHRASES),
    r"f1[0-9](?:\.[0-9]+)?",  # the ICD-10 chapter of substance use
]
_WORDS = re.compile(rf"(?<![^\W_])(?:{'|'.join(_ALTERNATIVES)})(?![^\W_])")
# In names and domains words are glued together: there the stems count anywhere.
_STEMS = re.compile("|".join(word[:-1] for word in FORBIDDEN if word.endswith("*")))


class ForbiddenWords(Exception):
    """A message would have told what nobody outside may learn. Carries no word of it."""


def refuse(*texts, names=(), senders=()):
    """Raise ForbiddenWords when one of `texts` or `senders` has a forbidden word or one of `names` in it.

    `names` are what a facility is called; `senders` are names and addresses, where a stem counts in the
    middle of a word too. Case, look-alike forms, line breaks and invisible characters hide nothing.
    """
    found = [re.compile(r"\s+".join(map(re.escape, _plain(name).split()))) for name in names if name.strip()]
    if any(_STEMS.search(_plain(sender)) for sender in senders):
        raise ForbiddenWords
    for text in [*texts, *senders]:
        plain = _plain(text)
        if _WORDS.search(plain) or any(name.search(plain) for name in found):
            raise ForbiddenWords


def _plain(text):
    """Folded and with format characters gone, for comparing only."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if unicodedata.category(character) != "Cf")
