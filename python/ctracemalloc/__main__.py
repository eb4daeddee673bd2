"""`python -m ctracemalloc` is the command `ctracemalloc`."""

import sys

from ctracemalloc.cli import main

if __name__ == "__main__":
    sys.exit(main())
