"""What all tests share: reproducible hypothesis runs without deadlines."""

import os

from hypothesis import settings

settings.register_profile("lossproof", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True)
settings.load_profile("lossproof")
