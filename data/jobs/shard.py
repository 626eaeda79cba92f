"""One output file, joined from the parts of its units in their order."""

import json
import os
import shutil

from common import files, outputs
from common.errors import UserError
from data.jobs.restart import finished_shard
from data.jobs.statistics import add_statistics

_COPY_BYTES = 1 << 20


class Shard:
    """Collects the parts of a shard; gives the file its name when the last one is there.

    What it holds in memory does not grow with the parts: their statistics are added up in order.
    """

    def __init__(self, name, stem, first_unit, part_paths, empty_statistics, before_rename):
        """Makes the shard.

        Args:
          name: path of the output file, local or remote.
          stem: path without ending of what is kept until the manifest is there: STEM.tmp, the
            file itself, and STEM.json, its record (size, checksums, statistics).
          first_unit: index of its first unit.
          part_paths: local paths of its parts, in order.
          empty_statistics: function that gives statistics without counts.
          before_rename: called before the file of an earlier run may be replaced.
        """
        self.name, self.first_unit = name, first_unit
        self._temporary, self._record_path = stem + ".tmp", stem + ".json"
        self._part_paths, self._before_rename = part_paths, before_rename
        self._empty_statistics = empty_statistics
        self._waiting = {}  # index -> result of a unit whose turn has not come
        self._next = 0
        self._record = {"bytes": 0, "parts": [], "statistics": empty_statistics()}

    def is_complete(self):
        """Whether the file is there as an earlier run, or this one, recorded it."""
        record = self.record()
        return bool(record and files.exists(self.name) and files.size(self.name) == record["bytes"])

    def record(self):
        """{"bytes", "parts": [{"bytes", "crc32c"}], "statistics"} of the file, None without one."""
        return finished_shard(self._record_path, self._empty_statistics())

    def add(self, index, result):
        """Takes the part of unit `index`, with what Processor.run returned for it.

        Raises:
          UserError: the file cannot be written.
        """
        self._waiting[index] = result
        begin = self._next
        while self.first_unit + self._next in self._waiting:
            part = self._waiting.pop(self.first_unit + self._next)
            self._record["bytes"] += part["bytes"]
            self._record["parts"].append({key: part[key] for key in ("bytes", "crc32c")})
            add_statistics(self._record["statistics"], part["statistics"])
            self._next += 1
        try:
            self._write(begin)
        except files.failures() as error:
            files.remove_if_there(self._temporary)
            raise cannot_write(self.name, error) from None

    def _write(self, begin):
        complete = self._next == len(self._part_paths)
        if files.is_remote(self.name):  # written in one go: remote files take no appending
            begin = 0
            if not complete:
                return
        if self._next > begin:
            open_file = files.append_to if begin else files.create
            with open_file(self._temporary) as out:
                for path in self._part_paths[begin : self._next]:
                    with open(path, "rb") as f:
                        shutil.copyfileobj(f, out, _COPY_BYTES)
        if complete:
            self._before_rename()
            outputs.publish(self._temporary, self.name)
            outputs.write_atomically(self._record_path, json.dumps(self._record))
            for path in self._part_paths:
                os.remove(path + ".json")
                os.remove(path)

    def remove(self):
        """Removes the file and its record."""
        files.remove_if_there(self.name)
        files.remove_if_there(self._record_path)


def cannot_write(name, error):
    """UserError for an output that cannot be written."""
    return UserError("cannot write {} (--output_file): {}".format(name, files.reason(error)))


def make_room(name):
    """Checks --output_file of a program that writes one file, and makes its folder; to be called
    before the work begins.

    Raises:
      UserError: no file can be written there.
    """
    outputs.check(name, "--output_file")
    try:
        files.make_directories(os.path.dirname(name) or ".")
    except files.failures() as error:
        raise cannot_write(name, error) from None
