"""`python tools/demo`: see demo.py."""

import sys

from demo import main

if __name__ == "__main__":  # spawned producers import this file again
    sys.exit(main())
