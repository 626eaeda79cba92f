"""The state of one data creation on disk: folder of parts, shards, manifest.

Every step leaves complete files under final names or nothing: a unit's part and its statistics,
then a shard, then the manifest. What is complete and made from the same input with the same
settings is kept when the program is started again.
"""

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile

from data import files, manifest
from data.recipes import get_recipe
from data.statistics import add_statistics, new_statistics, top_counts
from errors import UserError

_COPY_BYTES = 1 << 20
_LISTED_UNKNOWN = 100


class Job:
    """The state of one creation on disk: the folder of parts, the shards, the manifest."""

    def __init__(self, settings, vocabulary, units, output_names):
        self.settings, self.vocabulary = settings, vocabulary
        self.units, self.outputs = units, output_names
        self.fingerprint = _fingerprint(settings, vocabulary, units, output_names)
        self.manifest_path = manifest.manifest_path(output_names)
        self.state = manifest.side_path(output_names, ".partial")
        self.parts = self.state
        self._shard_units = [units[i :: len(output_names)] for i in range(len(output_names))]
        self._done = {}  # unit index -> what UnitProcessor.run returned
        self._appended = [0] * len(output_names)  # parts in each shard's temporary file

    def finished_manifest(self):
        """The manifest of an earlier run of the same job whose shards are all there, or None."""
        if not files.exists(self.manifest_path):
            return None
        found = manifest.read_manifest(self.manifest_path)
        whole = found.get("fingerprint") == self.fingerprint and all(
            files.exists(name) and files.size(name) == found["shards"][base]["bytes"]
            for name, base in ((n, os.path.basename(n)) for n in self.outputs)
        )
        return found if whole else None

    def begin(self, say):
        """Makes the folder of parts, or takes over what an earlier run of the same job left."""
        mark = os.path.join(self.state, "fingerprint")
        try:
            if files.exists(mark):
                with files.open_file(mark, "r") as f:
                    same = f.read() == self.fingerprint
                if not same:
                    say("{} is from another input or other flags: discarded".format(self.state))
                    files.remove_tree(self.state)
            files.make_directories(self.state)
            files.write_atomically(mark, self.fingerprint)
            files.remove_if_there(self.manifest_path)  # it must not describe other shards
        except Exception as error:
            if isinstance(error, UserError):
                raise
            raise UserError(_cannot_write(self.outputs[0], error)) from None
        if files.is_remote(self.state):
            self.parts = tempfile.mkdtemp(prefix="quanci-")
        self._take_over(say)

    def _take_over(self, say):
        shards = 0
        for shard, name in enumerate(self.outputs):
            record = self._shard_record(shard)
            if record and files.exists(name) and files.size(name) == record["bytes"]:
                shards += 1
                self._done.update((unit.index, None) for unit in self._shard_units[shard])
        units = 0
        for unit in self.units:
            result = self.part(unit) + ".json"
            if unit.index not in self._done and os.path.exists(result):
                with open(result, encoding="utf-8") as f:
                    self._done[unit.index] = json.load(f)
                units += 1
        if shards or units:
            say("kept from an earlier run: {} shards, {} further parts".format(shards, units))
        for shard in range(len(self.outputs)):
            self._assemble(shard)

    def part(self, unit):
        return os.path.join(self.parts, "unit-{:05d}".format(unit.index))

    def missing(self):
        return [unit for unit in self.units if unit.index not in self._done]

    def unit_done(self, unit, result):
        self._done[unit.index] = result
        self._assemble(unit.index % len(self.outputs))

    def _shard_record_path(self, shard):
        return os.path.join(self.state, "shard-{:05d}.json".format(shard))

    def _shard_record(self, shard):
        path = self._shard_record_path(shard)
        if not files.exists(path):
            return None
        with files.open_file(path, "r") as f:
            return json.load(f)

    def _assemble(self, shard):
        """Appends the shard's next complete parts; gives it its name when all are there."""
        units = self._shard_units[shard]
        parts = [self._done.get(unit.index) for unit in units]
        if parts[0] is None and units[0].index in self._done:  # taken over as a whole shard
            return
        name = self.outputs[shard]
        try:
            # Appended while the workers go on; a remote file is written in one go.
            if None not in parts or not files.is_remote(name):
                self._append_ready(shard, units, parts, name + ".tmp")
            if None in parts:
                return
            files.rename(name + ".tmp", name)
            record = _shard_record(parts)
            files.write_atomically(self._shard_record_path(shard), json.dumps(record))
        except Exception as error:
            files.remove_if_there(name + ".tmp")
            raise UserError(_cannot_write(name, error)) from None
        for unit in units:
            os.remove(self.part(unit) + ".json")
            os.remove(self.part(unit))

    def _append_ready(self, shard, units, parts, target):
        at = self._appended[shard]
        if at == len(units) or parts[at] is None:
            return
        with files.open_file(target, "ab" if at else "wb") as out:
            while at < len(units) and parts[at] is not None:
                with open(self.part(units[at]), "rb") as f:
                    shutil.copyfileobj(f, out, _COPY_BYTES)
                at += 1
        self._appended[shard] = at

    def finish(self, input_files):
        """Writes the manifest and removes the folder of parts.

        Raises:
          UserError: the input had no text, so there are no records.
        """
        shards, total = {}, new_statistics()
        for shard, name in enumerate(self.outputs):
            record = self._shard_record(shard)
            statistics = record.pop("statistics")
            record.update({key: statistics[key] for key in ("records", "tokens")})
            shards[os.path.basename(name)] = record
            add_statistics(total, statistics)
        if not total["records"]:
            for name in self.outputs:
                files.remove_if_there(name)
                files.remove_if_there(self._shard_record_path(self.outputs.index(name)))
            raise UserError("no text to make records from in {}".format(", ".join(input_files)))
        result = _manifest(self, shards, total)
        manifest.write_manifest(self.manifest_path, result)
        self.discard()
        return result

    def discard_unless_useful(self):
        """Removes the folder of parts where no part or shard is complete."""
        if not files.listing(os.path.join(self.state, "*.json")):
            self.discard()

    def discard(self):
        files.remove_tree(self.state)
        if self.parts != self.state:
            files.remove_tree(self.parts)


