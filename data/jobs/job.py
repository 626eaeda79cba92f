"""The state of one job on disk: folder of parts, shards, manifest.

A job makes shards of the units of its input; what it makes of them is its work (work.py).

Every step leaves complete files under final names or nothing: a unit's part and its statistics,
then a shard, then the manifest. What is complete and made from the same input with the same
settings is kept when the program is started again.
"""

import bisect
import contextlib
import hashlib
import importlib.metadata
import json
import os
import tempfile

from common import files, locks, outputs
from common.errors import UserError
from data.jobs.restart import finished_part
from data.jobs.shard import Shard, cannot_write
from data.jobs.statistics import add_statistics
from data.records import manifest, partial
from data.records.side_paths import set_of, stem_of
from data.text import corpus

_LISTED_INPUTS = 100
# What names a folder of parts; the rest are parts.
_OF_THE_FOLDER = (partial.LOCK, partial.FINGERPRINT, partial.SHARDS)


class Job:
    """The state of one job on disk: the folder of parts, the shards, the manifest.

    Attributes:
      characters: of the units done since it began.
    """

    def __init__(self, work, units, output_names):
        self.work, self.units, self.outputs = work, units, output_names
        self.fingerprint = _fingerprint(work, units, output_names)
        self.manifest_path = manifest.manifest_path(output_names)
        self.state = partial.folder_of(output_names)
        self.parts, self._scratch = self.state, None
        self._shards, self._first_units = [], []
        self._done = set()  # indices of units
        self.characters = 0

    def finished_manifest(self):
        """The manifest of an earlier run of the same job whose shards are all there, or None."""
        if not files.exists(self.manifest_path):
            return None
        earlier = manifest.read_manifest(self.manifest_path)
        self.work.check_manifest(self.manifest_path, earlier)
        named = {os.path.basename(name) for name in self.outputs}
        if earlier.get("fingerprint") != self.fingerprint:
            return None
        if not manifest.is_whole(earlier, self.work.manifest_keys, self.work.counts):
            return None
        whole = named == set(earlier["shards"]) and all(
            files.exists(name)
            and files.size(name) == earlier["shards"][os.path.basename(name)]["bytes"]
            for name in self.outputs
        )
        return earlier if whole else None

    def refuse_other_shards(self):
        """Refuses shards of another number of them, which globs would match together with these.

        Raises:
          UserError: naming one.
        """
        directory = os.path.dirname(self.outputs[0])
        there = files.names_in(directory)
        stem = stem_of(os.path.basename(self.outputs[0]))
        others = {name for name in there if (set_of(name) or [None])[0] == stem}
        if files.exists(self.manifest_path):
            others |= set(manifest.read_manifest(self.manifest_path)["shards"]) & set(there)
        others -= {os.path.basename(name) for name in self.outputs}
        if others:
            raise UserError(
                "{} is of an earlier run with other shards{} and would be read together with the "
                "new ones; remove it, or choose another --output_file".format(
                    os.path.join(directory, min(others)),
                    " (as {} more are)".format(len(others) - 1) if len(others) > 1 else "",
                )
            )

    @contextlib.contextmanager
    def begin(self, say):
        """Makes the folder of parts, or takes over what an earlier run of the same job left.

        On leaving, the folder stays only where something in it another try can use.

        Raises:
          UserError: the folder cannot be made, or another process works in it.
        """
        try:
            lock = self._claim(say)
        except files.failures() as error:
            raise cannot_write(self.outputs[0], error) from None
        try:
            if files.is_remote(self.state):
                self._scratch = tempfile.TemporaryDirectory(prefix="quanci-")
                self.parts = self._scratch.name
            self._shards = self._make_shards()
            self._first_units = [shard.first_unit for shard in self._shards]
            self._report_replacement(say)
            self._keep_finished(say)
            self.characters = 0
            yield
        finally:
            if self._scratch:
                self._scratch.cleanup()
            if not any(name.endswith(".json") for name in self._ours_in_state()):
                self._remove_state()
            if lock:
                lock.close()

    def _claim(self, say):
        """Locks the folder and empties it of what is another job's; returns the lock's file."""
        if os.path.islink(self.state):  # what is in the folder will be removed
            raise UserError(
                "{} is a symbolic link, not a folder of this program; remove it".format(self.state)
            )
        lock = None
        if files.is_remote(self.state):
            files.make_directories(self.state)
        else:
            lock = locks.take(self._in_state(partial.LOCK))  # held until the end
            if lock is None:
                raise UserError(
                    "another process is making {} (it holds {}); wait for it or stop it".format(
                        self.outputs[0], self._in_state(partial.LOCK)
                    )
                )
        mark = self._in_state(partial.FINGERPRINT)
        if not self._has_our_fingerprint(mark):
            self._discard(say)
        partial.write_shards(self.state, self.outputs)
        outputs.write_atomically(mark, self.fingerprint)
        return lock

    def _discard(self, say):
        parts = [n for n in self._ours_in_state() if n not in _OF_THE_FOLDER]
        if parts:
            say("{} is from another input or other flags: discarded".format(self.state))
        for name in parts:
            files.remove_if_there(self._in_state(name))

    def _ours_in_state(self):
        return [name for name in files.names_in(self.state) if partial.is_ours(name)]

    def _in_state(self, name):
        return os.path.join(self.state, name)

    def _has_our_fingerprint(self, mark):
        if not files.exists(mark):
            return False
        with files.open_file(mark, "rb") as f:
            return f.read(2 * len(self.fingerprint)) == self.fingerprint.encode("ascii")

    def _make_shards(self):
        """Shards of neighbouring units, so that they are complete one after the other."""
        count, shards = len(self.outputs), []
        borders = [i * len(self.units) // count for i in range(count + 1)]
        for i, name in enumerate(self.outputs):
            stem = os.path.join(self.state, "shard-{:05d}".format(i))
            units = self.units[borders[i] : borders[i + 1]]
            paths = [self.part(unit) for unit in units]
            empty = self.work.empty_statistics
            shards.append(Shard(name, stem, borders[i], paths, empty, self._remove_manifest))
        return shards

    def _remove_manifest(self):
        # Not before the first shard is replaced: it is valid until then.
        files.remove_if_there(self.manifest_path)

    def _shard_of(self, unit):
        return bisect.bisect_right(self._first_units, unit.index) - 1

    def _report_replacement(self, say):
        if not files.exists(self.manifest_path):
            return
        if manifest.read_manifest(self.manifest_path).get("fingerprint") != self.fingerprint:
            say(
                "{} was made with other flags, input or libraries: made anew".format(
                    self.outputs[0]
                )
            )

    def _keep_finished(self, say):
        complete = [shard.is_complete() for shard in self._shards]
        parts = 0
        for unit in self.units:
            result = finished_part(self.part(unit), self.work.empty_statistics())
            if complete[self._shard_of(unit)]:
                self._done.add(unit.index)
            elif result:
                self.unit_done(unit, result)
                parts += 1
        if parts or any(complete):
            say("kept from an earlier run: {} shards, {} parts".format(sum(complete), parts))

    def part(self, unit):
        """Path of a unit's part; what Processor.run returned lies beside it, with .json."""
        return os.path.join(self.parts, "unit-{:05d}".format(unit.index))

    def missing(self):
        """Units that are still to be done."""
        return [unit for unit in self.units if unit.index not in self._done]

    def unit_done(self, unit, result):
        """Takes a complete part.

        Raises:
          UserError: its shard cannot be written.
        """
        self._done.add(unit.index)
        self.characters += result["statistics"]["characters"]
        self._shards[self._shard_of(unit)].add(unit.index, result)

    def finish(self, input_files):
        """Writes the manifest and removes the folder of parts.

        Raises:
          UserError: the input had no text, so nothing was made.
        """
        shards, total = {}, self.work.empty_statistics()
        for shard in self._shards:
            record = shard.record()
            statistics = record.pop("statistics")
            record.update({key: statistics[key] for key in self.work.counts})
            shards[os.path.basename(shard.name)] = record
            add_statistics(total, statistics)
        if not total[self.work.main_count]:
            for shard in self._shards:
                shard.remove()
            raise UserError(self.work.nothing_made(total, input_files))
        result = self._manifest(input_files, shards, total)
        try:
            manifest.write_manifest(self.manifest_path, result)
        except files.failures() as error:
            raise cannot_write(self.manifest_path, error) from None
        self._remove_state()
        return result

    def remove_leftovers(self, say):
        """Removes the folder of parts beside a finished job, unless another process works in it.

        A run that was stopped may have left it: of this job, whose manifest was written, or of
        another one, which had not replaced anything.
        """
        if os.path.islink(self.state) or not files.is_directory(self.state):
            return
        lock = None
        if not files.is_remote(self.state):
            lock = locks.take(self._in_state(partial.LOCK))
            if lock is None:
                return
        if not self._has_our_fingerprint(self._in_state(partial.FINGERPRINT)):
            self._discard(say)
        self._remove_state()
        if lock:
            lock.close()

    def _remove_state(self):
        # Restarts take no harm from what cannot be removed, and the next job removes it. The lock
        # goes last: as long as it is there, no other process begins.
        with contextlib.suppress(UserError, *files.failures()):
            outputs.remove_folder(self.state, lambda n: partial.is_ours(n) and n != partial.LOCK)
            outputs.remove_folder(self.state, partial.is_ours)

    def _manifest(self, input_files, shards, total):
        return {
            "format": manifest.FORMAT_VERSION,
            **self.work.describe(total),
            "input": {
                "files": len(input_files),
                "bytes": sum(unit.size for unit in self.units),
                "encodings": {
                    name: len(paths) for name, paths in corpus.by_encoding(self.units).items()
                },
                "first": list(input_files[:_LISTED_INPUTS]),
            },
            "shards": shards,
            "flags": self.work.flags(),
            "fingerprint": self.fingerprint,
        }


def _fingerprint(work, units, output_names):
    """sha256 over all that decides the result: settings, files, cut, versions of libraries."""
    paths = {stretch.path for unit in units for stretch in unit.ranges} | set(work.model_files)
    try:
        side_files = {path: (files.size(path), files.modified(path)) for path in sorted(paths)}
    except files.failures() as error:
        raise UserError("cannot read the input: {}".format(files.reason(error))) from None
    content = {
        "format": manifest.FORMAT_VERSION,
        "settings": work.flags(),
        **work.identity,
        "files": side_files,
        "units": [unit.ranges for unit in units],
        "shards": [os.path.basename(name) for name in output_names],
        "libraries": {name: importlib.metadata.version(name) for name in work.libraries},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8")).hexdigest()
