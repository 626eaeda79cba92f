"""The decisions on a Hugging Face directory as tables of the documentation, for tests.

python tests/support/models/directory_tables.py    prints them for docs/huggingface.md
"""

import collections
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", ".."))

from data.tokenizers import huggingface_directory
from modeling.conversion import config_keys, directory_contents


def file_rows():
    """Lines of the table of files."""
    return [_row(d.shown, d.kind, d.what) for d in directory_contents.FILES]


def key_rows(keys):
    """Lines of a table of keys; keys with the same decision share one."""
    grouped = collections.OrderedDict()
    for name, decision in keys.items():
        grouped.setdefault((decision.kind, decision.what), []).append("`{}`".format(name))
    return [_row(", ".join(names), *decision) for decision, names in grouped.items()]


def tables():
    """dict title -> lines."""
    return {
        "files": file_rows(),
        "config.json": key_rows(config_keys.KEYS),
        "tokenizer_config.json": key_rows(huggingface_directory.KEYS),
    }


def _row(*cells):
    return "| {} |".format(" | ".join(cells))


if __name__ == "__main__":
    for title, rows in tables().items():
        print("\n".join([title, *rows, ""]))
