"""--task=replaced: which tokens of a text do not belong there, by ELECTRA's discriminator."""

import tensorflow.compat.v1 as tf

from modeling import heads
from modeling.encoder import encode
from prediction.prediction_task import Task, rounded_share
from prediction.predictor import Head

# A token is taken for replaced above this probability, as the training's own figures do.
THRESHOLD = 0.5


class Replaced(Task):
    """{"text", "tokens", "probabilities", "replaced"}.

    probabilities: for each of `tokens`, which leave [CLS] and [SEP] out, how probable it is that
    another token stood in its place. replaced: [{"token", "position", "length", "probability"}] of
    those above a half; position and length count characters of the text. Of a text longer than a
    row the beginning is told.
    """

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
        """See Task."""
        texts = [self.tokenizer.tokenize(line.text) for line in lines]
        rows = [self.make_row(line, text.ids.tolist()) for line, text in zip(lines, texts)]
        for line, text, row, output in zip(lines, texts, rows, self.predictor.run(rows)):
            ids = row["input_ids"][1:-1]
            tokens = [self.vocabulary.tokens[i] for i in ids]
            found = [rounded_share(float(p)) for p in output["probabilities"][1 : 1 + len(ids)]]
            yield {
                "text": line.text,
                "tokens": tokens,
                "probabilities": found,
                "replaced": [
                    {
                        "token": token,
                        "position": int(begin),
                        "length": int(end - begin),
                        "probability": probability,
                    }
                    for token, probability, begin, end in zip(tokens, found, text.starts, text.ends)
                    if probability > THRESHOLD
                ],
            }
