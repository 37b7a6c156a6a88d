"""The import arrow: a room imports only the rooms below it (docs/decisions/0003)."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Top to bottom; rooms in one tuple stand side by side and do not know each other.
ROOMS = [
    ("reports", "connectors"),
    ("admissions",),
    ("referrals", "therapy"),
    ("programs",),
    ("coverage",),
    ("messaging",),
    ("privacy",),
    ("work",),
    ("people",),
    ("accounts",),
    ("core",),
]
LEVEL = {room: height for height, side_by_side in enumerate(reversed(ROOMS)) for room in side_by_side}


def upward(path, source):
    """Imports in `source` of a file of room `path.parts[0]` that do not point down, as sentences."""
    room = path.parts[0]
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        for name in names:
            other = name.split(".")[0]
            if other == "config" or (other in LEVEL and other != room and LEVEL[other] >= LEVEL[room]):
                yield f"{path}:{node.lineno} imports {name}"


def files():
    for room in LEVEL:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT)


def test_no_room_imports_one_above_it():
    found = [line for path in files() for line in upward(path, (ROOT / path).read_text())]

    # The web process publishes hints through the one Celery application.
    assert [line for line in found if "imports config.celery" not in line] == []


@pytest.mark.parametrize(
    "source", ["import admissions", "from admissions.models import Inquiry", "import reports.views"]
)
def test_the_arrow_test_sees_an_import_that_points_up(source):
    assert list(upward(Path("people/services.py"), source))


def test_migrations_import_none_of_our_code():
    found = []
    for path in files():
        if "migrations" in path.parts:
            for node in ast.walk(ast.parse((ROOT / path).read_text())):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module] if isinstance(node, ast.ImportFrom) else []
                found += [f"{path}: {name}" for name in names if name.split(".")[0] in LEVEL]
    assert found == []
