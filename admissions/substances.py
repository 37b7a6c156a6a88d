"""Substances as callers name them: our codes, names, TEDS codes and what slows the breathing.

Source: domain/substances.md, section 3 (codes and TEDS columns, DC provider-gateway lookup tables after
SAMHSA) and section 4 (rule I1). Prescribed-as-directed use is no TEDS problem; exports decide that by
`Setting`, not here.
"""

import datetime as dt
from dataclasses import dataclass

# Rule I1: any two of these classes used within the same 24 hours.
OPIOID, ALCOHOL, SEDATIVE, GHB, GABAPENTINOID, RELAXANT, XYLAZINE, KETAMINE, DIPHENHYDRAMINE, DXM = (
    "opioid", "alcohol", "sedative", "ghb", "gabapentinoid", "relaxant", "xylazine", "ketamine", "diphenhydramine",
    "dxm",
)  # fmt: skip
SAME_DAY = dt.timedelta(hours=24)


@dataclass(frozen=True)
class Substance:
    """One substance: our code, the name staff read, words callers use, its I1 class or "", TEDS codes.

    `teds` and `detail` are the submission codes, zero-padded, as text; empty where TEDS has none.
    """

    code: str
    name: str
    words: tuple[str, ...] = ()
    slows: str = ""
    teds: str = ""
    detail: str = ""


S = Substance
SUBSTANCES = (
    S("ALC", "Alcohol", ("beer", "wine", "liquor", "vodka", "drinking", "booze"), ALCOHOL, "02", "0201"),
    S("KET", "Ketamine", ("special k", "k", "ket", "esketamine", "spravato"), KETAMINE, "20", "2004"),
    S("FEN", "Fentanyl", ("fent", "nitazene", "nitazenes", "blues"), OPIOID, "07", "0706"),
    S("HER", "Heroin", ("dope", "smack"), OPIOID, "05", "0501"),
    S("OXY", "Oxycodone", ("oxy", "oxycontin", "percocet", "percs"), OPIOID, "07", "0703"),
    S("HYD", "Hydrocodone", ("vicodin", "norco"), OPIOID, "07", "0708"),
    S("HMOR", "Hydromorphone", ("dilaudid",), OPIOID, "07", "0705"),
    S("COD", "Codeine", ("lean",), OPIOID, "07", "0701"),
    S("MOR", "Morphine or other opioid", ("morphine", "opium", "opioids", "opioid", "opiates"), OPIOID, "07", "0706"),
    S("MTD_ILL", "Methadone, not prescribed", ("methadone",), OPIOID, "06", "0601"),
    S("TRAM", "Tramadol", ("tapentadol",), OPIOID, "07", "0709"),
    S("BUP_ILL", "Buprenorphine, not as prescribed", ("buprenorphine", "suboxone", "subs"), OPIOID, "07", "0710"),
    S("KRA", "Kratom", ("tianeptine",), "", "20", "2002"),
    S("BZD_ALP", "Alprazolam", ("xanax", "bars", "xans"), SEDATIVE, "13", "1301"),
    S("BZD_CLON", "Clonazepam", ("klonopin",), SEDATIVE, "13", "1310"),
    S("BZD_DIA", "Diazepam", ("valium",), SEDATIVE, "13", "1304"),
    S("BZD_LOR", "Lorazepam", ("ativan",), SEDATIVE, "13", "1306"),
    S("BZD_OTH", "Other benzodiazepine", ("benzos", "benzodiazepines", "benzo"), SEDATIVE, "13", "1308"),
    S("BARB_PB", "Phenobarbital", (), SEDATIVE, "15", "1501"),
    S("BARB_OTH", "Other barbiturate", ("butalbital", "barbiturates"), SEDATIVE, "15", "1509"),
    S("TRQ_MEP", "Meprobamate", (), SEDATIVE, "14", "1401"),
    S("SED_Z", "Sleeping pills", ("zolpidem", "ambien", "zaleplon", "eszopiclone", "lunesta"), SEDATIVE, "16", "1604"),
    S("GHB", "GHB", ("gbl", "g"), GHB, "20", "2003"),
    S("CARI", "Carisoprodol", ("soma",), RELAXANT, "20", "2002"),
    S("BACL", "Baclofen", ("phenibut",), RELAXANT, "20", "2002"),
    S("GABA", "Gabapentin or pregabalin", ("gabapentin", "pregabalin", "lyrica"), GABAPENTINOID, "20", "2002"),
    S("XYL", "Xylazine", ("tranq", "medetomidine"), XYLAZINE, "20", "2002"),
    S("COC", "Cocaine", ("coke", "blow"), "", "03", "0302"),
    S("CRK", "Crack", ("crack cocaine",), "", "03", "0301"),
    S("METH", "Methamphetamine", ("meth", "crystal", "ice"), "", "10", "1001"),
    S("AMP", "Amphetamine", ("adderall", "speed", "stimulants"), "", "11", "1101"),
    S("MPH", "Methylphenidate", ("ritalin", "concerta"), "", "12", "1202"),
    S("MDMA", "MDMA", ("ecstasy", "molly"), "", "11", "1103"),
    S("THC", "Cannabis", ("marijuana", "weed", "pot", "thc", "delta-8", "hash"), "", "04", "0401"),
    S("SCRA", "Synthetic cannabinoid", ("spice", "k2"), "", "20", "2002"),
    S("PCP", "PCP", ("phencyclidine",), "", "08", "0801"),
    S("LSD", "LSD", ("acid",), "", "09", "0901"),
    S("PSI", "Psilocybin or other hallucinogen", ("mushrooms", "shrooms", "dmt", "mescaline"), "", "09", "0902"),
    S("DXM", "Cough syrup", ("dxm", "dextromethorphan"), DXM, "18", "1809"),
    S("DPH", "Diphenhydramine", ("benadryl",), DIPHENHYDRAMINE, "18", "1801"),
    S("INH_N2O", "Nitrous oxide", ("whippets", "laughing gas"), "", "17", "1705"),
    S("INH_OTH", "Other inhalant", ("glue", "inhalants", "gasoline"), "", "17", "1703"),
    S("NIC", "Nicotine", ("tobacco", "vape", "cigarettes"), ""),
)  # fmt: skip
BY_CODE = {substance.code: substance for substance in SUBSTANCES}
_BY_WORD = {
    word.lower(): substance for substance in SUBSTANCES for word in (substance.name, substance.code, *substance.words)
}


def find(text):
    """The `Substance` that `text` names, by name, code or street name, else None. Never a guess."""
    return _BY_WORD.get(" ".join((text or "").lower().split()))


def breathing_warning(told):
    """A sentence when two of the named substances slow the breathing together, else "".

    `told` is an iterable of (name as told, last use as aware datetime or None). Two substances whose last
    uses are known to lie more than 24 hours apart are no pair. Rule I1, domain/substances.md section 4
    (level HIGH); the words wait for the clinical lead (docs/decisions).
    """
    slowing = [(found, at) for name, at in told if (found := find(name)) and found.slows]
    for position, (one, one_at) in enumerate(slowing):
        for other, other_at in slowing[position + 1 :]:
            apart = one_at and other_at and abs(one_at - other_at) > SAME_DAY
            if one.slows != other.slows and not apart:
                return f"{one.name} and {_inside(other.name)} both slow the breathing."
    return ""


def _inside(name):
    """A name in the middle of a sentence; "GHB" stays."""
    return name if name[:2].isupper() else name[0].lower() + name[1:]
