"""The base of all prediction tasks, and the loop that runs one over a text."""

import collections
import itertools
import time
import typing

from common.log import log, warn
from common.progress import Progress
from data.rows import sequences

# Lines held in memory at a time; rows are sorted by length among them.
WINDOW_LINES = 2048
_SECONDS_BETWEEN_LOGS = 10.0


class TaskSetup(typing.NamedTuple):
    """The model that a prediction task is made for.

    Attributes:
      config: model config.
      tokenizer: of the model's vocabulary.
      max_seq_length: longest row, in tokens.
      saved: dict, the result of PredictionTask.saved_settings.
    """

    config: typing.Any
    tokenizer: typing.Any
    max_seq_length: int
    saved: typing.Optional[dict]


class PredictionTask:
    """From lines to results; also the `network` of a prediction.predictor.Predictor.

    task = FillMask(TaskSetup(config, tokenizer, 128, {}), top_k=5)
    with Predictor(config, task, "bert_model.ckpt", batch_size=32) as predictor:
        task.start(predictor)
        results = list(task.predict(list(read_lines("lines.txt"))))

    Attributes:
      options: names of the keyword arguments of the class beside `setup`; flags of the same names
        give their values.
      saved_options: the same of `saved_settings`.
      window_lines: lines that `predict` takes at a time.
      feature_names, shares, head, optional: see Predictor.
    """

    options = saved_options = ()
    window_lines = WINDOW_LINES
    feature_names = ("input_ids", "input_mask", "segment_ids")
    shares = head = optional = None

    def __init__(self, setup):
        self.config, self.tokenizer = setup.config, setup.tokenizer
        self.vocabulary = setup.tokenizer.vocabulary
        self.max_seq_length = setup.max_seq_length
        self.notes = LineNotes(setup.max_seq_length)
        self.predictor = None

    @staticmethod
    def network(config, shapes, shown):
        """Config of the network that computes the results; see BertConfig.as_encoder."""
        return config.as_encoder(shapes, shown)

    @staticmethod
    def saved_settings(path, **options):
        """Settings of use in a file beside the weights `path`: a dict, with the defaults of
        the flags max_seq_length and do_lower_case where they are known."""
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
        """A row for the predictor: [CLS] first [SEP], followed by `second` [SEP] if given.

        Args:
          line: Line, counted in the notes.
          first, second: lists of piece ids; `second` may be None.
          start: how many pieces of `first` to skip.

        Returns:
          dict of input_ids and segment_ids, lists of ints cut at max_seq_length.
        """
        row = sequences.encode_pieces(self.vocabulary, first[start:], second, self.max_seq_length)
        is_cut = start > 0 or row.is_truncated
        self.notes.add(line, first + (second or []), self.vocabulary, is_cut)
        length = sum(row.input_mask)
        return {
            "input_ids": row.input_ids[:length],
            "segment_ids": row.segment_ids[:length],
        }


def rounded_probability(probability):
    """A probability, or score, with six significant digits, however small it is."""
    return float("{:.6g}".format(probability))


class LineNotes:
    """Counts the lines that a user may want to look at."""

    def __init__(self, max_pieces, cut="were cut at --max_seq_length={}"):
        """`max_pieces`: how many a text may have; `cut`: the note on longer ones."""
        self._notes = collections.OrderedDict(
            empty="are empty",
            cut=cut.format(max_pieces),
            unknown="hold nothing that --vocab_file knows (all is unknown)",
        )
        self._counts, self._first = collections.Counter(), {}
        self.total = 0

    def add(self, line, ids, vocabulary, is_cut):
        """Counts a line whose pieces are `ids`."""
        self.total += 1
        # Masks tell nothing about the text.
        text_ids = [i for i in ids if i != vocabulary.mask]
        holds = {
            "empty": not ids,
            "cut": is_cut,
            "unknown": bool(text_ids) and all(i == vocabulary.unk for i in text_ids),
        }
        for kind in (kind for kind, is_so in holds.items() if is_so):
            self._counts[kind] += 1
            self._first.setdefault(kind, line.where)

    def mark(self, line, text):
        """Counts a line of which the note `text` is true: "hold ..."."""
        self._notes.setdefault(text, text)
        self._counts[text] += 1
        self._first.setdefault(text, line.where)

    def lines(self):
        """Sentences for the log."""
        return [
            "{} of {} lines {} (first: {})".format(
                self._counts[kind], self.total, text, self._first[kind]
            )
            for kind, text in self._notes.items()
            if self._counts[kind]
        ]


def predict_lines(task, lines, results, total=None):
    """Writes the results of all lines, in their order, and holds one window of them at a time.

    Args:
      task: PredictionTask that was started.
      lines: iterable of Line.
      results: lines.ResultFile.
      total: number of lines, for the progress display; None: unknown.
    """
    lines, notes, began = iter(lines), task.notes, time.time()
    logged = began
    # On standard output the results themselves show how far it is.
    with Progress("predicting", total, None, "lines", hidden=results.is_stream) as progress:
        while True:
            window = list(itertools.islice(lines, task.window_lines))
            if not window:
                break
            task.predictor.progress = _within(progress, len(window))
            results.write(task.predict(window))
            task.predictor.progress(1.0)
            now = time.time()
            if not progress.is_bar and now - logged > _SECONDS_BETWEEN_LOGS:
                logged = now
                log("{:,} lines, {:.0f}/s".format(notes.total, notes.total / (now - began)))
    log("{:,} lines in {:.1f} s".format(notes.total, time.time() - began))
    for note in notes.lines():
        warn(note)


def _within(progress, count):
    """A function of the share done of `count` lines; shares that do not rise are passed over."""
    before = progress.done

    def advance(share):
        progress(max(0, before + int(share * count) - progress.done))

    return advance
