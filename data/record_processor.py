"""One work unit from text to records: what every worker process of data creation runs."""

import collections
import hashlib

import numpy as np

from common.tags import KINDS, TAGS
from data.jobs.processor import Processor, subprogress
from data.jobs.statistics import add_statistics, top_counts
from data.recipes import get_recipe, is_tagged
from data.records import encoding, tfrecord
from data.rows import alignment, instances
from data.rows.corruptions.corruption import tokens_of
from data.rows.division import divide_long_sentences
from data.rows.row_features import changed_text, example, features_of, shown_change
from data.text import segmentation
from data.text.characters import code_points
from data.text.documents import normalization
from data.text.fingerprints import fingerprint, solid_texts
from data.text.sentence_pairs import OTHER, SIMILAR
from data.text.tags import shown
from data.text.words import EXAMPLES
from data.tokenizers.vocabularies import read_vocabulary

# Pieces of rows made at once: large enough for numpy, small enough for flat memory.
_BATCH_PIECES = 1 << 18
_TOP_UNKNOWN = 1000
# The most frequent changes of words in a batch of rows are kept with the text around them.
_CHANGES_SHOWN = 20
# Seconds that a block's pieces and words take beside those of one pass over it, by segmenter, and
# the share of a pass that its pairs take; for the progress display alone.
_PREPARING, _PAIRING = {"ltp": 300.0, None: 2.5}, 0.25


def new_statistics():
    """Empty statistics of records; statistics.add_statistics adds two."""
    counts = dict.fromkeys(
        (
            "records",
            "tokens",
            "masked",
            "blocks",
            "one_document_blocks",
            "documents",
            "other_documents",
            "sentences",
            "divided_sentences",
            "characters",
            "pieces",
            "left_out_pieces",
            "unknown_pieces",
            "unaligned_words",
            "unaligned_sentences",
        ),
        0,
    )
    return dict(
        counts,
        ngrams={},
        corruption_counts={},
        changes={},
        change_examples={},
        unknown={},
        tag_counts={},
        unknown_tags={},
        user_words={},
        sampled_documents={},
        examples=[],
        unaligned_examples=[],
        pair_records={},
    )


