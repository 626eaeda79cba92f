"""Measures run_pretraining.py --pack: text per CPU second with and without it, and the input alone.

Rows are the sentences of a text file, a line each, with whole words for masks that are drawn in
training. Steps of training (forward, backward, update; masked LM) run in blocks in turn, in one
process: a text a row, the same batch packed, and a packed batch of about as many rows. A table in
Markdown: rows of a batch, share of padding, CPU seconds a step, tokens of text per CPU second and
their ratio to the first line, CPU seconds of the input of a batch (reading, parsing, masks,
packing) and its share of a step, shapes of batches that occurred and CPU seconds that the first
step of each took beyond others, which is compiling where kernels are fused.

python benchmarks/packing.py --text=sentences.txt --vocab_file=vocab.txt \
    --bert_config_file=configs/models/bert_base.json --batch_size=8 --kernels=fused --precision=bf16
"""

import argparse
import dataclasses
import os
import statistics
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np
import tensorflow.compat.v1 as tf

from common.features import MASKED_LM, ROW
from data.input import packing, pipeline
from data.input.drawn_corruption import Drawing
from data.records import tfrecord
from data.records.encoding import RecordLayout
from data.rows.corruptions.corruption import tokens_of
from data.rows.corruptions.masking import MaskingSpec, Masks, predictions_limit
from data.tokenizers.vocabularies import read_vocabulary
from modeling.config_families import read_config
from modeling.kernels import KINDS, PRECISIONS
from modeling.objectives import get_objective
from optimization.config import OptimizerConfig
from optimization.replicas import OneReplica
from optimization.train_op import build_train_op
from training.model_fn import make_forward
from training.run_config import RunConfig

SHARE = 0.15


def write_rows(path, lines, vocabulary, length):
    """Writes [CLS] line [SEP] for each line, a piece a word; returns the pieces of each row."""
    tokenizer = vocabulary.make_tokenizer(True)
    ids, groups = (np.zeros([len(lines), length], np.int32) for _ in range(2))
    lengths = np.zeros(len(lines), np.int32)
    for row, line in enumerate(lines):
        pieces = tokenizer.tokenize(line).ids[: length - 2]
        lengths[row] = len(pieces) + 2
        ids[row, : lengths[row]] = [vocabulary.cls, *pieces, vocabulary.sep]
        groups[row, 1 : lengths[row] - 1] = np.arange(1, lengths[row] - 1)
    mask = np.arange(length) < lengths[:, None]
    values = {"input_ids": ids, "input_mask": mask, "segment_ids": 0 * ids, "word_groups": groups}
    layout = RecordLayout(list(values), length, 0, len(vocabulary))
    with open(path, "wb") as writer:
        writer.write(tfrecord.frame(layout.encode(values)).tobytes())
    return lengths


