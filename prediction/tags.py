"""--task=tags: part of speech, entity and dependency of masks or of all words, by LERT."""

import numpy as np

from common.lazy_tensorflow import tf
from common.tags import TAGS
from data.rows.alignment import word_groups
from modeling import heads
from modeling.encoder import encode
from modeling.load_plan import MLM_HEAD, POOLER, Head
from modeling.objectives.lert import all_tag_logits
from prediction.batches import OF_POSITIONS
from prediction.masked_text import MASK, MaskedTextTask
from prediction.prediction_task import PredictionTask, rounded_probability

WORDS_BY = ("rjieba", "jieba")


class TagNetwork:
    """LERT's tag heads at given positions; the `network` of a prediction.predictor.Predictor."""

    feature_names = (*PredictionTask.feature_names, "positions")
    shares = dict.fromkeys(TAGS, OF_POSITIONS)
    optional = POOLER
    head = Head(MLM_HEAD, "tag heads", "give a LERT checkpoint with its linguistic heads")

    def build(self, config, store, kernels, features):
        """dict kind -> log probabilities [batch, positions, tags]; see Predictor."""
        encoded = encode(config, store, kernels, features)
        positions = features["positions"]
        vectors = heads.gather_positions(encoded.sequence_output, positions)
        vectors = heads.masked_lm_transform(config, store, kernels, vectors)
        logits = all_tag_logits(config, store, kernels, vectors)
        return {
            kind: tf.reshape(
                tf.nn.log_softmax(of_kind),
                tf.concat([tf.shape(positions), [len(TAGS[kind])]], axis=0),
            )
            for kind, of_kind in logits.items()
        }


def best_tags(log_probs):
    """dict kind -> {"tag", "probability"} of a dict kind -> float32 [tags]."""
    best = {kind: int(np.argmax(values)) for kind, values in log_probs.items()}
    return {
        kind: {
            "tag": TAGS[kind][best[kind]],
            "probability": rounded_probability(float(np.exp(values[best[kind]]))),
        }
        for kind, values in log_probs.items()
    }


class Tags(TagNetwork, MaskedTextTask):
    """{"text", "masks"} or {"text", "words"}.

    masks: [{"position", "pos", "ner", "dep"}], for a text with [MASK]: the tags of the missing
    words. words: [{"word", "position", "pos", "ner", "dep"}], for one without: nothing is masked,
    and the tags of a word are the most probable by the mean of the log probabilities of its pieces.
    Each kind is {"tag", "probability"}; position counts characters. Of a text longer than a row
    only the words that fit are tagged.
    """

    options = ("words_by",)

    def __init__(self, setup, words_by):
        """`words_by`: one of WORDS_BY, the segmenter.

        Raises:
          UserError: it is not installed, or not known.
        """
        from data.text import segmentation

        super().__init__(setup)
        segmentation.check(words_by, None, None)
        self._segmenter = segmentation.make_segmenter(words_by)

    def predict(self, lines):
        """See PredictionTask."""
        texts = [self._read(line) for line in lines]
        rows = [row for row, _ in texts if row]
        outputs = iter(self.predictor.run(rows))
        for line, (row, places) in zip(lines, texts):
            output = next(outputs) if row else {}
            kind = "masks" if MASK in line.text else "words"
            yield {
                "text": line.text,
                kind: [dict(place, **best_tags(_mean(output, *span))) for place, span in places],
            }

    def _read(self, line):
        """(row or None, list of (result of a place: dict, its range of positions in the row))."""
        if MASK in line.text:
            text = self.read(line)
            places = [
                ({"position": offset}, (number, number + 1))
                for number, offset in enumerate(text.offsets())
            ]
            return text.row, places
        pieces = self.tokenizer.tokenize(line.text)
        row = self.make_row(line, pieces.ids.tolist())
        row["positions"] = list(range(1, len(row["input_ids"]) - 1))
        count = len(row["positions"])
        if not count:
            return None, []
        return row, [place for place in self._words(line.text, pieces) if place[1][1] <= count]

    def _words(self, text, pieces):
        ends = np.array([len(text)])
        found = self._segmenter.words(text, np.zeros(1, int), ends, lambda share: None)
        groups = word_groups(pieces, found.starts, np.zeros(1, int), found.unusable)
        starts = np.flatnonzero(groups.starts).tolist()
        for begin, end in zip(starts, starts[1:] + [len(pieces.ids)]):
            first, last = int(pieces.starts[begin]), int(pieces.ends[end - 1])
            yield {"word": text[first:last], "position": first}, (begin, end)


def _mean(output, begin, end):
    """dict kind -> [tags], normalised, of dict kind -> log probabilities [positions, tags]."""
    means = {
        kind: values[begin:end].astype(np.float64).mean(axis=0) for kind, values in output.items()
    }
    return {kind: mean - np.log(np.exp(mean).sum()) for kind, mean in means.items()}
