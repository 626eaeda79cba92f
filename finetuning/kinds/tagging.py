"""Tagging of tokens for named entities: from a folder of files to entities and scores."""

import collections
import os
from typing import List, NamedTuple

import numpy as np

from common.errors import UserError
from common.outputs import write_atomically
from finetuning.kinds import windows
from finetuning.kinds.spans import (
    OUTSIDE,
    Span,
    spans_of_tags,
    tag_names,
    tags_of_spans,
    types_of_tags,
)
from finetuning.layouts.tagging import check_types, read_tagged, types_of
from finetuning.scoring import submissions
from finetuning.scoring.entities import score_entities
from finetuning.task import FOUND, SPLITS, Task, TaskRow
from modeling.conversion.families import TAGGING
from modeling.objectives.tagging import Tagging

TAGGED_FILES = {
    split: tuple(split + ending for ending in (".txt", ".tsv", ".json", ".jsonl"))
    for split in SPLITS
}
# [CLS] and [SEP].
_SPECIAL = 2


class Place(NamedTuple):
    """The tokens that are read from a row.

    Attributes:
      tokens: int32 [n], indices of tokens of the example.
      positions: int32 [n], the position in the row of each one's first piece.
    """

    tokens: np.ndarray
    positions: np.ndarray


class Tagged(NamedTuple):
    """A prediction for a sentence.

    Attributes:
      tags: one per token.
      spans: the entities that the tags mean.
      probabilities: one per span: the mean of its tags' probabilities, as Hugging Face's pipelines
        compute it.
    """

    tags: List[str]
    spans: List[Span]
    probabilities: List[float]


