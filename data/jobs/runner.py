"""A job as a whole: plan the units, have them done, finish the job."""

import time

from common import files, terminal
from common.errors import UserError, some
from common.progress import Progress
from data.jobs.executors import LocalProcesses
from data.jobs.job import Job
from data.text import corpus, encodings

_UNITS_PER_SHARD = 4
_LEAST_UNIT_BYTES = 4096  # a unit of one document has no other for a random second sentence


def create(work, input_files, output_names, executor=None, say=terminal.say, units=None):
    """Makes shards and their manifest; what is finished already is kept.

        work = RecordWork(CreationSettings(vocab_file="vocab.txt", input_format="raw"))
        manifest = create(work, ["news.txt"], ["news.tfrecord"], LocalProcesses(4))

    Args:
      work: work.Work: creation.RecordWork for records, annotation.AnnotationWork for CoNLL-U.
      input_files: list of paths, local or remote.
      output_names: list of shard names, local or remote.
      executor: see executors; None: this process.
      say: called with lines for the user.
      units: what `plan` has made of input_files; None: it is asked.

    Returns:
      The manifest, a dict.

    Raises:
      UserError: bad input (see corpus), a failure of the executor, output that cannot be written.
    """
    units = units or plan(work, input_files, len(output_names), say)
    job = Job(work, units, output_names)
    job.refuse_other_shards()
    finished = job.finished_manifest()
    if finished:
        job.remove_leftovers(say)
        say("{} is complete and made from the same input: kept".format(output_names[0]))
        return finished
    with job.begin(say):
        began = time.monotonic()
        _run_units(job, executor or LocalProcesses(), say)
        result = job.finish(input_files)
        say(_speed(job.characters, time.monotonic() - began))
        return result


def _described(units):
    """`utf-8 3 files; gb18030 2 files (a.txt, b.txt)`."""
    parts = []
    for encoding, paths in corpus.by_encoding(units).items():
        named = "" if encoding == encodings.UTF8 else " ({})".format(some(paths, 5))
        parts.append("{} {:,} files{}".format(encoding, len(paths), named))
    return "; ".join(parts)


def plan(work, input_files, shards, say=terminal.say):
    """The units of a job.

    Args:
      work: work.Work.
      input_files: list of paths.
      shards: how many there will be.
      say: called with lines for the user.

    Returns:
      list of corpus.Unit.

    Raises:
      UserError: bad input (see corpus), or too little of it for so many shards.
    """
    units = corpus.plan_units(
        input_files,
        work.settings.input_format,
        _unit_bytes(work, input_files, shards),
        encoding=work.settings.encoding,
    )
    if work.settings.encoding == encodings.AUTO:
        say("encodings: " + _described(units))
    if len(units) < shards:
        raise UserError(
            "the input can be cut into {} units only, too few for {} shards; ask for fewer "
            "(--num_shards)".format(len(units), shards)
        )
    return units


def _run_units(job, executor, say):
    missing = job.missing()
    if missing:
        total = sum(unit.size for unit in missing)
        with Progress(job.work.what, total, say, stays=True) as progress:
            executor.run(job, progress, say)


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
