"""The manifest of a folder of teacher records: whose outputs they are, of which record files, and
where they lie.

It is written before the first shard, with all that is to come: a shard is complete once it is
there, since it gets its name last. So what is missing is known at any time.
"""

import os
from typing import Any, Dict, NamedTuple

from common import files
from common.errors import UserError, quoted, some
from common.validation import (
    is_count,
    is_name,
    is_number,
    is_object,
    is_object_of,
    is_text,
    is_text_or_null,
    list_of,
)
from data.records import manifest
from data.records.teacher_outputs import HIDDEN_DTYPES, LABEL_DTYPES, MASKED, POSITIONS, Layout

FILE_NAME = "_teacher" + manifest.ENDING
FORMAT_VERSION = 1
# Of a Layout that are the teacher's.
_SIZES = ("vocab_size", "hidden_size")
# Not in manifests of outputs that are not at masked places.
_ROOM = "max_predictions_per_seq"
_AGAIN = "run --task=teach again with the same command"
# What to do about a damaged shard.
ADVICE = "remove it, and " + _AGAIN


def _is_positive(value):
    return is_count(value) and value > 0


def _is_temperature(value):
    return is_number(value) and value > 0


_TEACHER = {
    "checkpoint": is_text,
    "digest": is_text_or_null,
    "config": is_text,
    "num_blocks": _is_positive,
    "num_attention_heads": _is_positive,
    "hidden_size": _is_positive,
    "vocab_size": _is_positive,
    "precision": is_text,
    "kernels": is_text,
}
_FILE = {
    "bytes": is_count,
    "sha256_of_ends": is_text,
    "records": _is_positive,
    "shards": list_of(is_name),
}


def _are_files(value):
    return is_object(value) and all(is_object_of(_FILE, entry) for entry in value.values())


_KEYS = {
    "teacher": ("an object that says which teacher it is", lambda v: is_object_of(_TEACHER, v)),
    "soft_label_positions": ("one of " + ", ".join(POSITIONS), POSITIONS.__contains__),
    "soft_label_top_k": ("a positive number", _is_positive),
    "soft_label_dtype": ("one of " + ", ".join(LABEL_DTYPES), LABEL_DTYPES.__contains__),
    "soft_label_temperatures": ("a list of positive numbers", list_of(_is_temperature)),
    "teacher_layers": ("a list of layers", list_of(is_count)),
    "hidden_dtype": ("one of " + ", ".join(HIDDEN_DTYPES), HIDDEN_DTYPES.__contains__),
    "max_seq_length": ("a positive number", _is_positive),
    _ROOM: ("a positive number", _is_positive),
    "files": ("an object of record files", _are_files),
}


