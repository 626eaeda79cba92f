"""--task=replaced: tokens of a text that look replaced, by ELECTRA's discriminator."""

from common.lazy_tensorflow import tf
from modeling import heads
from modeling.encoder import encode
from modeling.load_plan import Head
from prediction.batches import OF_TOKENS
from prediction.prediction_task import PredictionTask, rounded_probability

# A token counts as replaced above this probability, as in the metrics of training.
THRESHOLD = 0.5


class Replaced(PredictionTask):
    """{"text", "tokens", "probabilities", "replaced"}.

    probabilities: for each of `tokens`, without [CLS] and [SEP], the probability that it replaced
    another token. replaced: [{"token", "position", "length", "probability"}] of those above one
    half; position and length count characters of the text. Of a text longer than a row only the
    beginning is judged.
    """

    shares = {"probabilities": OF_TOKENS}
    head = Head(
        "discriminator_predictions/",
        "discriminator's head",
        "give an ELECTRA checkpoint as its pre-training left it",
    )

    def build(self, config, store, kernels, features):
        """probabilities [batch, seq]; see Predictor."""
        encoded = encode(config, store, kernels, features)
        logits = heads.discriminator_logits(config, store, kernels, encoded.sequence_output)
        return {"probabilities": tf.sigmoid(logits)}

    def predict(self, lines):
        """See PredictionTask."""
        texts = [self.tokenizer.tokenize(line.text) for line in lines]
        rows = [self.make_row(line, text.ids.tolist()) for line, text in zip(lines, texts)]
        for line, text, row, output in zip(lines, texts, rows, self.predictor.run(rows)):
            ids = row["input_ids"][1:-1]
            tokens = [self.vocabulary.tokens[i] for i in ids]
            values = output["probabilities"][1 : 1 + len(ids)]
            probabilities = [rounded_probability(float(value)) for value in values]
            yield {
                "text": line.text,
                "tokens": tokens,
                "probabilities": probabilities,
                "replaced": [
                    {
                        "token": token,
                        "position": int(begin),
                        "length": int(end - begin),
                        "probability": probability,
                    }
                    for token, probability, begin, end in zip(
                        tokens, probabilities, text.starts, text.ends
                    )
                    if probability > THRESHOLD
                ],
            }
