"""--task=fill_mask: tokens and words for the masks of a text."""

import functools
import heapq
import itertools
import math
import operator
import typing

from common.lazy_tensorflow import tf
from data.text.characters import is_letter
from modeling import heads
from modeling.encoder import encode
from modeling.load_plan import MLM_HEAD, POOLER, Head
from prediction.batches import OF_POSITIONS
from prediction.masked_text import MaskedTextTask
from prediction.prediction_task import rounded_probability

# Least width of the beam search, whatever --top_k.
MIN_BEAMS = 8


class _Run(typing.NamedTuple):
    """Adjacent masks.

    Attributes:
      first: number of the first one among the masks of the text.
      length: how many there are.
    """

    first: int
    length: int


class _Beam(typing.NamedTuple):
    """The beginning of a word, or all of it.

    Attributes:
      log_prob: sum of the log probabilities of its pieces.
      ids: tuple of its pieces.
    """

    log_prob: float
    ids: tuple


class _Search:
    """The beam search for the words of a run of masks of `row`.

    Attributes:
      beams: list of _Beam, best first.
    """

    def __init__(self, row, run, beams):
        self.row, self.run, self.beams = row, run, beams

    def rows(self):
        """For each beam the row with its pieces filled in, which predicts the next piece."""
        first = self.row["positions"][self.run.first]
        for beam in self.beams:
            position = first + len(beam.ids)
            ids = self.row["input_ids"]
            yield {
                "input_ids": ids[:first] + list(beam.ids) + ids[position:],
                "segment_ids": self.row["segment_ids"],
                "positions": [position],
            }

    def extend(self, outputs, width):
        """Keeps the best `width` of the beams with one more piece.

        Args:
          outputs: iterator of the predictor's outputs, one for each beam.
          width: int.
        """
        longer = [
            _Beam(beam.log_prob + piece.log_prob, beam.ids + piece.ids)
            for beam in self.beams
            for piece in _pieces(next(outputs), 0)
        ]
        self.beams = heapq.nlargest(width, longer, key=operator.attrgetter("log_prob"))


