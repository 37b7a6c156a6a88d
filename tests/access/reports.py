"""Access matrix of the dashboard and its lists."""

from accounts.permissions import Permission as P
from tests.access import Row

ROWS = {
    "reports:dashboard": Row(P.VIEW_REPORTS),
    "reports:list": Row(P.VIEW_REPORTS, args=lambda w: {"figure": "inquiries"}, is_shared=True),
}
