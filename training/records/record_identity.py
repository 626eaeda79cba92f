"""What tells the records of one run from those of another, small enough for run_config.json."""

import hashlib
import json
import os

from common import files
from common.errors import UserError
from data.records.checks.verification import listings


def describe(train_files, eval_files, manifests):
    """The identity of a run's records.

    Args:
      train_files, eval_files: paths (of the set that decides, where there are several), whose
        folders do not count: records may be moved.
      manifests: {path: manifest} of them.

    Returns:
      dict: "train" and "eval" -> dict of files, bytes and sha256, or None without files;
      "vocab_sha256" -> of the vocabulary by the manifests, or None.

    Raises:
      UserError: a file cannot be read, or a manifest contradicts itself.
    """
    vocabularies = [m["vocab_sha256"] for m in manifests.values() if m.get("vocab_sha256")]
    return {
        "train": of_files(train_files, manifests),
        "eval": of_files(eval_files, manifests),
        "vocab_sha256": vocabularies[0] if vocabularies else None,
    }


def of_files(paths, manifests):
    """The identity of some files: dict of files, bytes and sha256; None without files. For
    arguments and errors see `describe`."""
    if not paths:
        return None
    listed = listings(paths, manifests)
    entries = [_entry(path, listed.get(path)) for path in paths]
    digest = hashlib.sha256(json.dumps(entries).encode("utf-8")).hexdigest()
    return {"files": len(entries), "bytes": sum(size for _, size, _ in entries), "sha256": digest}


def _entry(path, listing):
    """[name, bytes, what is known of the content]"""
    try:
        size = files.size(path)
        parts = listing.parts if listing else None
        return [os.path.basename(path), size, parts or files.digest_of_ends(path)]
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None