class TaggingTask(Task):
    """A task whose examples are layouts.tagging.TaggedExample; predictions are Tagged.

    `labels` are tags, O first. Each token is tokenised by itself; its first piece carries the tag,
    and a token without a piece is [UNK], so that every token has a tag. A sentence that is longer
    than a row becomes several rows that overlap by half; a token is trained on, and read, in the
    row where it has most context.
    """

    kind, head = "tagging", TAGGING
    metric, headline = "eval_f1", ("f1",)
    feature_names = Tagging.feature_names

    def __init__(
        self,
        name,
        defaults=None,
        types=None,
        file_names=TAGGED_FILES,
        scheme="BIO",
        has_places=False,
        submission=None,
    ):
        """Configures a task: its files, entity types and tags.

        Args:
          name, defaults, file_names: see Task.
          types: types of entities; None: --labels, or those of the examples.
          scheme: one of spans.SCHEMES, of predicted tags; files may have another.
          has_places: see layouts.tagging.read_columns.
          submission: name of a file for the entities of test examples, see submissions; None:
            no file.
        """
        labels = None if types is None else tag_names(types, scheme)
        super().__init__(name, defaults, labels, file_names)
        self._scheme = scheme
        self._has_places, self._submission = has_places, submission
        self._pieces = None, {}

    def read_file(self, path, split):
        """See Task."""
        return read_tagged(path, self._has_places, needs_labels=split != "test")

    def choose_labels(self, given, data_dir, splits):
        """See Task; --labels are types. The types of the task, else --labels, else those of the
        training (or development) examples, sorted."""
        del data_dir
        if self.labels is None:
            types, source = _find_types(given, splits)
            self.labels = tag_names(types, self._scheme)
            return source
        if given and sorted(given) != sorted(self._types):
            raise UserError(
                "--labels={}, but task {} has the types {}; remove it".format(
                    ",".join(given), self.name, ",".join(self._types)
                )
            )
        return "of the task"

    @property
    def _types(self):
        """Types of entities in the order of the labels, which may be those of a trained model."""
        return types_of_tags(self.labels, "labels of " + self.name)

    def is_labelled(self, example):
        """See Task."""
        return example.spans is not None

    def answer_parts(self, example):
        """See Task."""
        return {"entities": example.spans}

    def without_answer(self, example):
        """See Task."""
        return example._replace(spans=None)

    def check(self, examples, config):
        """See Task: types must be known."""
        del config
        check_types(examples, self._types)

    def texts(self, example):
        """See Task."""
        return example.tokens

    def notes(self, split, examples):
        """See Task: number of entities of each type."""
        if not any(self.is_labelled(example) for example in examples):
            return []
        counts = collections.Counter(s.type for e in examples for s in e.spans or ())
        total = sum(counts.values())
        parts = [
            "{} {:,} ({:.1%})".format(kind, counts[kind], counts[kind] / total)
            for kind in self._types
            if counts[kind]
        ]
        shown = "{}: {:,} entities".format(split, total) + (": " if parts else "")
        lines = [(not total, shown + ", ".join(parts))]
        never = [kind for kind in self._types if not counts[kind]]
        if total and never:
            lines.append((False, "{}: no entity is {}".format(split, " or ".join(never))))
        return lines

    def rows(self, example, tokenizer, max_seq_length):
        """See Task: [CLS] pieces [SEP] for each window; `place` is a Place."""
        room = max_seq_length - _SPECIAL
        if room < 1:
            raise UserError(
                "--max_seq_length={} leaves no room for a token between [CLS] and [SEP]; it must "
                "be at least {}".format(max_seq_length, _SPECIAL + 1)
            )
        pieces = [self._pieces_of(token, tokenizer) for token in example.tokens]
        ids = [i for token_ids in pieces for i in token_ids]
        counts = np.array([len(token_ids) for token_ids in pieces], np.int32)
        firsts = np.cumsum(counts, dtype=np.int32) - counts
        cut = windows.make_windows(len(ids), room, max(1, room // 2), 1)
        best = windows.most_context(cut, len(ids))[firsts]
        numbers = self._tag_numbers(example)
        rows = []
        for number, window in enumerate(cut):
            tokens = np.flatnonzero(best == number).astype(np.int32)
            place = Place(tokens, firsts[tokens] - window.start + 1)
            length = window.end - window.start + _SPECIAL
            tags = np.full(length, -1, np.int32)
            tags[place.positions] = numbers[tokens]
            inner = ids[window.start : window.end]
            vocabulary = tokenizer.vocabulary
            features = {
                "input_ids": [vocabulary.cls, *inner, vocabulary.sep],
                "segment_ids": [0] * length,
                "tag_ids": tags.tolist(),
            }
            rows.append(TaskRow(features, False, place))
        return rows

    def objective(self, heads):
        """See Task."""
        return Tagging(self.name, len(self.labels), heads)

    def decode(self, example, rows, outputs):
        """See Task."""
        numbers = np.zeros(len(example.tokens), np.int32)
        shares = np.zeros(len(example.tokens), np.float32)
        for row, output in zip(rows, outputs):
            numbers[row.place.tokens] = output["tags"][row.place.positions]
            shares[row.place.tokens] = output["tag_probabilities"][row.place.positions]
        tags = [self.labels[number] for number in numbers]
        spans, _ = spans_of_tags(tags)
        means = [float(shares[span.start : span.end].mean()) for span in spans]
        return Tagged(tags, spans, means)

    def score(self, examples, predictions, prefix="eval"):
        """See Task: F1, precision and recall over all entities as in seqeval, and the mean F1 of
        the types (macro)."""
        scores = score_entities(
            [example.spans for example in examples],
            [prediction.spans for prediction in predictions],
        )
        return collections.OrderedDict(
            [
                (prefix + "_f1", scores.micro.f1),
                (prefix + "_precision", scores.micro.precision),
                (prefix + "_recall", scores.micro.recall),
                (prefix + "_macro_f1", scores.macro.f1),
            ]
        )

    def sole_answer(self, predictions):
        """See Task: the tag that every token gets."""
        tags = {tag for prediction in predictions for tag in prediction.tags}
        return tags.pop() if len(tags) == 1 else None

    def prediction_file(self, split):
        """See Task."""
        return split + "_predictions.txt"

    def save_predictions(self, folder, split, examples, predictions):
        """See Task: SPLIT_predictions.txt, a token and its tag per line and an empty line
        between sentences, as layouts.tagging.read_columns reads them; and the test set's
        submission."""
        sentences = [
            "".join(
                "{}\t{}\n".format(_in_column(token), tag)
                for token, tag in zip(example.tokens, prediction.tags)
            )
            for example, prediction in zip(examples, predictions)
        ]
        names = [self.prediction_file(split)]
        write_atomically(os.path.join(folder, names[0]), "\n".join(sentences))
        if self._submission and split == "test":
            names.append(self._submission)
            path = os.path.join(folder, self._submission)
            submissions.save_entities(path, examples, [p.spans for p in predictions])
        return names

    def _pieces_of(self, token, tokenizer):
        """Ids of a token's pieces, at least one, tokenised as in the middle of a text."""
        known_to, known = self._pieces
        if known_to is not tokenizer:
            known = {}
            self._pieces = tokenizer, known
        if token not in known:
            ids = tokenizer.tokenize(token, is_inner=True).ids.tolist()
            known[token] = ids or [tokenizer.vocabulary.unk]
        return known[token]

    def _tag_numbers(self, example):
        """int32 [tokens], -1 for an example without labels."""
        if example.spans is None:
            return np.full(len(example.tokens), -1, np.int32)
        numbers = {tag: number for number, tag in enumerate(self.labels)}
        tags = tags_of_spans(example.spans, len(example.tokens), self._scheme)
        return np.array([numbers[tag] for tag in tags], np.int32)


def _find_types(given, splits):
    """(types, their source in a few words)."""
    if given:
        tags = [kind for kind in given if kind == OUTSIDE or kind[1:2] == "-"]
        if tags:
            raise UserError(
                "--labels={}: types of entities (PER) are expected, without O and without the "
                "B- and I- of tags".format(",".join(given))
            )
        if len(set(given)) < len(given) or "" in given:
            raise UserError("--labels={}: each type once, and none empty".format(",".join(given)))
        return list(given), "--labels"
    for split in SPLITS[:2]:
        types = types_of(splits.get(split) or ())
        if types:
            return types, FOUND + split
    paths = [splits[split].path for split in SPLITS[:2] if splits.get(split)]
    raise UserError(
        "the types of entities are not known, for {}; give --labels".format(
            "{} holds no entity".format(" and ".join(paths))
            if paths
            else "there are neither training nor development examples"
        )
    )


def _in_column(token):
    """A token without blanks, or one blank, as read_columns takes it."""
    return "".join(token.split()) or " "
