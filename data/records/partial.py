"""The folder `_NAME.partial` beside shards that are being made: its names, and whose shards it is.

It is there before the first shard is touched, and removed after the manifest is written. So shards
that it belongs to are old and new ones mixed, or some of them are not there yet.
"""

import json
import os
import re

from common import bounded_json, files, outputs
from common.errors import UserError
from common.validation import is_text, list_of
from data.records.side_paths import side_path, stem_of

LOCK, FINGERPRINT, SHARDS = "lock", "fingerprint", "shards"
_ENDING = ".partial"
_OURS = re.compile(r"unit-\d{5,}(\.json|\.tmp)?|shard-\d{5,}(\.json|\.tmp)")


def folder_of(output_names):
    """Path of the folder for a list of shard names."""
    return side_path(output_names, _ENDING)


def is_ours(name):
    """Whether a file in the folder is one that data creation writes there."""
    of_the_folder = name in (LOCK, FINGERPRINT, SHARDS)
    return of_the_folder or bool(_OURS.fullmatch(name)) or outputs.is_temporary(name)


def write_shards(folder, output_names):
    """Writes whose folder it is: the names of its shards alone do not tell, where they are listed
    one by one."""
    names = [os.path.basename(name) for name in output_names]
    outputs.write_atomically(os.path.join(folder, SHARDS), json.dumps(names, ensure_ascii=False))


def check_finished(paths):
    """Refuses shards that a creation is working on, or was when it was stopped.

    Args:
      paths: local or remote files; those that no creation made are passed over.

    Raises:
      UserError: naming the first, and the folder.
    """
    by_directory = {}
    for path in paths:
        by_directory.setdefault(os.path.dirname(path), []).append(path)
    for directory, ones in by_directory.items():
        beside = [n for n in files.names_in(directory) if n[0] == "_" and n.endswith(_ENDING)]
        for name in beside:
            folder = os.path.join(directory, name)
            unfinished = [path for path in ones if _is_of(path, folder)]
            if unfinished and _is_in_use(folder):
                raise UserError(
                    "{} is not finished: the program that makes it is running, or was stopped, and "
                    "left {}; wait for it, or start the same command again".format(
                        unfinished[0], folder
                    )
                )


def _is_of(path, folder):
    name = os.path.basename(path)
    if os.path.basename(folder) in ("_" + n + _ENDING for n in (name, stem_of(name))):
        return True
    return name in _listed(os.path.join(folder, SHARDS))


def _listed(path):
    """Names of shards in the file that write_shards wrote; none where it is not whole."""
    if not files.exists(path):
        return []
    try:
        with files.open_file(path, "rb") as f:
            names = bounded_json.load(f, path, bounded_json.LIST_BYTES)
    except (UserError, *files.failures()):
        return []
    return names if list_of(is_text)(names) else []


def _is_in_use(folder):
    # A folder that was left because of files of the user's own is no sign of anything.
    names = files.names_in(folder)
    return not names or any(map(is_ours, names))
