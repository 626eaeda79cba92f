"""What the tasks have in common, and running one over a text."""

import collections
import itertools
import time

from common.log import log, warn
from data.rows import sequences

# Lines that are held at a time: what is sorted by length, and all there is in memory.
WINDOW_LINES = 2048
_SECONDS_BETWEEN_LOGS = 10.0

# What a task is made with. config: model config; tokenizer: of a vocabulary; max_seq_length:
# longest row; saved: what Task.saved_settings read.
Setup = collections.namedtuple("Setup", ["config", "tokenizer", "max_seq_length", "saved"])


class Task:
    """From lines to results; also the `network` of a prediction.predictor.Predictor.

    Attributes:
      options: names of keyword arguments of the class beside `setup`, which are flags' names, too.
      saved_options: the same of `saved_settings`.
      window_lines: lines that `predict` takes at a time.
      feature_names, head, optional: see Predictor.
    """

    options = saved_options = ()
    window_lines = WINDOW_LINES
    feature_names = ("input_ids", "input_mask", "segment_ids")
    head = None
    optional = None

    def __init__(self, setup):
        self.config, self.tokenizer = setup.config, setup.tokenizer
        self.vocabulary = setup.tokenizer.vocabulary
        self.max_seq_length = setup.max_seq_length
        self.notes = Notes(setup.max_seq_length)
        self.predictor = None

    @staticmethod
    def network(config, shapes, shown):
        """Config of the network to ask, as BertConfig.as_encoder says it."""
        return config.as_encoder(shapes, shown)

    @staticmethod
    def saved_settings(path, **options):
        """What was laid down beside the weights `path` about their use: a dict, also of flags'
        defaults (max_seq_length, do_lower_case)."""
        del path, options
        return {}

    def build(self, config, store, kernels, features):
        """See Predictor."""
        raise NotImplementedError

    def start(self, predictor):
        """Takes the Predictor of this task, before the first lines."""
        self.predictor = predictor

    def predict(self, lines):
        """Yields a dict for each of a list of Line, in their order."""
        raise NotImplementedError

    def pieces(self, text, is_inner=False):
        """List of the ids of a text; `is_inner`: see the tokenizers."""
        return self.tokenizer.tokenize(text, is_inner=is_inner).ids.tolist()

    def make_row(self, line, first, second=None, start=0):
        """A row for the predictor: [CLS] first [SEP], with `second` [SEP] behind that.

        Args:
          line: Line, to be counted in the notes.
          first, second: lists of piece ids; `second` may be None.
          start: how many of `first` to leave out.

        Returns:
          dict of input_ids and segment_ids, cut at max_seq_length.
        """
        row = sequences.encode_pieces(self.vocabulary, first[start:], second, self.max_seq_length)
        is_cut = start > 0 or row.is_truncated
        self.notes.see(line, first + (second or []), self.vocabulary, is_cut)
        length = sum(row.input_mask)
        return {
            "input_ids": row.input_ids[:length],
            "segment_ids": row.segment_ids[:length],
        }


def rounded_share(probability):
    """A probability, or score, with six digits that count, however small it is."""
    return float("{:.6g}".format(probability))


class Notes:
    """Counts lines that a user may want to look at."""

    def __init__(self, most_pieces, cut="were cut at --max_seq_length={}"):
        """`most_pieces`: how many a text may have; `cut`: what is said of longer ones."""
        self._kinds = collections.OrderedDict(
            empty="are empty",
            cut=cut.format(most_pieces),
            unknown="hold nothing that --vocab_file knows (all is unknown)",
        )
        self._counts, self._first = collections.Counter(), {}
        self.total = 0

    def see(self, line, ids, vocabulary, is_cut):
        """Counts a line of which `ids` are the pieces."""
        self.total += 1
        # What stands for the text; masks say nothing about it.
        known = [i for i in ids if i != vocabulary.mask]
        found = {
            "empty": not ids,
            "cut": is_cut,
            "unknown": bool(known) and all(i == vocabulary.unk for i in known),
        }
        for kind in (kind for kind, holds in found.items() if holds):
            self._counts[kind] += 1
            self._first.setdefault(kind, line.where)

    def lines(self):
        """Sentences for the log."""
        return [
            "{} of {} lines {} (first: {})".format(
                self._counts[kind], self.total, text, self._first[kind]
            )
            for kind, text in self._kinds.items()
            if self._counts[kind]
        ]


def predict_lines(task, lines, results):
    """Writes the results of all lines, in their order; holds no more than a window of them.

    Args:
      task: Task that was started.
      lines: iterable of Line.
      results: lines.ResultFile.
    """
    lines, notes, began = iter(lines), task.notes, time.time()
    logged = began
    while True:
        window = list(itertools.islice(lines, task.window_lines))
        if not window:
            break
        results.write(task.predict(window))
        now = time.time()
        if now - logged > _SECONDS_BETWEEN_LOGS:
            logged = now
            log("{:,} lines, {:.0f}/s".format(notes.total, notes.total / (now - began)))
    log("{:,} lines in {:.1f} s".format(notes.total, time.time() - began))
    for note in notes.lines():
        warn(note)
