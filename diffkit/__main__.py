"""``python -m diffkit``: the command line, also where its script is not on the path."""

import sys

from diffkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
