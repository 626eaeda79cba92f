"""The share of the machine that this process may use."""

import ctypes
import os

# Options of glibc's mallopt, malloc.h; the threshold for mapped blocks can be 32 MB at most.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MAPPED_FROM, _TRIMMED_FROM = 1 << 25, 1 << 28


def available_cores():
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes():
    """Bytes of memory that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def keep_freed_memory():
    """Lets this process use freed memory of up to 256 MB again instead of giving it back.

    Arrays of some MB that are made and freed again and again otherwise cost a page fault for every
    4 kB: a tenth to a fifth of data creation, and more in several processes at a time, since the
    kernel clears the pages. Nothing happens where the C library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM)
        mallopt(_M_TRIM_THRESHOLD, _TRIMMED_FROM)