def _shard_record(parts):
    """What the manifest says of a shard, and the statistics of its units."""
    total = new_statistics()
    for part in parts:
        add_statistics(total, part["statistics"])
    return {
        "bytes": sum(part["bytes"] for part in parts),
        "parts": [{key: part[key] for key in ("bytes", "crc32c")} for part in parts],
        "statistics": total,
    }


def _cannot_write(name, error):
    reason = getattr(error, "strerror", None) or getattr(error, "message", None) or error
    return "cannot write {} (--output_file): {}".format(name, reason)


def _manifest(job, shards, total):
    recipe = get_recipe(job.settings.objective)
    runs = sum(total["ngrams"].values())
    return {
        "format": manifest.FORMAT_VERSION,
        "objective": job.settings.objective,
        "features": list(recipe.features),
        "max_seq_length": job.settings.max_seq_length,
        "max_predictions_per_seq": job.settings.max_predictions_per_seq,
        "vocab_size": len(job.vocabulary),
        "vocab_sha256": job.vocabulary.sha256,
        "records": total["records"],
        "tokens": total["tokens"],
        "masked_share": round(total["masked"] / total["tokens"], 6),
        "ngram_distribution": {
            n: round(count / runs, 6) for n, count in sorted(total["ngrams"].items())
        },
        "documents": total["documents"],
        "sentences": total["sentences"],
        "characters": total["characters"],
        "pieces": total["pieces"],
        "unaligned_words": total["unaligned_words"],
        "unaligned_sentences": total["unaligned_sentences"],
        "unknown_share": round(total["unknown_pieces"] / max(1, total["pieces"]), 6),
        "unknown_top": dict(top_counts(total["unknown"], _LISTED_UNKNOWN)),
        "examples": total["examples"],
        "shards": shards,
        "flags": dataclasses.asdict(job.settings),
        "fingerprint": job.fingerprint,
    }


def _fingerprint(settings, vocabulary, units, output_names):
    """sha256 over all that decides the records: settings, files, cut, versions of libraries."""
    inputs = {u.path: (files.size(u.path), files.modified(u.path)) for u in units}
    libraries = ["numpy", "tokenizers"]
    if settings.segmenter != "none":
        libraries.append(settings.segmenter)
    side_files = [f for f in (settings.user_dict, _model_config(settings)) if f]
    content = {
        "format": manifest.FORMAT_VERSION,
        "settings": dataclasses.asdict(settings),
        "vocabulary": vocabulary.sha256,
        "inputs": inputs,
        "units": [(u.start, u.end) for u in units],
        "shards": [os.path.basename(name) for name in output_names],
        "libraries": {name: importlib.metadata.version(name) for name in libraries},
        "side_files": {f: _sha256(f) for f in side_files},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8")).hexdigest()


def _model_config(settings):
    path = os.path.join(os.path.expanduser(settings.ltp_model or ""), "config.json")
    return path if settings.segmenter == "ltp" and os.path.isfile(path) else None


def _sha256(path):
    try:
        with open(path, "rb") as f:
            return hashlib.sha256(f.read()).hexdigest()
    except OSError as error:
        raise UserError("cannot read {}: {}".format(path, error.strerror)) from None
