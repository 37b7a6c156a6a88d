"""No page has an accessibility violation, in five forms; nothing needs sideways scrolling at 320 px.

Forms: 1440 light and dark, 390 light and dark, and 200 % text. Pages carry the demo's people, so that
late rows, holds and every state are on them.
"""

import itertools

import pytest

from tests.pages import demo, pages

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

FORMS = {
    "1440-light": ({"width": 1440}, 1),
    "1440-dark": ({"width": 1440, "dark": True}, 1),
    "390-light": ({"width": 390, "height": 844}, 1),
    "390-dark": ({"width": 390, "height": 844, "dark": True}, 1),
    "200-percent-text": ({"width": 1280}, 2),
}


def visits(open_as, **size):
    """(name, page at its address) of every page, one browser context a reader."""
    world = demo()
    for reader, theirs in itertools.groupby(sorted(pages(world), key=_by_reader), key=_by_reader):
        page = None
        for name, path, user in theirs:
            page = page or open_as(user, **size)
            answer = page.goto(path)
            assert answer.status == 200, (name, answer.status)
            yield name, page
        page.context.close()
        assert reader is not None


def _by_reader(entry):
    return entry[2].username if entry[2] else ""


def enlarge(page, times):
    if times != 1:
        page.evaluate("size => document.documentElement.style.fontSize = size + '%'", times * 100)


@pytest.mark.parametrize("form", FORMS)
def test_axe_finds_nothing_on_any_page(open_as, form):
    from axe_playwright_python.sync_playwright import Axe

    size, text = FORMS[form]
    axe, found = Axe(), []
    for name, page in visits(open_as, **size):
        enlarge(page, text)
        results = axe.run(page, options={"resultTypes": ["violations"]})
        for violation in results.response["violations"]:
            nodes = [node["target"] for node in violation["nodes"]][:3]
            found.append(f"{name}: {violation['id']} {nodes}")
    assert found == []


@pytest.mark.parametrize(("width", "text"), [(320, 1), (640, 2)])
def test_nothing_scrolls_sideways_on_a_narrow_screen(open_as, width, text):
    found = []
    for name, page in visits(open_as, width=width, height=800):
        enlarge(page, text)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            found.append(f"{name}: {wide} px too wide")
    assert found == []


def test_focus_is_seen_at_every_tab_stop(open_as):
    """Each stop shows an outline and is not hidden under a bar that sticks."""
    found = []
    for name, page in visits(open_as, width=1440):
        for _ in range(40):
            page.keyboard.press("Tab")
            stop = page.evaluate(FOCUS_STATE)
            if stop is None:
                break
            if not stop["ring"] or not stop["seen"]:
                found.append(f"{name}: {stop}")
    assert found == []


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
