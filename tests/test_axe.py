"""No page has an accessibility violation, in five forms; nothing needs sideways scrolling at 320 px.

Forms: 1440 light and dark, 390 light and dark, and 200 % text. The pages are those of the access matrix,
each opened by the first role that may, with the demo's people on it, so that late rows, holds and every
state are there.
"""

from pathlib import Path

import axe_playwright_python
import pytest

from tests.pages import READERS, demo, pages

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
FORMS = {
    "1440 light": {"width": 1440, "theme": "light"},
    "1440 dark": {"width": 1440, "theme": "dark"},
    "390 light": {"width": 390, "theme": "light"},
    "390 dark": {"width": 390, "theme": "dark"},
    "200 % text": {"width": 1280, "theme": "light", "text": 2},
}
RUN_AXE = """async () => (await axe.run({resultTypes: ['violations']})).violations
  .map(one => one.id + ' ' + JSON.stringify(one.nodes.slice(0, 3).map(node => node.target)))"""


def visits(open_as, reader):
    """(name, page at its address) of every page that `reader` (a role, or "" for the public) opens first."""
    world, page = demo(), None
    for name, path, user in pages(world):
        if reader != (user.username if user else ""):
            continue
        page = page or open_as(user)
        answer = page.goto(path)
        assert answer.status == 200, (name, answer.status)
        yield name, page


def shape(page, *, width, theme="light", text=1):
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate(
        "([theme, text]) => { document.documentElement.dataset.bsTheme = theme;"
        " document.documentElement.style.fontSize = text === 1 ? '' : text * 100 + '%'; }",
        [theme, text],
    )


@pytest.mark.parametrize("reader", READERS)
def test_axe_finds_nothing_on_any_page_in_five_forms(open_as, reader):
    found, seen = [], 0
    for name, page in visits(open_as, reader):
        page.evaluate(AXE)
        for form, size in FORMS.items():
            shape(page, **size)
            found += [f"{name}, {form}: {violation}" for violation in page.evaluate(RUN_AXE)]
        seen += 1
    assert seen
    assert found == []


@pytest.mark.parametrize("reader", READERS)
def test_nothing_scrolls_sideways_and_focus_is_seen_at_every_tab_stop(open_as, reader):
    """320 px, also with text twice as large on twice the width; then each Tab stop has a ring, under no bar."""
    found = []
    for name, page in visits(open_as, reader):
        for width, text in ((320, 1), (640, 2)):
            shape(page, width=width, text=text)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            found += [f"{name}: {wide} px too wide at {width}"] if wide > 0 else []
        shape(page, width=1440)
        for _ in range(30):
            page.keyboard.press("Tab")
            stop = page.evaluate(FOCUS_STATE)
            if stop is None:
                break
            if not stop["ring"] or not stop["seen"]:
                found.append(f"{name}: {stop}")
    assert found == []


def test_axe_would_find_what_is_wrong(open_as):
    """The negative control: an unlabelled field on a page of ours."""
    page = open_as(None)
    page.goto("/accounts/login/")
    page.evaluate(AXE)
    page.evaluate("document.querySelector('main').append(document.createElement('input'))")

    assert any(violation.startswith("label ") for violation in page.evaluate(RUN_AXE))


FOCUS_STATE = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const shown = at.matches('.hr-choice input') ? at.nextElementSibling : at;
  const style = getComputedStyle(shown);
  const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  const box = shown.getBoundingClientRect();
  const x = Math.min(Math.max(box.left + box.width / 2, 1), innerWidth - 2);
  const y = Math.min(Math.max(box.top + box.height / 2, 1), innerHeight - 2);
  const top = document.elementFromPoint(x, y);
  const label = at.closest('label');
  const seen = !!top && (shown.contains(top) || top.contains(shown) || at.contains(top) || !!label?.contains(top));
  return {ring, seen, what: at.outerHTML.slice(0, 90)};
}"""
