"""What the look promises and a reviewer cannot see by eye: contrast, a strict policy, honest vendored files."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import test_templatetags

ROOT = Path(__file__).resolve().parent.parent
STATIC, TEMPLATES = ROOT / "static", ROOT / "templates"
CSS = (STATIC / "handrail" / "handrail.css").read_text()

# Contrast ------------------------------------------------------------------------------------------------


def tokens(theme):
    """The colors of one theme, by name without the prefix."""
    block = re.search(rf'\[data-bs-theme="{theme}"\] \{{(.*?)\n\}}', CSS, re.DOTALL)[1]
    return dict(re.findall(r"--hr-([a-z0-9-]+):\s*(#[0-9a-f]{3,6})\b", block))


def luminance(color):
    digits = color.lstrip("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    """WCAG 2.2, relative luminance: 1 to 21."""
    bright, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (bright + 0.05) / (dark + 0.05)


PLAIN = ["canvas", "surface", "sunken", "hover", "rail-tint"]
MEANINGS = ["danger", "late", "held", "ok", "wait", "quiet"]
TINTS = [f"{meaning}-tint" for meaning in MEANINGS]
PAIRS = [
    ("ink", [*PLAIN, "fresh"], 4.5),
    ("ink-2", [*PLAIN, "fresh", "danger-tint"], 4.5),
    ("ink-3", PLAIN, 4.5),
    ("link", PLAIN, 4.5),
    ("on-rail", ["rail", "rail-hover"], 4.5),
    ("on-danger", ["danger-solid"], 4.5),
    *[(meaning, [f"{meaning}-tint", "surface", "canvas", "sunken"], 4.5) for meaning in MEANINGS],
    ("late", ["rail-tint"], 4.5),
    ("line-strong", ["surface", "canvas"], 3),
    ("focus", [*PLAIN, *TINTS], 3),
    *[(f"{meaning}-solid", ["surface", f"{meaning}-tint"], 3) for meaning in MEANINGS if meaning != "danger"],
]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("text, grounds, needed", PAIRS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_pair_of_colors_can_be_told_apart(theme, text, grounds, needed):
    colors = tokens(theme)
    too_weak = {ground: round(contrast(colors[text], colors[ground]), 2) for ground in grounds}
    assert {ground: ratio for ground, ratio in too_weak.items() if ratio < needed} == {}


def test_both_themes_name_the_same_colors():
    assert tokens("light").keys() == tokens("dark").keys()


# The strict policy ---------------------------------------------------------------------------------------

OURS = sorted(STATIC.glob("handrail/*.*")) + sorted(TEMPLATES.rglob("*.html"))
FORBIDDEN = {
    "a style attribute": re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE),
    "an event handler": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "hx-on": re.compile(r"\bhx-on\b|\bhx-on:"),
    "a script in the page": re.compile(r"<script(?![^>]*\bsrc=)", re.IGNORECASE),
    "a style in the page": re.compile(r"<style\b", re.IGNORECASE),
    "eval": re.compile(r"\beval\(|new Function\("),
}
HOST = re.compile(r"(?:https?:)?//[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.IGNORECASE)
NAMESPACE = "http://www.w3.org"  # of SVG: a name, never fetched


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_of_ours_breaks_the_policy_or_names_another_host(path):
    text = path.read_text()
    broken = [what for what, pattern in FORBIDDEN.items() if pattern.search(text)]
    if path.suffix in {".js", ".css"}:
        broken = [what for what in broken if what == "eval"]
    hosts = [host for host in HOST.findall(text) if host != NAMESPACE]
    assert (broken, hosts) == ([], [])


def test_every_icon_a_template_names_exists():
    sheet = (STATIC / "vendor/bootstrap-icons/bootstrap-icons.min.css").read_text()
    known = set(re.findall(r"\.bi-([a-z0-9-]+)::before", sheet))
    named = {
        (str(path.relative_to(ROOT)), icon)
        for path in TEMPLATES.rglob("*.html")
        for icon in re.findall(r'{% icon "([a-z0-9-]+)" %}|\bbi-([a-z0-9-]+)', path.read_text())
        for icon in icon
        if icon
    }
    assert {(path, icon) for path, icon in named if icon not in known} == set()


# Vendored files ------------------------------------------------------------------------------------------


def test_the_table_of_vendored_files_is_complete_and_true():
    vendor = STATIC / "vendor"
    table = (vendor / "VERSIONS.md").read_text()
    rows = re.findall(r"^\| ([@\w./-]+) \| ([\d.]+) \| ([^|]+) \| ([^|]+) \|", table, re.MULTILINE)
    named = {name.strip() for row in rows for name in row[2].split(",")} | {
        row[3].split(",")[1].strip() for row in rows
    }
    there = {str(path.relative_to(vendor)) for path in vendor.rglob("*") if path.is_file()} - {"VERSIONS.md"}
    assert named == there

    versions = {row[0]: row[1] for row in rows}
    assert f'version:"{versions["htmx.org"]}"' in (vendor / "htmx/htmx.min.js").read_text()
    assert f"Bootstrap  v{versions['bootstrap']} " in (vendor / "bootstrap/bootstrap.min.css").read_text()[:200]
    assert f"v{versions['bootstrap-icons']} " in (vendor / "bootstrap-icons/bootstrap-icons.min.css").read_text()[:200]
    assert f"inter {versions['@fontsource-variable/inter']} " in (vendor / "inter/inter.css").read_text()[:200]


@pytest.mark.parametrize(
    "path", sorted(STATIC.rglob("*.css")) + sorted(STATIC.rglob("*.js")), ids=lambda path: path.name
)
def test_every_file_a_static_file_names_is_there(path):
    """The manifest storage stops collectstatic for a map or a font that is missing."""
    text = path.read_text()
    assert "sourceMappingURL" not in text
    for name in re.findall(r'url\(["\']?([^)"\']+)["\']?\)', text):
        if not name.startswith("data:"):
            assert (path.parent / name.partition("?")[0]).is_file(), name


# The words of the browser --------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("node"), reason="no node here; the browser journeys see the same words")
def test_the_browser_says_times_in_the_same_words():
    source = (STATIC / "handrail" / "live.js").read_text()
    functions = source[source.index("  const two =") : source.index("  const words =")]
    cases = {
        "duration": test_templatetags.DURATIONS,
        "race": test_templatetags.RACES,
        "until": test_templatetags.PROMISES,
        "call": test_templatetags.CALLS,
    }
    script = (
        f"const MINUTE = 60, HOUR = 3600, DAY = 86400;\n{functions}\n"
        "const race = (seconds) => duration(seconds, true), call = (seconds) => timer(seconds, true);\n"
        f"const cases = {json.dumps(cases)}, say = {{duration, race, until, call}};\n"
        "console.log(JSON.stringify(Object.entries(cases).flatMap(([name, list]) =>"
        " list.map(([given, wanted]) => [name, given, wanted, say[name](given)]))"
        ".filter((one) => one[2] !== one[3])));"
    )
    said = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True, timeout=30).stdout
    assert json.loads(said) == []