class RecordProcessor(Processor):
    """Units to records. Holds vocabulary, tokenizer, segmenter, layouts."""

    empty_statistics = staticmethod(new_statistics)

    def __init__(self, settings):
        super().__init__(settings)
        settings.check()
        self.side = settings.side
        self.recipe = get_recipe(settings.objective)
        self.vocabulary = read_vocabulary(settings.vocab_file, settings.tokenizer)
        self.corruption = settings.corruption().with_files(
            settings.family_options, self.vocabulary, settings.do_lower_case
        )
        self.tokens = tokens_of(self.vocabulary, settings.do_lower_case)
        self.tokenizer = self.vocabulary.make_tokenizer(
            settings.do_lower_case, blanks_part_words=settings.input_format == "presegmented"
        )
        self.segmenter, self._tagger = self._make_segmenter()
        self.layout = encoding.RecordLayout(
            settings.stored_features(),
            settings.max_seq_length,
            settings.max_predictions_per_seq,
            len(self.vocabulary),
        )

    def _make_segmenter(self):
        """(segmenter or None, tagger or None)."""
        settings = self.settings
        if settings.input_format == "conllu":
            return None, None
        normalize = normalization(settings.normalize_quotes, settings.t2s)
        arguments = (
            settings.ltp_model,
            settings.user_dict,
            normalize,
            settings.ltp_precision,
            settings.encoding,
        )
        if is_tagged(self.recipe):
            return None, segmentation.make_tagger(*arguments)
        if not self.corruption.needs_words:
            return None, None
        if settings.input_format == "presegmented":
            return segmentation.BlankSegmenter(), None
        return segmentation.make_segmenter(settings.segmenter, *arguments), None

    def write_block(self, out, text, place, statistics, progress):
        """Writes the records of a block; see processor.Processor."""
        statistics["other_documents"] += text.passed_over
        if not len(text.starts) and text.passed_over:
            return
        place = "{}/{}/{}".format(self.settings.random_seed, *place)
        passes = self.settings.dupe_factor
        prepared = _PREPARING.get(self.settings.segmenter, _PREPARING[None])
        prepared /= prepared + passes
        paired = prepared + _PAIRING * (1.0 - prepared)
        unit, groups = self.prepare(text, statistics, subprogress(progress, 0.0, prepared))
        if not len(unit.ids):
            return
        advance, dupes = subprogress(progress, prepared, paired), []
        for dupe in range(passes):
            dupes.append(self.recipe.pairs(unit, self.settings, "{}/{}".format(place, dupe)))
            advance((dupe + 1) / passes)
        statistics["left_out_pieces"] += sum(instances.left_out(unit, rows) for rows in dupes)
        rows, advance = instances.join(dupes), subprogress(progress, paired, 1.0)
        if unit.labels is not None:
            add_statistics(statistics, {"pair_records": _pair_records(rows.labels)})
        rng = np.random.default_rng(_seed(place))
        order = rng.permutation(len(rows.labels))
        size = max(1, _BATCH_PIECES // self.settings.max_seq_length)
        for at in range(0, len(order), size):
            chosen = instances.take(rows, order[at : at + size])
            batch = instances.assemble(
                unit, groups, chosen, self.settings.max_seq_length, self.vocabulary
            )
            corrupted = None
            if self.settings.masking == "static":
                corrupted = self.corruption.corrupt(batch, self.tokens, rng)
            values = features_of(batch, corrupted, self.layout.names)
            out.write(tfrecord.frame(self.layout.encode(values)).tobytes())
            self._count(batch, corrupted, statistics)
            advance(min(1.0, (at + size) / len(order)))

    def prepare(self, text, statistics, progress):
        """Tokenises, segments and aligns the documents of a block, once for all dupes.

        Args:
          text: documents.Documents.
          statistics: dict to add to.
          progress: called with the share done.

        Returns:
          instances.UnitPieces and the group number of each piece, int32 [pieces].
        """
        pieces = self.tokenizer.tokenize(text.text, text.starts)
        first = np.searchsorted(pieces.starts, text.starts)
        borders = np.append(first, len(pieces.ids))
        full = borders[1:] > borders[:-1]  # sentences of control characters alone have no piece
        words = self._find_words(text, progress)
        if words is None:
            groups = alignment.wordpiece_groups(pieces, first[full])
        else:
            groups = alignment.word_groups(
                pieces, words.starts, first[full], words.unusable[full], words.tags
            )
        kept = np.concatenate([[0], np.cumsum(full)])
        documents = np.unique(kept[text.documents])
        unit = instances.UnitPieces(
            pieces.ids,
            groups.starts,
            np.append(first[full], len(pieces.ids)),
            documents,
            groups.tags if is_tagged(self.recipe) else None,
            None if text.labels is None else text.labels[np.diff(kept[text.documents]) > 0],
        )
        statistics["documents"] += len(documents) - 1
        statistics["blocks"] += 1
        statistics["one_document_blocks"] += len(documents) == 2
        statistics["sentences"] += int(full.sum())
        statistics["characters"] += len(text.text)
        seen = collections.Counter(
            "{:016x}".format(fingerprint(one)) for one in solid_texts(text) if one
        )
        add_statistics(statistics, {"sampled_documents": seen})
        statistics["pieces"] += len(pieces.ids)
        statistics["unaligned_words"] += groups.unaligned_words
        statistics["unaligned_sentences"] += groups.unaligned_sentences
        self._count_unknown(text.text, pieces, statistics)
        if words is not None:
            more = {"unaligned_examples": list(words.faults), "user_words": words.user_words}
            add_statistics(statistics, more)
        if unit.tags is not None:
            counted = {"tag_counts": _tag_counts(unit), "unknown_tags": words.unknown_tags}
            add_statistics(statistics, counted)
        if self.recipe.divides_sentences(self.settings):
            unit, divided = divide_long_sentences(
                text.text, pieces.starts, unit, self.settings.max_seq_length
            )
            statistics["divided_sentences"] += divided
        return unit, instances.group_numbers(unit.group_starts)

    def _find_words(self, text, progress):
        """words.Words of a block, None where none are looked for."""
        if not (self.corruption.needs_words or is_tagged(self.recipe)):
            return None
        place = (text.text, text.starts, text.ends, progress)
        if self._tagger:
            return self._tagger.words(*place)
        return self.segmenter.words(*place) if self.segmenter else text.words

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

    def _count(self, batch, corrupted, statistics):
        statistics["records"] += len(batch.lengths)
        statistics["tokens"] += int(batch.lengths.sum())
        if corrupted:
            statistics["masked"] += int(corrupted.predicted.sum())
            runs = {str(i + 1): int(count) for i, count in enumerate(corrupted.ngrams)}
            add_statistics(
                statistics, {"ngrams": runs, "corruption_counts": dict(corrupted.counts)}
            )
            self._count_changes(batch, corrupted, statistics)
        for row in range(min(EXAMPLES - len(statistics["examples"]), len(batch.lengths))):
            statistics["examples"].append(example(batch, corrupted, row, self.vocabulary.tokens))

    def _count_changes(self, batch, corrupted, statistics):
        named = [(shown_change(change), change) for change in corrupted.changes]
        examples = {
            name: changed_text(batch, change, self.vocabulary)
            for name, change in named[:_CHANGES_SHOWN]
            if name not in statistics["change_examples"]
        }
        counts = {name: change.count for name, change in named}
        add_statistics(statistics, {"changes": counts, "change_examples": examples})


def _tag_counts(unit):
    """{"POS-n": words, ...}; _ stands for words whose tag is not known."""
    by_tag = {}
    for kind, column in zip(KINDS, unit.tags[unit.group_starts].T):
        counts = np.bincount(column.astype(np.int64) + 1, minlength=len(TAGS[kind]) + 1)
        for tag, count in zip(("_", *TAGS[kind]), counts.tolist()):
            if count:
                by_tag[shown(kind, tag)] = count
    return by_tag


def _pair_records(labels):
    """{"similar": rows, "other": rows}."""
    return {"similar": int((labels == SIMILAR).sum()), "other": int((labels == OTHER).sum())}


def _seed(place):
    return int.from_bytes(hashlib.sha256(place.encode("ascii")).digest()[:8], "little")
