"""Sets of records that are evaluated, each by itself, where --eval_file names them.

  --eval_file=law=law/*.tfrecord,general=general/*.tfrecord

The first set decides which checkpoint is the best. Without names there is one set, whose name is
None.
"""

import dataclasses
import hashlib
import itertools
import json
import re

from common import files
from common.errors import UserError
from common.log import warn
from training.records import record_identity

FORM = "--eval_file=law=law/*.tfrecord,general=general/*.tfrecord"
# A path before a sign of equality, or a pattern, is no name.
_NO_NAME = re.compile(r"[/*?\[]")
_NAME = re.compile(r"[\w-]+")
# Parts of the names of an evaluation's files, see pretraining_runner.
_RESERVED = ("start",)


def find(value):
    """The files of each set.

    Args:
      value: names and globs of record files with commas between them, as files.matching takes
        them; or NAME=FILES for each set, where FILES is one name or glob.

    Returns:
      dict name -> paths; the name is None where sets have none.

    Raises:
      UserError: a name is empty, stands twice or has other signs than letters, digits, _ and -;
        some entries have a name and others not; a set matches no file.
    """
    entries = [(entry, *_parted(entry)) for entry in files.entries(value)]
    named = [entry for entry, name, _ in entries if name is not None]
    if not named:
        return {None: files.matching(value, "--eval_file")}
    without = [entry for entry, name, _ in entries if name is None]
    if without:
        raise UserError(
            "--eval_file: {} has a name and {} has none; name all sets, as in {}, or none{}".format(
                named[0], without[0], FORM, _as_file(named[0])
            )
        )
    sets = {}
    for entry, name, pattern in entries:
        _check_name(entry, name, pattern, sets)
        try:
            sets[name] = files.matching(pattern, "--eval_file, set " + name)
        except UserError as error:
            raise UserError(str(error) + _as_file(entry)) from None
    return sets


def _parted(entry):
    """(name, pattern) of an entry; the name is None where it is a file's name or a glob.

    A sign of equality may be of a file's name: where the whole entry means a file it does, and
    where a folder stands before it.
    """
    name, sign, pattern = entry.partition("=")
    if not sign or _NO_NAME.search(name):
        return None, entry
    if not files.is_remote(entry) and files.has_matches(entry):
        return None, entry
    return name.strip(), pattern.strip()


def _check_name(entry, name, pattern, others):
    fault = None
    if not name:
        fault = "the name of a set is empty; give one"
    elif not _NAME.fullmatch(name):
        fault = "the name of a set has letters, digits, _ and - alone; change {!r}".format(name)
    elif name in _RESERVED:
        fault = "the figures before the training have the name {!r}; take another".format(name)
    elif name.casefold() in {other.casefold() for other in others}:
        fault = "the name {!r} stands twice; take another, or one glob for all its files".format(
            name
        )
    elif not pattern:
        fault = "set {} has no files; name them behind the sign".format(name)
    if fault:
        raise UserError(
            "--eval_file, {!r}: {}, as in {}{}".format(entry, fault, FORM, _as_file(entry))
        )


def _as_file(entry):
    return " (for a file whose name holds a '=' write ./{})".format(entry)


def warn_of_shared(sets):
    """Warns of files that are in two sets: `sets` is what `find` returns."""
    for (name, paths), (other, others) in itertools.combinations(sets.items(), 2):
        shared = [path for path in paths if path in set(others)]
        if shared:
            warn(
                "--eval_file: {}{} in the sets {} and {}, whose figures then tell the same; name "
                "files once".format(
                    shared[0],
                    " and {} more are".format(len(shared) - 1) if shared[1:] else " is",
                    name,
                    other,
                )
            )


def settings(sets, readable, manifests):
    """Fields of RunConfig.

    Args:
      sets: see `find`.
      readable: RecordFiles.
      manifests: {path: manifest} of the files.

    Returns:
      dict: eval_files, eval_records of all sets; eval_sets, None where sets have no names.
    """
    paths, rows = readable.of(every_file(sets))
    fields = {"eval_files": paths, "eval_records": rows, "eval_sets": None}
    if None not in sets and sets:
        fields["eval_sets"] = {
            name: dict(
                zip(("files", "records"), readable.of(some_files)),
                identity=record_identity.of_files(some_files, manifests),
            )
            for name, some_files in sets.items()
        }
    return fields


def every_file(sets):
    """The files of all sets (see `find`), each once."""
    return list(dict.fromkeys(itertools.chain.from_iterable(sets.values())))


def deciding_files(sets):
    """The files of the set that decides which checkpoint is the best; none without sets."""
    return next(iter(sets.values()), [])


def each(config):
    """The sets of a run.

    Args:
      config: RunConfig.

    Returns:
      list of (name or None, RunConfig as if --eval_file named the files of this set alone).
    """
    if not config.eval_sets:
        return [(None, config)]
    return [
        (
            name,
            dataclasses.replace(
                config,
                eval_files=content["files"],
                eval_records=content["records"],
                eval_sets=None,
                records=dict(config.records or {}, eval=content["identity"]),
            ),
        )
        for name, content in config.eval_sets.items()
    ]


def digest(config):
    """The SHA-256 of what is evaluated: of the names and content of all sets."""
    digests = [(name, part.records["eval"]["sha256"]) for name, part in each(config)]
    if not config.eval_sets:
        return digests[0][1]
    return hashlib.sha256(json.dumps(digests).encode("utf-8")).hexdigest()
