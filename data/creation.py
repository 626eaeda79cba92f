"""One work unit from text to a file of records: what every worker process runs."""

import collections
import contextlib
import dataclasses
import hashlib
import json
import os
from typing import Optional, Tuple

import google_crc32c
import numpy as np

from data import alignment, corpus, files, instances, masking, records, segmentation, tfrecord
from data.display import bracketed
from data.recipes import get_recipe, record_features
from data.sentences import DEFAULT_MAX_CHARS
from data.statistics import EXAMPLES, new_statistics, top_counts
from data.tokenization import Vocabulary, WordPieceTokenizer, code_points
from errors import UserError

# Pieces laid out at once: large enough for numpy, small enough for flat memory.
_BATCH_PIECES = 1 << 18
_TOP_UNKNOWN = 1000


@dataclasses.dataclass(frozen=True)
class CreationSettings:
    """Everything that decides the records, apart from the input; the flags of the script."""

    vocab_file: str
    objective: str = "bert"
    input_format: str = "text"
    text_fields: Tuple[str, ...] = ("text",)
    normalize_quotes: bool = False
    max_sentence_chars: int = DEFAULT_MAX_CHARS
    do_lower_case: bool = True
    segmenter: str = "rjieba"
    ltp_model: Optional[str] = None
    user_dict: Optional[str] = None
    masking_unit: Optional[str] = None
    masked_lm_prob: float = 0.15
    ngram_probs: Tuple[float, ...] = masking.DEFAULT_NGRAM_PROBS
    masking: str = "static"
    max_seq_length: int = 128
    max_predictions_per_seq: int = 20
    short_seq_prob: float = 0.1
    dupe_factor: int = 10
    random_seed: int = 12345

    def check(self):
        """Raises UserError on a value out of range or that does not fit the others."""
        recipe = get_recipe(self.objective)
        self.masking_spec()
        if self.input_format not in corpus.FORMATS:
            raise UserError(
                "unknown --input_format {!r}; known are {}".format(
                    self.input_format, ", ".join(corpus.FORMATS)
                )
            )
        segmented = self.input_format == "presegmented"
        if self.user_dict and (segmented or self.masking_spec().unit == "wordpiece"):
            raise UserError(
                "--user_dict has no use with {}: leave it out".format(
                    "--input_format=presegmented" if segmented else "--masking_unit=wordpiece"
                )
            )
        segmentation.check(self.segmenter, self.ltp_model, self.user_dict)
        if not 8 <= self.max_seq_length <= 65536:
            raise UserError(
                "--max_seq_length must be from 8 to 65536, found {}".format(self.max_seq_length)
            )
        if self.max_predictions_per_seq > self.max_seq_length:
            raise UserError(
                "--max_predictions_per_seq ({}) is more than --max_seq_length ({})".format(
                    self.max_predictions_per_seq, self.max_seq_length
                )
            )
        if not 0.0 <= self.short_seq_prob <= 1.0:
            raise UserError(
                "--short_seq_prob must be from 0 to 1, found {}".format(self.short_seq_prob)
            )
        if self.short_seq_prob and not recipe.short_sequences:
            raise UserError(
                "--short_seq_prob does not fit --objective={}: all its rows are full".format(
                    self.objective
                )
            )
        for name, low in (("dupe_factor", 1), ("max_sentence_chars", 8)):
            if getattr(self, name) < low:
                raise UserError(
                    "--{} must be {} or more, found {}".format(name, low, getattr(self, name))
                )

    def masking_spec(self):
        recipe = get_recipe(self.objective)
        return masking.MaskingSpec(
            self.masked_lm_prob,
            self.masking_unit or recipe.unit,
            self.ngram_probs,
            recipe.replacement,
            self.max_predictions_per_seq,
        )


