"""Where the project and the reference data lie, for tests."""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Beside the checkout; absent on a user's machine.
SHARED = os.path.join(os.path.dirname(ROOT), "shared")
