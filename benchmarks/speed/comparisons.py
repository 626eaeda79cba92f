"""Which programs are compared with which, at which sizes."""

import os
import sys
import typing

import numpy as np

from benchmarks.speed.rounds import ROOT, Subject
from benchmarks.speed.shapes import SHAPES, VOCAB
from data.tokenizers.building.token_classes import CLUE_COUNTS

# Names of subjects in tables.
GOOGLE, HF, HF_BF16, HF_SORTED = "google", "hf fp32", "hf bf16", "hf bf16 sorted"
PLAIN, FUSED, BF16 = "quanci plain fp32", "quanci fused fp32", "quanci bf16"
_KERNELS = {
    PLAIN: {"precision": "fp32", "kernels": "plain"},
    FUSED: {"precision": "fp32", "kernels": "fused"},
    BF16: {"precision": "bf16", "kernels": "fused"},
}
_ELECTRA_SMALL = {"model_type": "electra", "embedding_size": 128}
CLUE_ROWS = sum(CLUE_COUNTS.values())
MIXED_TEXTS, MIXED_BATCH, MIXED_MEAN = 192, 32, 40


class Comparison(typing.NamedTuple):
    """Programs that do the same work.

    Attributes:
      name: in tables and keys.
      shape: Shape.
      subjects: list of rounds.Subject.
      base: name of the subject that is 1 in the table.
      steps: of each in a round.
      flops: of a step's matrix products, or None.
    """

    name: str
    shape: typing.Any
    subjects: list
    base: str
    steps: int
    flops: typing.Optional[float] = None


def comparisons(google_python=None):
    """All comparisons: dict name -> Comparison.

    Args:
      google_python: interpreter of the plain graph, with TensorFlow 2.15.1; None: this one.
    """
    made = []
    for name, steps in (("base128", 1), ("base512", 1), ("small128", 2), ("tiny", 5)):
        made.append(_pretraining(SHAPES[name], steps, google_python or sys.executable))
    base, small = SHAPES["base128"], SHAPES["small128"]
    made.append(_vocabularies(base))
    made.append(_own("lert_base128", base, 1, objective="lert"))
    made.append(_own("electra_small128", small, 2, objective="electra", config=_ELECTRA_SMALL))
    made.append(
        Comparison(
            "finetuning_base128",
            base,
            [
                *(_quanci(name, base, objective="classification") for name in _KERNELS),
                *(_hugging_face(n, base, "classification") for n in (HF, HF_BF16)),
            ],
            HF,
            1,
        )
    )
    made += [_inference("inference_base128", base), _mixed("inference_mixed", base)]
    made += [_mixed("inference_tiny", SHAPES["tiny"])]
    return {one.name: one for one in made}


def mixed_lengths():
    """Pieces of MIXED_TEXTS texts: 10 to 128, MIXED_MEAN in the mean, most of them short."""
    rng = np.random.RandomState(3)
    drawn = 10 + rng.exponential(MIXED_MEAN - 10, size=8 * MIXED_TEXTS).astype(int)
    return [int(n) for n in drawn if n <= 128][:MIXED_TEXTS]


def pretraining_subjects(shape):
    """This project's programs and Hugging Face's for a step of pre-training: list of Subject."""
    return [
        *(_quanci(name, shape) for name in _KERNELS),
        *(_hugging_face(name, shape, "pretraining") for name in (HF, HF_BF16)),
    ]


def _pretraining(shape, steps, google_python):
    google = Subject(GOOGLE, google_python, {"subject": "google_graph", "shape": shape})
    subjects = [google, *pretraining_subjects(shape)]
    name = "training_" + shape.name
    return Comparison(name, shape, subjects, GOOGLE, steps, shape.step_flops())


def _own(name, shape, steps, **settings):
    subjects = [_quanci(kind, shape, **settings) for kind in _KERNELS]
    return Comparison("training_" + name, shape, subjects, PLAIN, steps)


def _vocabularies(shape):
    """The same network with the rows of Google's vocabulary and with those of CLUE's."""
    subjects = [
        _quanci(PLAIN, shape, config={"vocab_size": rows})._replace(name="{:,} rows".format(rows))
        for rows in (VOCAB, CLUE_ROWS)
    ]
    name = "training_vocabulary_" + shape.name
    return Comparison(name, shape, subjects, subjects[0].name, 1)


def _inference(name, shape, **texts):
    subjects = [_predictor(kind, shape, **texts) for kind in (PLAIN, FUSED, BF16)]
    subjects += [_hugging_face(kind, shape, "inference", **texts) for kind in (HF, HF_BF16)]
    return Comparison(name, shape, subjects, HF_BF16, 1)


def _mixed(name, shape):
    longest = min(shape.seq, 128)
    lengths = [min(length, longest) for length in mixed_lengths()]
    made = _inference(name, shape, lengths=lengths, batch=MIXED_BATCH)
    texts = {"lengths": lengths, "batch": MIXED_BATCH, "is_sorted": True}
    made.subjects.append(_hugging_face(HF_SORTED, shape, "inference", **texts))
    return made


def _quanci(name, shape, **settings):
    settings = dict(settings, subject="quanci_training", shape=shape, run=_KERNELS[name])
    return Subject(name, sys.executable, settings)


def _predictor(name, shape, **settings):
    settings = dict(settings, subject="quanci_inference", shape=shape, **_KERNELS[name])
    return Subject(name, sys.executable, settings)


def _hugging_face(name, shape, work, **settings):
    precision = "fp32" if name == HF else "bf16"
    settings = dict(settings, subject="hugging_face", shape=shape, work=work, precision=precision)
    return Subject(name, sys.executable, settings, {"USE_TF": "0"})


def python_of(release):
    """Interpreter of the environment that scripts/test.sh makes for a TensorFlow, or None."""
    path = os.path.join(ROOT, ".venv-tf" + release, "bin", "python")
    return path if os.path.exists(path) else None
