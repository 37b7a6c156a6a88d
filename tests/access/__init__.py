"""The access matrix: one row per address, kept beside the room it belongs to.

`tests/access/<room>.py` has `ROWS`, from URL name to `Row`; `tests/test_access.py` crawls them all.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

PUBLIC = "public"
SIGNED_IN = "signed_in"


@dataclass(frozen=True)
class Row:
    """Who may call an address.

    `permission` is a `Permission`, SIGNED_IN or PUBLIC. `args` makes the URL's keyword arguments from
    a `World` of one facility (empty for addresses without an object). `data` makes a POST body that
    would work there. `is_shared` marks what belongs to the whole organization and is seen from every
    facility (a partner). `only` names the roles whose own row it is (a draft of one's own): to the others it
    does not exist. `shows` are texts of the place itself that a public page may say. `methods` are those the
    view answers; any other must be 405. No methods: another package's page.
    """

    permission: Any
    methods: tuple[str, ...] = ("get",)
    args: Callable = field(default=lambda world: {})
    data: Callable = field(default=lambda world: {})
    is_shared: bool = False
    only: tuple[str, ...] = ()
    shows: Callable = field(default=lambda world: [])