class UnitProcessor:
    """Holds what is loaded once per process: vocabulary, tokenizer, segmenter, layouts."""

    def __init__(self, settings):
        settings.check()
        self.settings = settings
        self.recipe = get_recipe(settings.objective)
        self.spec = settings.masking_spec()
        self.vocabulary = Vocabulary(settings.vocab_file)
        self.random_ids = self.vocabulary.random_replacements()
        self.tokenizer = WordPieceTokenizer(self.vocabulary, settings.do_lower_case)
        self.segmenter = self._make_segmenter()
        self.layout = records.RecordLayout(
            record_features(self.recipe, settings.masking),
            settings.max_seq_length,
            settings.max_predictions_per_seq,
            len(self.vocabulary),
        )

    def _make_segmenter(self):
        if self.spec.unit == "wordpiece":
            return None
        if self.settings.input_format == "presegmented":
            return segmentation.BlankSegmenter()
        return segmentation.make_segmenter(
            self.settings.segmenter, self.settings.ltp_model, self.settings.user_dict
        )

    def run(self, unit, target, progress, contents=None):
        """Writes the records of a unit to `target` and what it returns to `target`.json.

        Both appear under their names only when they are complete, the JSON last.

        Args:
          unit: corpus.Unit.
          target: local path.
          progress: called with the share of the unit done, from 0 to 1, rising.
          contents: the bytes of the unit's ranges where they are remote.

        Returns:
          {"bytes": size, "crc32c": checksum in hexadecimal, "statistics": see statistics.py}.

        Raises:
          UserError: bad input (file and line), or the target cannot be written.
        """
        statistics = new_statistics()
        temporary = target + ".tmp"
        blocks = corpus.unit_blocks(unit, self.settings.input_format, contents=contents)
        try:
            with files.create(temporary) as f:
                out, done = _CheckedFile(f), 0.0
                for number, (sources, read) in enumerate(blocks):
                    text = corpus.read_documents(sources, self.settings)
                    place = "{}/{}/{}".format(self.settings.random_seed, unit.index, number)
                    part = _part_of(progress, done, read)
                    self._write_block(out, text, place, statistics, part)
                    done = read
            result = {"bytes": out.length, "crc32c": out.checksum(), "statistics": statistics}
            # Without waiting for the disk: a restart compares the checksum.
            os.replace(temporary, target)
            with files.create(temporary) as f:
                f.write(json.dumps(result, ensure_ascii=False).encode("utf-8"))
            os.replace(temporary, target + ".json")
        except OSError as error:
            raise UserError("cannot write {}: {}".format(temporary, error.strerror)) from None
        finally:
            with contextlib.suppress(OSError):
                os.remove(temporary)
        return result

    def _write_block(self, out, text, place, statistics, progress):
        unit, groups = self.prepare(text, statistics, lambda share: progress(share / 2))
        if not len(unit.ids):
            return
        dupes = [
            self.recipe.pairs(unit, self.settings, "{}/{}".format(place, dupe))
            for dupe in range(self.settings.dupe_factor)
        ]
        rows = instances.Rows(*(np.concatenate(part) for part in zip(*dupes)))
        rng = np.random.default_rng(_seed(place))
        order = rng.permutation(len(rows.labels))
        size = max(1, _BATCH_PIECES // self.settings.max_seq_length)
        for at in range(0, len(order), size):
            chosen = instances.Rows(*(part[order[at : at + size]] for part in rows))
            batch = instances.lay_out(
                unit, groups, chosen, self.settings.max_seq_length, self.vocabulary
            )
            masked = None
            if self.settings.masking == "static":
                masked = masking.sample_static(
                    batch, self.spec, self.vocabulary.mask, self.random_ids, rng
                )
            out.write(tfrecord.frame(self.layout.encode(_features(batch, masked))))
            self._count(batch, masked, statistics)
            progress(0.5 + 0.5 * min(1.0, (at + size) / len(order)))

    def prepare(self, text, statistics, progress):
        """Tokenises, segments and aligns the documents of a block, once for all dupes.

        Args:
          text: corpus.Documents.
          statistics: dict to add to.
          progress: called with the share done.

        Returns:
          instances.UnitPieces and the group number of each piece, int32 [pieces].
        """
        pieces = self.tokenizer.tokenize(text.text, text.starts)
        first = np.searchsorted(pieces.starts, text.starts)
        borders = np.append(first, len(pieces.ids))
        full = borders[1:] > borders[:-1]  # sentences of control characters alone have no piece
        if self.segmenter is None:
            groups = alignment.wordpiece_groups(pieces, first[full])
        else:
            marks, bad = self.segmenter.word_starts(text.text, text.starts, text.ends, progress)
            groups = alignment.word_groups(pieces, marks, first[full], bad[full])
        kept = np.concatenate([[0], np.cumsum(full)])
        documents = np.unique(kept[text.documents])
        unit = instances.UnitPieces(
            pieces.ids, groups.starts, np.append(first[full], len(pieces.ids)), documents
        )
        statistics["documents"] += len(documents) - 1
        statistics["blocks"] += 1
        statistics["one_document_blocks"] += len(documents) == 2
        statistics["sentences"] += int(full.sum())
        statistics["characters"] += len(text.text)
        statistics["pieces"] += len(pieces.ids)
        statistics["unaligned_words"] += groups.unaligned_words
        statistics["unaligned_sentences"] += groups.unaligned_sentences
        self._count_unknown(text.text, pieces, statistics)
        return unit, instances.group_numbers(groups.starts)

    def _count_unknown(self, text, pieces, statistics):
        unknown = np.flatnonzero(pieces.ids == self.vocabulary.unk)
        statistics["unknown_pieces"] += len(unknown)
        starts, ends = pieces.starts[unknown], pieces.ends[unknown]
        single = ends - starts == 1
        codes, counts = np.unique(code_points(text)[starts[single]], return_counts=True)
        seen = collections.Counter(statistics["unknown"])
        seen.update(dict(zip(map(chr, codes.tolist()), counts.tolist())))
        for start, end in zip(starts[~single].tolist(), ends[~single].tolist()):
            seen[text[start : min(end, start + 40)]] += 1
        statistics["unknown"] = dict(top_counts(seen, _TOP_UNKNOWN))

    def _count(self, batch, masked, statistics):
        statistics["records"] += len(batch.lengths)
        statistics["tokens"] += int(batch.lengths.sum())
        if masked:
            statistics["masked"] += int(masked.weights.sum())
            for i, count in enumerate(masked.ngrams.tolist()):
                name = str(i + 1)
                statistics["ngrams"][name] = statistics["ngrams"].get(name, 0) + count
        for row in range(min(EXAMPLES - len(statistics["examples"]), len(batch.lengths))):
            statistics["examples"].append(_example(batch, masked, row, self.vocabulary.tokens))


class _CheckedFile:
    """Counts and checksums what is written."""

    def __init__(self, f):
        self._file, self._crc, self.length = f, google_crc32c.Checksum(), 0

    def write(self, matrix):
        """Writes a uint8 matrix."""
        content = matrix.tobytes()
        self._file.write(content)
        self._crc.update(content)
        self.length += len(content)

    def checksum(self):
        return self._crc.hexdigest().decode("ascii")


def _part_of(progress, begin, end):
    """A progress function whose 0 to 1 is `begin` to `end` of another."""
    return lambda share: progress(begin + (end - begin) * share)


def _features(batch, masked):
    column = np.arange(batch.ids.shape[1])[None, :]
    values = {
        "input_mask": column < batch.lengths[:, None],
        "segment_ids": batch.segment_ids,
        "next_sentence_labels": batch.labels,
    }
    if masked is None:
        return dict(values, input_ids=batch.ids, word_groups=_numbered_in_row(batch.group_ids))
    return {
        **values,
        "input_ids": masked.ids,
        "masked_lm_positions": masked.positions,
        "masked_lm_ids": masked.labels,
        "masked_lm_weights": masked.weights,
    }


def _numbered_in_row(group_ids):
    """int [rows, S]: groups counted from 1 in each row, 0 outside of groups."""
    before = np.concatenate([np.full_like(group_ids[:, :1], -1), group_ids[:, :-1]], axis=1)
    heads = (group_ids >= 0) & (group_ids != before)
    return np.where(group_ids >= 0, np.cumsum(heads, axis=1), 0)


def _seed(place):
    return int.from_bytes(hashlib.sha256(place.encode("ascii")).digest()[:8], "little")


def _example(batch, masked, row, tokens):
    """Row `row` of a batch for people."""
    length = int(batch.lengths[row])
    groups = batch.group_ids[row, :length]
    starts = np.append(True, (groups[1:] != groups[:-1]) | (groups[1:] < 0))
    original = np.full(length, -1)
    if not masked:
        return bracketed(batch.ids[row, :length], original, starts, tokens)
    real = masked.weights[row] > 0
    original[masked.positions[row, real]] = masked.labels[row, real]
    return bracketed(masked.ids[row, :length], original, starts, tokens)
