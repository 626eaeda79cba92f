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
import tempfile

from data import files, manifest
from data.recipes import get_recipe
from data.shard import Shard, cannot_write
from data.statistics import add_statistics, new_statistics, top_counts
from errors import UserError

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
        self._shards = []
        self._done = set()  # indices of units

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
            raise cannot_write(self.outputs[0], error) from None
        if files.is_remote(self.state):
            self.parts = tempfile.mkdtemp(prefix="quanci-")
        self._shards = [self._make_shard(i, name) for i, name in enumerate(self.outputs)]
        self._take_over(say)

    def _make_shard(self, number, name):
        record = os.path.join(self.state, "shard-{:05d}.json".format(number))
        units = self.units[number :: len(self.outputs)]
        return Shard(name, record, [self.part(unit) for unit in units])

    def _take_over(self, say):
        complete = [shard.is_complete() for shard in self._shards]
        parts = 0
        for unit in self.units:
            if complete[unit.index % len(complete)]:
                self._done.add(unit.index)
            elif os.path.exists(self.part(unit) + ".json"):
                with open(self.part(unit) + ".json", encoding="utf-8") as f:
                    self.unit_done(unit, json.load(f))
                parts += 1
        if parts or any(complete):
            say("kept from an earlier run: {} shards, {} parts".format(sum(complete), parts))

    def part(self, unit):
        """Path of a unit's part; what UnitProcessor.run returned lies beside it, with .json."""
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
        self._shards[unit.index % len(self._shards)].add(unit.index // len(self._shards), result)

    def finish(self, input_files):
        """Writes the manifest and removes the folder of parts.

        Raises:
          UserError: the input had no text, so there are no records.
        """
        shards, total = {}, new_statistics()
        for shard in self._shards:
            record = shard.record()
            statistics = record.pop("statistics")
            record.update({key: statistics[key] for key in ("records", "tokens")})
            shards[os.path.basename(shard.name)] = record
            add_statistics(total, statistics)
        if not total["records"]:
            for shard in self._shards:
                shard.remove()
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


def _manifest(job, shards, total):
    recipe = get_recipe(job.settings.objective)
    runs = max(1, sum(total["ngrams"].values()))
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
    paths = {u.path for u in units}
    inputs = {path: (files.size(path), files.modified(path)) for path in paths}
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