class Case:
    """A session with its own graph: batches of `size` texts, packed or not."""

    def __init__(self, args, path, drawing, config, size, is_packed):
        self.size, self.is_packed = size, is_packed
        self.step_seconds, self.input_seconds, self.tokens, self.rows = [], [], [], []
        self.first_seconds = {}  # shapes of a batch -> CPU seconds of the first step with them
        room = drawing.spec.max_predictions
        run = RunConfig("", "roberta", [], [], max_seq_length=args.length)
        run = dataclasses.replace(run, kernels=args.kernels, precision=args.precision)
        with tf.Graph().as_default():
            input_fn = pipeline.make_input_fn(
                [path],
                [*ROW, *MASKED_LM],
                args.length,
                room,
                pipeline.TrainingOrder(10000, 1),
                drawing,
                row_multiple=packing.row_multiple(size, 1) if is_packed else None,
            )
            batches = tf.data.make_one_shot_iterator(input_fn({"batch_size": size}))
            self._features = batches.get_next()
            step = tf.train.get_or_create_global_step()
            forward = make_forward(config, get_objective("roberta"), run, step)
            # The input is fed, so that it is not prepared beside a step that is timed.
            self._fed = {
                name: tf.placeholder(tensor.dtype, tensor.shape)
                for name, tensor in self._features.items()
            }
            self._train = build_train_op(
                forward,
                self._fed,
                OptimizerConfig(1e-4, 10000, 100),
                step,
                OneReplica(),
                compiled=args.kernels == "fused",
            )
            threads = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
            self._session = tf.Session(config=threads)
            self._session.run(tf.global_variables_initializer())
        self.read(1)
        self.input_seconds.clear()

    def step(self):
        """Times one update, after an update with the same batch where its shapes are new."""
        features = self._session.run(self._features)
        shapes = tuple(features[name].shape for name in sorted(features))
        if shapes not in self.first_seconds:
            self.first_seconds[shapes] = self._seconds(features)
        self.step_seconds.append(self._seconds(features))
        self.tokens.append(int(features["input_mask"].sum()))
        self.rows.append(len(features["input_mask"]))

    def _seconds(self, features):
        """CPU seconds of an update."""
        start = time.process_time()
        self._session.run(
            [self._train.op, self._train.loss],
            {tensor: features[name] for name, tensor in self._fed.items()},
        )
        return time.process_time() - start

    def read(self, count):
        """Times the input of `count` batches; so many that prefetched ones do not matter."""
        start = time.process_time()
        for _ in range(count):
            self._session.run(self._features["input_mask"])
        self.input_seconds.append((time.process_time() - start) / count)


def line_of(case, first, length, mean_length):
    """A row of the table."""
    seconds, rate = statistics.median(case.step_seconds), rate_of(case)
    read = statistics.median(case.input_seconds)
    shown = "{} | {:.1f} | {:.1%} | {:.3f} | {:.0f} | {:.2f} | {:.4f} | {:.2%} | {} | {:.1f}"
    cells = shown.format(
        "{} texts, {}".format(case.size, "packed" if case.is_packed else "a text a row"),
        statistics.mean(case.rows),
        1 - sum(case.tokens) / sum(case.rows) / length,
        seconds,
        rate * mean_length,
        rate / rate_of(first),
        read,
        read / seconds,
        len(case.first_seconds),
        sum(case.first_seconds.values()) - len(case.first_seconds) * seconds,
    )
    return "| {} |".format(cells)


def rate_of(case):
    """Texts per CPU second; their tokens differ from case to case by chance."""
    return case.size / statistics.median(case.step_seconds)


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--text", required=True, help="a sentence a line")
    parser.add_argument("--vocab_file", required=True)
    parser.add_argument("--bert_config_file", required=True)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--kernels", choices=KINDS, default="plain")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32")
    args = parser.parse_args()
    tf.disable_v2_behavior()
    vocabulary, config = read_vocabulary(args.vocab_file), read_config(args.bert_config_file)
    with open(args.text, encoding="utf-8") as reader:
        lines = [line for line in map(str.strip, reader) if line]
    spec = MaskingSpec(SHARE, "word", max_predictions=predictions_limit(SHARE, args.length))
    drawing = Drawing(Masks(spec), tokens_of(vocabulary, True), 1)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows.tfrecord")
        lengths = write_rows(path, lines, vocabulary, args.length)
        as_many_rows = round(args.batch_size * args.length / lengths.mean() * 0.93)
        cases = [
            Case(args, path, drawing, config, size, is_packed)
            for size, is_packed in (
                (args.batch_size, False),
                (args.batch_size, True),
                (as_many_rows, True),
            )
        ]
        for _ in range(args.rounds):
            for case in cases:
                case.step()
        for case in cases:
            case.read(100)
    print("{:,} rows, {:.1%} text".format(len(lengths), lengths.mean() / args.length))
    print(
        "| batch | rows | padding | CPU s a step | tokens of text per CPU s | ratio | CPU s of its "
        "input | share | shapes | CPU s of their first steps |\n" + 10 * "|---" + "|"
    )
    for case in cases:
        print(line_of(case, cases[0], args.length, lengths.mean()))


if __name__ == "__main__":
    main()
