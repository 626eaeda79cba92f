"""Checks that shards are all there, before anything is read: by the folder of an unfinished
creation, by manifests, and by the numbers in their names.

Some of the shards on disk are a choice of the user's. All that are on disk, while others of them
are missing, may be an accident.
"""

import collections
import os

from common import files
from common.errors import UserError
from data.records import partial
from data.records.side_paths import name_in_set, set_of


def check_complete(paths, manifests, warn, skip_missing=False, way_out=""):
    """Refuses unfinished shards, and those of which others are missing.

    check_complete(paths, find_manifests(paths), warn)

    Args:
      paths: record files.
      manifests: {path: manifest} of them.
      warn: called with lines for the user, on missing shards that no manifest lists.
      skip_missing: warn of those that manifests list, too.
      way_out: what else the user can do about the latter, for the message.

    Raises:
      UserError: naming a file.
    """
    partial.check_finished(paths)
    chosen = collections.defaultdict(set)
    for path in paths:
        chosen[os.path.dirname(path)].add(os.path.basename(path))
    there = {directory: set(files.names_in(directory)) for directory in chosen}
    for path, manifest in manifests.items():
        directory = os.path.dirname(path)
        names = set(manifest["shards"])
        missing = _missing(names, chosen[directory], there[directory])
        chosen[directory] -= names
        if not missing:
            continue
        text = "manifest {} lists {}".format(path, _shown(missing, len(names)))
        if not skip_missing:
            raise UserError(
                "{}: copy it there, or start the command that made it again{}".format(text, way_out)
            )
        warn(text)
    for directory, unlisted in chosen.items():
        for text in _missing_by_numbers(unlisted, directory, there[directory]):
            warn(text)


def _missing_by_numbers(names, directory, there):
    """Yields sentences on shards that no manifest lists: NAME-00002-of-00008 has seven others."""
    for stem, count in sorted({set_of(n)[::2] for n in names if set_of(n)}):
        numbered = {name_in_set(stem, number, count) for number in range(count)}
        missing = _missing(numbered, names, there)
        if missing:
            yield "{} belongs by its name together with {}".format(
                os.path.join(directory, min(numbered & names)), _shown(missing, count)
            )


def _missing(names, chosen, there):
    """The missing ones of a set of shards, unless some that are there were not chosen either.

    Args:
      names: set of all names of them.
      chosen: set of names.
      there: set of the names in their folder.
    """
    return sorted(names - there) if names & there <= chosen else []


def _shown(missing, count):
    return "{}, which is not there ({:,} of {:,} are missing)".format(
        missing[0], len(missing), count
    )
