"""--task=fill_mask: what may stand at the masks of a text."""

import collections
import functools
import heapq
import itertools
import math
import operator

import tensorflow.compat.v1 as tf

from data.text.characters import is_letter
from modeling import heads
from modeling.encoder import encode
from modeling.load_plan import MLM_HEAD, POOLER
from prediction.blanks import TextWithMasks
from prediction.predictor import Head
from prediction.task import rounded_share

# Beginnings of words that are followed up where --top_k asks for fewer words.
MIN_BEAMS = 8

# Masks with nothing between them. first: number of the first among the text's masks.
_Run = collections.namedtuple("_Run", ["first", "length"])

# The beginning of a word, or all of it. ids: tuple of its pieces.
_Beam = collections.namedtuple("_Beam", ["log_prob", "ids"])


class _Search:
    """The words for a run of masks of `row`; `beams`: list of _Beam, best first."""

    def __init__(self, row, run, beams):
        self.row, self.run, self.beams = row, run, beams

    def rows(self):
        """For each beam the row with its pieces filled in, to ask for the next one."""
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
        """Keeps the best `width` beams longer by a piece; `outputs`: iterator, one for each."""
        longer = [
            _Beam(beam.log_prob + piece.log_prob, beam.ids + piece.ids)
            for beam in self.beams
            for piece in _pieces(next(outputs), 0)
        ]
        self.beams = heapq.nlargest(width, longer, key=operator.attrgetter("log_prob"))


class FillMask(TextWithMasks):
    """{"text", "masks", "words", "filled"}.

    masks: [{"position", "top": [{"token", "probability"}]}] has every [MASK] by itself, all others
    still masked; position counts characters. words: [{"position", "length", "top": [{"word",
    "probability"}]}] has the masks that stand side by side, taken together: a beam search fills
    one after the other, left to right, each seen by the next, and a word's probability is the
    product of its pieces', each given the ones before it. filled: the text with the best word at
    such masks and the best token at single ones. Probabilities are shares of the whole
    vocabulary, but what no text can produce is not proposed (Vocabulary.random_replacements).

    Only [MASK], in capitals, is a mask. An empty line has none and is no fault. Of a text longer
    than a row the model sees the masks and what is around them; masks too far apart for one row
    are refused.
    """

    options = ("top_k",)
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
        self._candidates = self.vocabulary.random_replacements()
        self._top_k, self._width = top_k, max(top_k, MIN_BEAMS)

    @staticmethod
    def network(config, shapes, shown):
        """See Task: of an ELECTRA checkpoint the generator."""
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
        """See Task.

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
        """Goes on with each search to the end; all of them go through the network together."""
        for step in range(1, max([search.run.length for search in searches], default=0)):
            active = [search for search in searches if search.run.length > step]
            outputs = iter(self.predictor.run([row for search in active for row in search.rows()]))
            for search in active:
                search.extend(outputs, self._width)

    def _result(self, line, text, tops, words):
        offsets = text.offsets()
        filled = text.parts[0]
        for word in words:
            for number, piece in enumerate(self._spelled(word.beams[0]), word.run.first + 1):
                filled = add_text(add_piece(filled, piece), text.parts[number])
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

    def _top(self, beams, kind, shown):
        return [
            {
                kind: shown(beam),
                "probability": rounded_share(math.exp(beam.log_prob)),
            }
            for beam in beams[: self._top_k]
        ]

    def _token(self, beam):
        return self.vocabulary.tokens[beam.ids[0]]

    def _word(self, beam):
        first, *others = self._spelled(beam)
        # What joins a word before it is shown to do so.
        begin = self._token(beam) if first.is_inner else first.text
        return functools.reduce(add_piece, others, begin)

    def _spelled(self, beam):
        return [self.vocabulary.spelling(i) for i in beam.ids]


def add_piece(text, piece):
    """`text` and a Spelling behind it: an inner piece of letters joins the word that stands there,
    over a blank, too."""
    if not (piece.is_inner and is_letter(piece.text[0])):
        return add_text(text, piece.text)
    word = text.rstrip()
    return (word if word and is_letter(word[-1]) else text) + piece.text


def add_text(text, more):
    """`text` and `more` behind it, with a blank where two words would run into one."""
    if text and more and is_letter(text[-1]) and is_letter(more[0]):
        return text + " " + more
    return text + more


def _pieces(output, number):
    """What the network says at the position `number` of a row: list of _Beam of one piece."""
    pairs = zip(output["log_probs"][number].tolist(), output["ids"][number].tolist())
    return [_Beam(log_prob, (piece,)) for log_prob, piece in pairs]


def _all_pieces(text, output):
    """_pieces of every mask of a text."""
    return [_pieces(output, number) for number in range(len(text.row["positions"]))]


def _runs(text):
    """The masks of a Blanks in runs with nothing between them: list of _Run."""
    runs = []
    for number, part in enumerate(text.parts[:-1] if text.row else ()):
        if number and not part:
            runs[-1] = _Run(runs[-1].first, runs[-1].length + 1)
        else:
            runs.append(_Run(number, 1))
    return runs
