"""Who may see all promises of a facility."""

from accounts.permissions import Permission as P
from tests.access import Row

ROWS = {"work:promises": Row(P.VIEW_PEOPLE)}
