"""`python -m verify` is `lossproof`."""

import sys
from pathlib import Path

from verify.cli import main

if __name__ == "__main__":
    home = Path(__file__).resolve().parent.parent
    if sys.path and Path(sys.path[0] or ".").resolve() != home:
        del sys.path[0]  # the working directory, which -m puts in front
    main()
