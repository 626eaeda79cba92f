"""Processes side by side, each with a folder of its own that is laid out anew for every run."""

import concurrent.futures
import multiprocessing
import os
import shutil

_WORKER = []


class Workplace:
    """A folder that can be put back to what it was: what programs write names their own paths.

    Attributes:
      here: its path, always the same.
    """

    def __init__(self, folder):
        self.here, self._template = (os.path.join(folder, name) for name in ("here", "template"))

    def lay_out(self, fill):
        """Makes the folder anew; `fill`: function of its path that writes what it is to hold."""
        shutil.rmtree(self.here, ignore_errors=True)
        os.makedirs(self.here)
        fill(self.here)
        shutil.rmtree(self._template, ignore_errors=True)
        shutil.copytree(self.here, self._template, symlinks=True)

    def reset(self):
        """The path of the folder, which holds what it held when it was laid out."""
        shutil.rmtree(self.here)
        shutil.copytree(self._template, self.here, symlinks=True)
        return self.here


def open_lanes(count, folder, make_worker):
    """A pool of forked processes, each with a worker of its own; see `call`.

    Args:
      count: of processes.
      folder: for the work.
      make_worker: function of a lane's folder.
    """
    context = multiprocessing.get_context("fork")
    start = folder, context.Value("i", 0), make_worker
    return concurrent.futures.ProcessPoolExecutor(count, context, _start, start)


def call(method, *arguments):
    """Calls a method of the worker of this process, by its name: to be given to the pool."""
    return getattr(_WORKER[0], method)(*arguments)


def _start(folder, counter, make_worker):
    with counter.get_lock():
        counter.value += 1
        number = counter.value
    _WORKER.append(make_worker(os.path.join(folder, "lane{}".format(number))))
