#!/usr/bin/env python3
"""`python3 manage.py up` starts everything, `python3 manage.py check_all` checks everything.

Any other Django command runs in the same environment: `python3 manage.py help`.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("Handrail needs Python 3.11 or newer; this is " + sys.version.split()[0] + ".")

from config import bootstrap

if __name__ == "__main__":
    bootstrap.run(sys.argv)
