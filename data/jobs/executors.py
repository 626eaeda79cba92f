"""Executors of the units of a job: processes of this machine. A further executor is a class here.

An executor has one method, `run(job, progress, say)`. It does all units that job.missing() lists,
in any order: `job.work.make_processor().run(unit, job.part(unit), ...)` in any process, then
`job.unit_done(unit, result)` in the process that called it. It counts bytes of input with
`progress`, a common.progress.Progress.
"""

import concurrent.futures
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures.process import BrokenProcessPool

from common import files
from common.errors import UserError
from common.processes import keep_freed_memory
from data.text import corpus

_POLL_SECONDS = 0.5
_PROGRESS_SECONDS = 0.2
_BROKEN_POOLS = 3  # workers killed so often in one run are no accident


class LocalProcesses:
    """Worker processes on this machine; a single worker is this process itself.

    Attributes:
      num_workers: int, 1 or more.
    """

    def __init__(self, num_workers=1):
        self.num_workers = num_workers

    def run(self, job, progress, say):
        """Does the missing units of a job.

        Args:
          job: job.Job.
          progress: common.progress.Progress over the bytes of the missing units.
          say: called with lines for the user.

        Raises:
          UserError: see Processor.run; workers are killed again and again.
        """
        if self.num_workers == 1:
            _run_here(job, progress)
            return
        for attempt in range(1, _BROKEN_POOLS + 1):
            try:
                _run_pool(job, job.missing(), self.num_workers, progress)
                return
            except BrokenProcessPool:
                missing = len(job.missing())
                if attempt == _BROKEN_POOLS:
                    raise UserError(
                        "worker processes were killed {} times (out of memory?); {} of {} parts "
                        "are kept in {}: start again, perhaps with fewer --num_workers".format(
                            attempt, len(job.units) - missing, len(job.units), job.parts
                        )
                    ) from None
                say("a worker process was killed; its unit is processed again")


def _run_here(job, progress):
    keep_freed_memory()
    processor = job.work.make_processor()
    for unit in job.missing():
        advance = _UnitProgress(unit, progress)
        job.unit_done(unit, processor.run(unit, job.part(unit), advance, _remote_contents(unit)))
        advance(1.0)


class _UnitProgress:
    """Turns shares of a unit into rising counts of bytes, at most every 0.2 s."""

    def __init__(self, unit, advance):
        self._bytes, self._advance = unit.size, advance
        self._sent, self._at = 0, 0.0

    def __call__(self, share):
        now = time.monotonic()
        if share >= 1.0 or now - self._at > _PROGRESS_SECONDS:
            done = int(self._bytes * share)
            self._advance(done - self._sent)
            self._sent, self._at = done, now


def _remote_contents(unit):
    """The bytes of a unit's ranges if one is remote: workers read local files alone."""
    if not any(files.is_remote(stretch.path) for stretch in unit.ranges):
        return None
    try:
        return [corpus.read_range(stretch) for stretch in unit.ranges]
    except files.failures() as error:
        raise UserError(
            "cannot read {}: {}".format(unit.ranges[0].path, files.reason(error))
        ) from None


def _run_pool(job, units, num_workers, progress):
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    pool = concurrent.futures.ProcessPoolExecutor(
        min(num_workers, len(units)), context, _start_worker, (job.work, counter)
    )
    waiting, queue = {}, list(reversed(units))
    before = progress.total - sum(unit.size for unit in units)
    try:
        while queue or waiting:
            while queue and len(waiting) < 2 * num_workers:
                unit = queue.pop()
                future = pool.submit(_work, unit, job.part(unit), _remote_contents(unit))
                waiting[future] = unit
            done, _ = concurrent.futures.wait(
                waiting, _POLL_SECONDS, concurrent.futures.FIRST_COMPLETED
            )
            for future in sorted(done, key=lambda f: waiting[f].index):
                result = future.result()
                job.unit_done(waiting.pop(future), result)
            # Without the lock: a worker killed while it holds it must not stop the parent.
            progress(before + counter.get_obj().value - progress.done)
        pool.shutdown()
    except BaseException:
        # Without this the interpreter would wait for the units that are being worked on. Killed,
        # as a worker that is stopped (SIGSTOP) heeds nothing else: parts are whole or not there.
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            child.kill()
            child.join()
        raise


_WORKER = {}


def _start_worker(work, counter):
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a worker without a traceback
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    keep_freed_memory()
    _WORKER.update(work=work, counter=counter)


def _leave_with_parent():
    # A worker that outlived a killed parent would write into the folder of the next run.
    multiprocessing.parent_process().join()
    os._exit(1)


def _work(unit, target, contents):
    # Built by the first task and not on start-up: an error there would only break the pool.
    if "processor" not in _WORKER:
        _WORKER["processor"] = _WORKER["work"].make_processor()
    counter = _WORKER["counter"]

    def advance(count):
        with counter.get_lock():
            counter.value += count

    progress = _UnitProgress(unit, advance)
    result = _WORKER["processor"].run(unit, target, progress, contents)
    progress(1.0)
    return result
