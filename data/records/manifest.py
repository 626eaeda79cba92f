"""The manifest beside the records: what they hold, and what they were made from."""

import json
import os

from common import bounded_json, files, outputs
from common.errors import UserError, quoted
from data.records import manifest_schema
from data.records.side_paths import side_path

FORMAT_VERSION = 2
ENDING = ".manifest.json"


def manifest_path(output_names):
    """Path of the manifest for a list of shard names.

    `PREFIX-00000-of-00008` and the like give `_PREFIX.manifest.json`; the underscore keeps it out
    of the globs in use. A comma list of names takes the name of the first.
    """
    return side_path(output_names, ENDING)


def find_manifests(record_files):
    """Manifests beside the given shards that list at least one of them: {path: manifest}.

    Raises:
      UserError: a manifest is not readable JSON.
    """
    names = {os.path.normpath(f) for f in record_files}
    manifests = {}
    for directory in sorted({os.path.dirname(f) for f in record_files}):
        candidates = files.names_in(directory)
        for name in (n for n in candidates if n.startswith("_") and n.endswith(ENDING)):
            path = os.path.join(directory, name)
            manifest = read_manifest(path)
            shards = {os.path.normpath(os.path.join(directory, s)) for s in manifest["shards"]}
            if names & shards:
                manifests[path] = manifest
    return manifests


def read_manifest(path):
    """The manifest as a dict.

    Raises:
      UserError: not a manifest, or one with a value of another kind; keys may be missing.
    """
    try:
        with files.open_file(path, "rb") as f:
            manifest = bounded_json.load(
                f, "manifest " + path, bounded_json.MANIFEST_BYTES, nul=True
            )
    except files.failures() as error:
        raise UserError("manifest {}: {}".format(path, files.reason(error))) from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("shards"), dict):
        raise UserError("{} is no manifest of Quanci records: it lists no shards".format(path))
    for key, (what, is_right) in manifest_schema.KEYS.items():
        if key in manifest and not is_right(manifest[key]):
            raise UserError(
                "manifest {}: {} must be {}, found {}; make the records anew".format(
                    path, key, what, quoted(manifest[key])
                )
            )
    return manifest


def is_whole(manifest, keys, counts):
    """Whether a manifest holds all that is written today.

    Args:
      manifest: dict.
      keys: what it must hold.
      counts: what it must hold of each shard, beside its bytes.
    """
    shards = manifest["shards"].values()
    return manifest.keys() >= keys and all(shard.keys() >= {"bytes", *counts} for shard in shards)


def write_manifest(path, manifest):
    outputs.write_atomically(path, json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
