"""Numbers in the names of shards, and names of files beside them that globs do not match."""

import os
import re

_OF_SET = re.compile(r"(.*)-(\d{5})-of-(\d{5})", re.DOTALL)
_NUMBERED = re.compile(r"(.*)\.\d{5}", re.DOTALL)


def side_path(output_names, ending):
    """A name beside the shards.

    side_path(["out/t-00000-of-00002", "out/t-00001-of-00002"], ".partial")  # "out/_t.partial"

    Args:
      output_names: all shards; names that are no set with numbers take the name of the first.
      ending: of the name.
    """
    directory, name = os.path.split(output_names[0])
    if len(output_names) > 1 and name.endswith("-00000-of-{:05d}".format(len(output_names))):
        name = set_of(name)[0]
    elif name.endswith(".00000"):
        name = stem_of(name)
    return os.path.join(directory, "_" + name + ending)


def set_of(name):
    """("t", 2, 8) of a name such as t-00002-of-00008, None of others."""
    match = _OF_SET.fullmatch(name)
    return (match.group(1), int(match.group(2)), int(match.group(3))) if match else None


def name_in_set(stem, number, count):
    """t-00002-of-00008 for "t", 2 and 8."""
    return "{}-{:05d}-of-{:05d}".format(stem, number, count)


def stem_of(name):
    """A shard's name without its number."""
    match = _OF_SET.fullmatch(name) or _NUMBERED.fullmatch(name)
    return match.group(1) if match else name
