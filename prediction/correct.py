"""--task=correct: the pieces of a text that a masked language model would write otherwise."""

import numpy as np

from common.lazy_tensorflow import tf
from modeling import heads
from modeling.encoder import encode
from modeling.load_plan import MLM_HEAD, POOLER, Head
from prediction.batches import OF_TOKENS
from prediction.prediction_task import PredictionTask, rounded_probability

_TOKENS_AT_A_TIME = 512


class Correct(PredictionTask):
    """{"text", "corrected", "changes"}.

    changes: [{"position", "length", "token", "probability", "by", "probability_of_token"}], a token
    that the model would replace: by the most probable piece in its place, whose probability is at
    least --min_probability, while nothing is masked. position and length count characters.
    corrected: the text with all of them. Pieces inside a word (##) are judged, and replaced by
    pieces inside words only; other pieces by others. What stands for characters unknown to the
    vocabulary is left alone. Of a text longer than a row only the beginning is judged.

    Made for MacBERT, which was trained to put the original words in the place of similar ones
    (arXiv 2004.13922); models that were trained with [MASK] see a text without it as right, but for
    the tenth of the masks that was random pieces.
    """

    options = ("min_probability",)
    shares = dict.fromkeys(("best", "probabilities", "of_tokens"), OF_TOKENS)
    optional = POOLER
    head = Head(
        MLM_HEAD,
        "masked-LM head",
        "give a pre-trained checkpoint: one that was fine-tuned or stripped has lost it",
    )

    def __init__(self, setup, min_probability):
        """`min_probability`: least probability of a piece that replaces another."""
        super().__init__(setup)
        self.head = self.head._replace(prefix=setup.config.masked_lm_scope + "/")
        self._least = min_probability
        # int32 [vocabulary], 1 inside words; float32 [2, vocabulary], 0 for the pieces of a kind
        # that a text can have.
        self._is_inner = np.array(
            [self.vocabulary.spelling(i).is_inner for i in range(len(self.vocabulary))], np.int32
        )
        self._log_allowed = np.full((2, len(self.vocabulary)), -np.inf, np.float32)
        candidates = self.vocabulary.random_replacements(self.tokenizer.do_lower_case)
        self._log_allowed[self._is_inner[candidates], candidates] = 0.0

    @staticmethod
    def network(config, shapes, shown):
        """See PredictionTask: of an ELECTRA checkpoint the generator."""
        return config.as_masked_lm(shapes, shown)

    def build(self, config, store, kernels, features):
        """See Predictor; int32 or float32 [batch, seq]: the most probable piece of the kind of each
        token, its probability, and that of the token itself."""
        encoded = encode(config, store, kernels, features)
        ids = tf.reshape(features["input_ids"], [-1])
        vectors = tf.reshape(encoded.sequence_output, [-1, config.hidden_size])
        transformed = heads.masked_lm_transform(config, store, kernels, vectors)

        def scores(some):
            tables = encoded.embedding_tables
            return heads.masked_lm_scores(config, store, kernels, some, tables)

        scores(transformed[:0])  # makes the variables, which the body of a loop cannot
        # The scores of all tokens of a batch would take gigabytes.
        count = tf.shape(ids)[0]
        padding = -count % _TOKENS_AT_A_TIME
        width = transformed.shape.as_list()[-1]
        parts = tf.map_fn(
            lambda part: self._judge(scores(part[0]), part[1]),
            (
                tf.reshape(
                    tf.pad(transformed, [[0, padding], [0, 0]]), [-1, _TOKENS_AT_A_TIME, width]
                ),
                tf.reshape(tf.pad(ids, [[0, padding]]), [-1, _TOKENS_AT_A_TIME]),
            ),
            dtype=(tf.int32, tf.float32, tf.float32),
            parallel_iterations=1,
        )
        shape = tf.shape(features["input_ids"])
        names = ("best", "probabilities", "of_tokens")
        return {
            name: tf.reshape(tf.reshape(part, [-1])[:count], shape)
            for name, part in zip(names, parts)
        }

    def _judge(self, scores, ids):
        """What `build` returns, of scores [N, vocabulary] and tokens [N]: three tensors [N]."""
        log_probs = tf.nn.log_softmax(scores)
        # Of each token the pieces of its own kind.
        log_allowed = tf.gather(tf.constant(self._log_allowed), tf.gather(self._is_inner, ids))
        best = tf.argmax(log_probs + log_allowed, axis=1, output_type=tf.int32)
        found = [
            tf.exp(tf.gather(log_probs, pieces[:, tf.newaxis], batch_dims=1)[:, 0])
            for pieces in (best, ids)
        ]
        return (best, *found)

    def predict(self, lines):
        """See PredictionTask."""
        texts = [self.tokenizer.tokenize(line.text) for line in lines]
        rows = [self.make_row(line, text.ids.tolist()) for line, text in zip(lines, texts)]
        for line, text, row, output in zip(lines, texts, rows, self.predictor.run(rows)):
            changes = list(self._changes(text, row["input_ids"], output))
            corrected = line.text
            for change in reversed(changes):
                end = change["position"] + change["length"]
                corrected = corrected[: change["position"]] + change["by"] + corrected[end:]
            yield {"text": line.text, "corrected": corrected, "changes": changes}

    def _changes(self, text, ids, output):
        """Yields the changes of a text."""
        for at, token in enumerate(ids[1:-1]):
            best, probability = int(output["best"][at + 1]), float(output["probabilities"][at + 1])
            if best == token or token == self.vocabulary.unk or probability < self._least:
                continue
            begin, end = int(text.starts[at]), int(text.ends[at])
            yield {
                "position": begin,
                "length": end - begin,
                "token": self.vocabulary.spelling(token).text,
                "probability_of_token": rounded_probability(float(output["of_tokens"][at + 1])),
                "by": self.vocabulary.spelling(best).text,
                "probability": rounded_probability(probability),
            }