class FillMask(MaskedTextTask):
    """{"text", "masks", "words", "filled"}.

    masks: [{"position", "top": [{"token", "probability"}]}] has every [MASK] by itself, with all
    others still masked; position counts characters. words: [{"position", "length", "top": [{"word",
    "probability"}]}] has each run of adjacent masks: a beam search fills them from left to right,
    and the probability of a word is the product of the probabilities of its pieces, each given the
    preceding ones. filled: the text with the best word at runs of masks and the best token at
    single ones. Probabilities refer to the whole vocabulary, but pieces that no text produces are
    not proposed (Vocabulary.random_replacements).

    Only [MASK], in capitals, is a mask. An empty line has none, which is no error. Of a text longer
    than a row the model sees the masks and their surroundings; masks too far apart for one row
    are refused.
    """

    options = ("top_k",)
    shares = {"log_probs": OF_POSITIONS, "ids": OF_POSITIONS}
    optional = POOLER
    head = Head(
        MLM_HEAD,
        "masked-LM head",
        "give a pre-trained checkpoint: one that was fine-tuned or stripped has lost it",
    )

    def __init__(self, setup, top_k):
        """`top_k`: how many tokens and words to name."""
        super().__init__(setup)
        self.head = self.head._replace(prefix=setup.config.masked_lm_scope + "/")
        self._candidates = self.vocabulary.random_replacements(self.tokenizer.do_lower_case)
        self._top_k, self._width = top_k, max(top_k, MIN_BEAMS)

    @staticmethod
    def network(config, shapes, shown):
        """See PredictionTask: of an ELECTRA checkpoint the generator."""
        return config.as_masked_lm(shapes, shown)

    def build(self, config, store, kernels, features):
        """log_probs and ids [batch, positions, beams] of the best candidates; see Predictor."""
        encoded = encode(config, store, kernels, features)
        positions = features["positions"]
        vectors = heads.gather_positions(encoded.sequence_output, positions)
        logits = heads.masked_lm_logits(config, store, kernels, vectors, encoded.embedding_tables)
        candidates = tf.constant(self._candidates)
        log_probs = tf.gather(tf.nn.log_softmax(logits), candidates, axis=1)
        count = min(self._width, len(self._candidates))
        best, places = tf.nn.top_k(log_probs, count)
        shape = tf.concat([tf.shape(positions), [count]], axis=0)
        return {
            "log_probs": tf.reshape(best, shape),
            "ids": tf.reshape(tf.gather(candidates, places), shape),
        }

    def predict(self, lines):
        """See PredictionTask.

        Raises:
          UserError: a line has no mask, or masks too far apart.
        """
        texts = [self.read(line) for line in lines]
        outputs = iter(self.predictor.run([text.row for text in texts if text.row]))
        tops = [_all_pieces(text, next(outputs)) if text.row else [] for text in texts]
        searches = [
            [_Search(text.row, run, top[run.first]) for run in _runs(text)]
            for text, top in zip(texts, tops)
        ]
        self._complete(list(itertools.chain.from_iterable(searches)))
        for line, text, top, words in zip(lines, texts, tops, searches):
            yield self._result(line, text, top, words)

    def _complete(self, searches):
        """Extends all searches to their full lengths, a batch of all for each further piece."""
        for step in range(1, max([search.run.length for search in searches], default=0)):
            active = [search for search in searches if search.run.length > step]
            outputs = iter(self.predictor.run([row for search in active for row in search.rows()]))
            for search in active:
                search.extend(outputs, self._width)

    def _result(self, line, text, tops, words):
        offsets = text.offsets()
        filled = text.texts[0]
        for word in words:
            for number, piece in enumerate(self._spellings(word.beams[0]), word.run.first + 1):
                filled = add_text(add_piece(filled, piece), text.texts[number])
        return {
            "text": line.text,
            "masks": [
                {"position": offset, "top": self._top(pieces, "token", self._token)}
                for offset, pieces in zip(offsets, tops)
            ],
            "words": [
                {
                    "position": offsets[word.run.first],
                    "length": word.run.length,
                    "top": self._top(word.beams, "word", self._word),
                }
                for word in words
                if word.run.length > 1
            ],
            "filled": filled,
        }

    def _top(self, beams, kind, show):
        return [
            {
                kind: show(beam),
                "probability": rounded_probability(math.exp(beam.log_prob)),
            }
            for beam in beams[: self._top_k]
        ]

    def _token(self, beam):
        return self.vocabulary.tokens[beam.ids[0]]

    def _word(self, beam):
        first, *others = self._spellings(beam)
        # A first piece that joins the preceding word is shown with its mark (##).
        begin = self._token(beam) if first.is_inner else first.text
        return functools.reduce(add_piece, others, begin)

    def _spellings(self, beam):
        return [self.vocabulary.spelling(i) for i in beam.ids]


def add_piece(text, piece):
    """`text` followed by a Spelling; an inner piece of letters joins the last word, even over a
    blank."""
    if not (piece.is_inner and is_letter(piece.text[0])):
        return add_text(text, piece.text)
    word = text.rstrip()
    return (word if word and is_letter(word[-1]) else text) + piece.text


def add_text(text, more):
    """`text` followed by `more`, with a blank where two words would run into one."""
    if text and more and is_letter(text[-1]) and is_letter(more[0]):
        return text + " " + more
    return text + more


def _pieces(output, number):
    """The candidates at the position `number` of a row: list of _Beam of one piece."""
    pairs = zip(output["log_probs"][number].tolist(), output["ids"][number].tolist())
    return [_Beam(log_prob, (piece,)) for log_prob, piece in pairs]


def _all_pieces(text, output):
    """_pieces of every mask of a text."""
    return [_pieces(output, number) for number in range(len(text.row["positions"]))]


def _runs(text):
    """The runs of adjacent masks of a MaskedText: list of _Run."""
    runs = []
    for number, before in enumerate(text.texts[:-1] if text.row else ()):
        if number and not before:
            runs[-1] = _Run(runs[-1].first, runs[-1].length + 1)
        else:
            runs.append(_Run(number, 1))
    return runs
