"""Data creation as a whole: plan the units, give them to worker processes, finish the job."""

import concurrent.futures
import multiprocessing
import signal
import sys
import time
from concurrent.futures.process import BrokenProcessPool

from tqdm import tqdm

from data import corpus, files
from data.creation import UnitProcessor
from data.job import Job
from data.tokenization import Vocabulary
from errors import UserError

_POLL_SECONDS = 0.5
_PROGRESS_SECONDS = 0.2
_BROKEN_POOLS = 3  # a worker killed three times over is no accident


def create(settings, input_files, output_names, num_workers=1, say=print):
    """Makes the record shards and the manifest.

    Args:
      settings: creation.CreationSettings.
      input_files: list of paths, local or remote.
      output_names: list of shard names, local or remote.
      num_workers: int, worker processes; 1 works in this process.
      say: called with lines for the user.

    Returns:
      The manifest, a dict.

    Raises:
      UserError: see CreationSettings.check, corpus, segmentation; output that cannot be written.
    """
    settings.check()
    vocabulary = Vocabulary(settings.vocab_file)
    unit_bytes = corpus.UNIT_BYTES
    if len(output_names) > 1:
        total = sum(files.size(path) for path in input_files)
        unit_bytes = max(1, min(unit_bytes, -(-total // len(output_names))))
    units = corpus.plan_units(input_files, settings.input_format, unit_bytes)
    if len(units) < len(output_names):
        raise UserError(
            "the input has only {} parts at document borders, too few for {} shards; "
            "ask for fewer (--num_shards)".format(len(units), len(output_names))
        )
    job = Job(settings, vocabulary, units, output_names)
    finished = job.finished_manifest()
    if finished:
        say("{} is complete and made from the same input: kept".format(output_names[0]))
        return finished
    job.begin(say)
    try:
        _run_units(job, num_workers, say)
        return job.finish(input_files)
    except UserError:
        job.discard_unless_useful()
        raise


def _run_units(job, num_workers, say):
    units = job.missing()
    if not units:
        return
    total = sum(unit.end - unit.start for unit in units)
    with tqdm(total=total, unit="B", unit_scale=True, desc="records", **_bar_style()) as bar:
        if num_workers == 1:
            _run_here(job, units, bar)
        else:
            _run_in_processes(job, units, num_workers, bar, say)


def _bar_style():
    # Into a file: a line now and then instead of a moving bar.
    terminal = sys.stderr.isatty()
    return {"mininterval": 0.2 if terminal else 15.0, "dynamic_ncols": terminal}


def _run_here(job, units, bar):
    processor = UnitProcessor(job.settings)
    lines = _RemoteLines()
    for unit in units:
        progress = _UnitProgress(unit, bar.update)
        job.unit_done(unit, processor.run(unit, job.part(unit), progress, *lines.read(unit)))
        progress(1.0)


class _UnitProgress:
    """Turns shares of a unit into rising counts of bytes, not more often than is worth it."""

    def __init__(self, unit, advance):
        self._bytes, self._advance = unit.end - unit.start, advance
        self._sent, self._at = 0, 0.0

    def __call__(self, share):
        now = time.monotonic()
        if share >= 1.0 or now - self._at > _PROGRESS_SECONDS:
            done = int(self._bytes * share)
            self._advance(done - self._sent)
            self._sent, self._at = done, now


class _RemoteLines:
    """Reads the bytes of remote units in the parent and counts the lines before them."""

    def __init__(self):
        self._lines = {}

    def read(self, unit):
        """(bytes, lines of the file before them) of a remote unit, (None, None) of a local one."""
        if not files.is_remote(unit.path):
            return None, None
        content = corpus.read_unit(unit)
        before = self._lines.get(unit.path, 0)
        self._lines[unit.path] = before + content.count(b"\n")
        return content, before


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
        min(num_workers, len(units)), context, _start_worker, (job.settings, counter)
    )
    lines, waiting, queue = _RemoteLines(), {}, list(reversed(units))
    bar.n = sum(u.end - u.start for u in job.units) - sum(u.end - u.start for u in units)
    bar.total = sum(u.end - u.start for u in job.units)
    before = bar.n
    try:
        while queue or waiting:
            while queue and len(waiting) < 2 * num_workers:
                unit = queue.pop()
                arguments = (unit, job.part(unit), *lines.read(unit))
                waiting[executor.submit(_work, *arguments)] = unit
            done, _ = concurrent.futures.wait(
                waiting, _POLL_SECONDS, concurrent.futures.FIRST_COMPLETED
            )
            for future in sorted(done, key=lambda f: waiting[f].index):
                result = future.result()
                job.unit_done(waiting.pop(future), result)
            bar.update(before + counter.value - bar.n)
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
    _WORKER.update(settings=settings, counter=counter)


def _work(unit, target, content, lines_before):
    # Built by the first task and not on start-up: an error there would only break the pool.
    if "processor" not in _WORKER:
        _WORKER["processor"] = UnitProcessor(_WORKER["settings"])
    counter = _WORKER["counter"]

    def advance(count):
        with counter.get_lock():
            counter.value += count

    progress = _UnitProgress(unit, advance)
    result = _WORKER["processor"].run(unit, target, progress, content, lines_before)
    progress(1.0)
    return result