class TeacherRecords(NamedTuple):
    """A folder of teacher records.

    Attributes:
      folder: its path.
      layout: teacher_outputs.Layout.
      teacher: dict: checkpoint, its name; digest; config, its name; num_blocks,
        num_attention_heads, hidden_size, vocab_size; precision and kernels, which it was computed
        with.
      files: dict name of a record file -> dict of bytes, sha256_of_ends, records and the names of
        its shards, in order.
      shards: dict name of a shard -> dict of records and bytes.
    """

    folder: str
    layout: Layout
    teacher: Dict[str, Any]
    files: Dict[str, Any]
    shards: Dict[str, Any]

    @property
    def path(self):
        """Of the manifest."""
        return os.path.join(self.folder, FILE_NAME)

    def is_there(self, shard):
        """Whether a shard is complete.

        Raises:
          UserError: it has another size.
        """
        path, size = os.path.join(self.folder, shard), self.shards[shard]["bytes"]
        try:
            if not files.exists(path):
                return False
            found = files.size(path)
        except files.failures() as error:
            raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None
        if found != size:
            raise UserError(
                "{} has {} bytes, and manifest {} says {}; {}".format(
                    path, found, self.path, size, ADVICE
                )
            )
        return True

    def shards_of(self, record_files):
        """The shards for record files, checked: they are all there, and these are their files.

        Args:
          record_files: paths.

        Returns:
          List of lists of paths, one list for each file.

        Raises:
          UserError: a file is none of those, or another one; shards are missing.
        """
        for path in record_files:
            self._check_file(path)
        wanted = [self.files[os.path.basename(path)]["shards"] for path in record_files]
        names = [name for shards in wanted for name in shards]
        missing = [name for name in names if not self.is_there(name)]
        if missing:
            raise UserError(
                "teacher records {} are unfinished: {} is not there ({:,} of {:,} are missing); "
                "{}".format(self.folder, missing[0], len(missing), len(names), _AGAIN)
            )
        return [[os.path.join(self.folder, name) for name in shards] for shards in wanted]

    def _check_file(self, path):
        entry = self.files.get(os.path.basename(path))
        if entry is None:
            raise UserError(
                "teacher records {} hold nothing for {}, but for {}; run --task=teach with "
                "it".format(self.folder, path, some(sorted(self.files), 3))
            )
        now = identity_of(path)
        if any(entry[key] != value for key, value in now.items()):
            raise UserError(
                "teacher records {} were made for another {}, of {:,} records and {:,} bytes: this "
                "one ({}) has {:,} bytes and another content or size; run --task=teach with it, in "
                "another --output_dir".format(
                    self.folder,
                    os.path.basename(path),
                    entry["records"],
                    entry["bytes"],
                    path,
                    now["bytes"],
                )
            )

    def to_json(self):
        """Dict of the manifest."""
        # As JSON has it, in which tuples are lists.
        layout = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self.layout._asdict().items()
            if name not in _SIZES and value is not None
        }
        parts = {"teacher": self.teacher, "files": self.files, "shards": self.shards}
        return dict({"format": FORMAT_VERSION}, **layout, **parts)

    def write(self):
        """Writes the manifest."""
        manifest.write_manifest(self.path, self.to_json())


def identity_of(path):
    """What tells a record file from others: dict of bytes and sha256_of_ends.

    Raises:
      UserError: it cannot be read.
    """
    try:
        return {"bytes": files.size(path), "sha256_of_ends": files.digest_of_ends(path)}
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None


def read(folder):
    """The TeacherRecords of a folder; None where it has no manifest.

    Raises:
      UserError: the manifest is damaged.
    """
    path = os.path.join(folder, FILE_NAME)
    if not files.exists(path):
        return None
    content = manifest.read_manifest(path)
    for key, (what, is_right) in _KEYS.items():
        if key == _ROOM and key not in content:
            continue
        if key not in content or not is_right(content[key]):
            raise UserError(
                "{} is no manifest of teacher records: {} must be {}, found {}; {}, in another "
                "--output_dir".format(path, key, what, quoted(content.get(key)), _AGAIN)
            )
    teacher = content["teacher"]
    values = dict({_ROOM: None}, **content)
    values.update((name, teacher[name]) for name in _SIZES)
    for name in ("soft_label_temperatures", "teacher_layers"):
        values[name] = tuple(content[name])
    layout = Layout(*(values[name] for name in Layout._fields))
    records = TeacherRecords(folder, layout, teacher, content["files"], content["shards"])
    if not _is_consistent(records):
        raise UserError(
            "{} contradicts itself: its shards do not follow from its record files; {}, in another "
            "--output_dir".format(path, _AGAIN)
        )
    return records


def _is_consistent(records):
    """Whether files, shards and sizes agree."""
    layout, shards = records.layout, records.shards
    if layout.soft_label_positions == MASKED and layout.max_predictions_per_seq is None:
        return False
    size = layout.record_bytes()
    for entry in records.files.values():
        if not all(name in shards for name in entry["shards"]):
            return False
        if sum(shards[name].get("records", 0) for name in entry["shards"]) != entry["records"]:
            return False
    return all(s.get("bytes") == s.get("records", 0) * size for s in shards.values())
