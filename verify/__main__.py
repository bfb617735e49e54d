"""`python -m verify` is `lossproof`."""

import sys
from pathlib import Path

from verify.cli import main

if __name__ == "__main__":
    home = Path(__file__).resolve().parent.parent
    if not sys.flags.safe_path and home != Path.cwd() == Path(sys.path[0] or ".").resolve():
        del sys.path[0]  # the working directory, which -m puts in front
    main()
