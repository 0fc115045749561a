r"""Run hatch from a fresh clone: `python3 tools/hatchw.py run test` (on Windows `py tools\hatchw.py run test`).

Like gradlew, it needs nothing but Python and pip. This file stays readable for every Python since 2.7, so that an old
interpreter gets a sentence instead of a syntax error; the work is in hatch_bootstrap.py.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  (the point of this file)
    sys.exit(
        "This project needs Python 3.11 or newer; %s is %d.%d. "  # noqa: UP031  (parses on the oldest Python)
        "Start it with a newer one, for instance: python3.12 tools/hatchw.py run test"
        % ((sys.executable,) + tuple(sys.version_info[:2]))  # noqa: RUF005  (as above)
    )

from hatch_bootstrap import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
