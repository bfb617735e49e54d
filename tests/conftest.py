"""What all tests share: reproducible hypothesis runs without deadlines."""

import os

from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small matrices lose more to thread hand-over than they gain

settings.register_profile("lossproof", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True)
settings.load_profile("lossproof")
