"""A job as a whole: plan the units, give them to worker processes, finish the job."""

import concurrent.futures
import multiprocessing
import os
import signal
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool

from tqdm import tqdm

from common import files
from common.errors import UserError
from data.jobs.job import Job
from data.text import corpus

_UNITS_PER_SHARD = 4
_LEAST_UNIT_BYTES = 4096  # a unit of one document has no other for a random second sentence
_POLL_SECONDS = 0.5
_PROGRESS_SECONDS = 0.2
_BROKEN_POOLS = 3  # workers killed so often in one run are no accident


def create(settings, input_files, output_names, num_workers=1, say=print):
    """Makes shards and their manifest.

    Args:
      settings: creation.CreationSettings for records, annotation.AnnotationSettings for CoNLL-U.
      input_files: list of paths, local or remote.
      output_names: list of shard names, local or remote.
      num_workers: int, worker processes; 1 works in this process.
      say: called with lines for the user.

    Returns:
      The manifest, a dict.

    Raises:
      UserError: see the settings' check, corpus, segmentation; output that cannot be written.
    """
    work = settings.make_work()
    units = corpus.plan_units(
        input_files, settings.input_format, _unit_bytes(work, input_files, len(output_names))
    )
    if len(units) < len(output_names):
        raise UserError(
            "the input can be cut into {} parts only, too few for {} shards; ask for fewer "
            "(--num_shards)".format(len(units), len(output_names))
        )
    job = Job(work, units, output_names)
    finished = job.finished_manifest()
    if finished:
        say("{} is complete and made from the same input: kept".format(output_names[0]))
        return finished
    with job.begin(say):
        began = time.monotonic()
        _run_units(job, num_workers, say)
        result = job.finish(input_files)
        say(_speed(job.characters, time.monotonic() - began))
        return result


def _speed(characters, seconds):
    return "{:,} characters in {:.1f} s: {:,.0f} characters/s".format(
        characters, seconds, characters / max(seconds, 1e-3)
    )


def _unit_bytes(work, input_files, shards):
    """Nominal size of a unit: several units a shard, so that shards are of about one size."""
    usual = work.unit_bytes or corpus.UNIT_BYTES
    if shards == 1:
        return usual
    try:
        total = sum(files.size(path) for path in input_files)
    except files.failures() as error:
        raise UserError("cannot read the input: {}".format(files.reason(error))) from None
    return min(usual, max(_LEAST_UNIT_BYTES, total // (_UNITS_PER_SHARD * shards)))


def _run_units(job, num_workers, say):
    units = job.missing()
    if not units:
        return
    total = sum(unit.size for unit in units)
    with tqdm(total=total, unit="B", unit_scale=True, desc=job.work.what, **_bar_style()) as bar:
        if num_workers == 1:
            _run_here(job, units, bar)
        else:
            _run_in_processes(job, units, num_workers, bar, say)


def _bar_style():
    # Into a file: a line now and then instead of a moving bar.
    terminal = sys.stderr.isatty()
    return {"mininterval": 0.2 if terminal else 15.0, "dynamic_ncols": terminal}


def _run_here(job, units, bar):
    processor = job.work.settings.make_processor()
    for unit in units:
        progress = _UnitProgress(unit, bar.update)
        job.unit_done(unit, processor.run(unit, job.part(unit), progress, _remote_contents(unit)))
        progress(1.0)


class _UnitProgress:
    """Turns shares of a unit into rising counts of bytes, not more often than is worth it."""

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
    if not any(files.is_remote(part.path) for part in unit.ranges):
        return None
    try:
        return [corpus.read_range(part) for part in unit.ranges]
    except files.failures() as error:
        raise UserError(
            "cannot read {}: {}".format(unit.ranges[0].path, files.reason(error))
        ) from None


def _run_in_processes(job, units, num_workers, bar, say):
    for attempt in range(1, _BROKEN_POOLS + 1):
        try:
            _run_pool(job, job.missing(), num_workers, bar)
            return
        except BrokenProcessPool:
            missing = len(job.missing())
            if attempt == _BROKEN_POOLS:
                raise UserError(
                    "worker processes were killed {} times (out of memory?); {} of {} parts are "
                    "kept in {}: start again, perhaps with fewer --num_workers".format(
                        attempt, len(job.units) - missing, len(job.units), job.parts
                    )
                ) from None
            say("a worker process was killed; its part is done again")


def _run_pool(job, units, num_workers, bar):
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    executor = concurrent.futures.ProcessPoolExecutor(
        min(num_workers, len(units)), context, _start_worker, (job.work.settings, counter)
    )
    waiting, queue = {}, list(reversed(units))
    before = bar.total - sum(unit.size for unit in units)
    try:
        while queue or waiting:
            while queue and len(waiting) < 2 * num_workers:
                unit = queue.pop()
                task = executor.submit(_work, unit, job.part(unit), _remote_contents(unit))
                waiting[task] = unit
            done, _ = concurrent.futures.wait(
                waiting, _POLL_SECONDS, concurrent.futures.FIRST_COMPLETED
            )
            for future in sorted(done, key=lambda f: waiting[f].index):
                result = future.result()
                job.unit_done(waiting.pop(future), result)
            # Without the lock: a worker killed while it holds it must not stop the parent.
            bar.update(before + counter.get_obj().value - bar.n)
    except BaseException:
        # Without this the interpreter would wait for the units that are being worked on.
        executor.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            child.terminate()
            child.join()
        raise
    executor.shutdown()


_WORKER = {}


def _start_worker(settings, counter):
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a worker without a traceback
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _WORKER.update(settings=settings, counter=counter)


def _leave_with_parent():
    # A worker that outlived a killed parent would write into the folder of the next run.
    multiprocessing.parent_process().join()
    os._exit(1)


def _work(unit, target, contents):
    # Built by the first task and not on start-up: an error there would only break the pool.
    if "processor" not in _WORKER:
        _WORKER["processor"] = _WORKER["settings"].make_processor()
    counter = _WORKER["counter"]

    def advance(count):
        with counter.get_lock():
            counter.value += count

    progress = _UnitProgress(unit, advance)
    result = _WORKER["processor"].run(unit, target, progress, contents)
    progress(1.0)
    return result
