"""Where the project and the reference data lie, for tests."""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Folders of what tests share; pytest has them on its path (pyproject.toml).
SUPPORT = [
    os.path.join(ROOT, "tests", "support", room)
    for room in ("", "devices", "models", "records", "runs")
]
# Beside the checkout; absent on a user's machine.
SHARED = os.path.join(os.path.dirname(ROOT), "shared")
