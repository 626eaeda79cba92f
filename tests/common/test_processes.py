import ctypes
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from common.processes import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def made():
    np.ones(1 << 21)  # 16 MB
made()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    made()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc")
def test_freed_memory_is_used_again():
    command = [sys.executable, "-c", FAULTS]
    given_back, kept = (int(subprocess.check_output([*command, how])) for how in ("", "kept"))
    # 4,096 pages each time, fewer where the kernel gives pages of 2 MB.
    assert kept < 10 <= given_back
