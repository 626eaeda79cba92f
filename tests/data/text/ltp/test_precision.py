"""LTP in bfloat16: nearly the same words and tags, and a choice that follows what was measured."""

import sys

import numpy as np
import pytest
from ltp_models import RAW_SENTENCES, raw_text

pytest.importorskip("ltp")

from common.errors import UserError
from data import annotation
from data.jobs import runner
from data.jobs.executors import LocalProcesses
from data.text.ltp import precision
from data.text.ltp.annotator import LtpAnnotator
from data.text.ltp.loading import load_ltp
from data.text.sentences import split_sentences

TEXT = "\n".join(RAW_SENTENCES)


def annotated(model, chosen):
    annotator = LtpAnnotator(model, tagged=True, precision=chosen)
    return annotator.annotate(TEXT, *split_sentences(TEXT), lambda share: None)


def test_words_and_tags_are_nearly_those_of_float32(models):
    """The tiny model knows these sentences by heart, so that few are near a decision."""
    plain, fast = (annotated(models["neural"], p) for p in (precision.FP32, precision.BF16))
    pairs = [
        (mine, its)
        for a, b in zip(plain, fast)
        if a.words == b.words
        for mine, its in zip(zip(a.words, a.pos, a.ner, a.deps), zip(b.words, b.pos, b.ner, b.deps))
    ]
    assert len(pairs) > 0.97 * sum(len(a.words) for a in plain)
    assert np.mean([mine == its for mine, its in pairs]) > 0.97


def test_only_the_encoder_is_cast(models):
    import torch

    fast = load_ltp(models["neural"], precision.BF16).model
    assert {p.dtype for p in fast.backbone.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in fast.task_heads.parameters()} == {torch.float32}
    plain = load_ltp(models["neural"]).model
    assert {p.dtype for p in plain.parameters()} == {torch.float32}


def test_a_legacy_model_has_none(models):
    message = "is a legacy model, which multiplies no matrices; remove the flag"
    with pytest.raises(UserError, match=message):
        LtpAnnotator(models["legacy"], precision=precision.BF16)


def test_annotations_say_their_precision(tmp_path, models):
    source = tmp_path / "in.txt"
    source.write_text(raw_text(1), encoding="utf-8")
    settings = annotation.AnnotationSettings(models["neural"], ltp_precision=precision.BF16)
    work, names = annotation.AnnotationWork(settings), [str(tmp_path / "a.conllu")]
    result = runner.create(work, [str(source)], names, LocalProcesses(1), lambda line: None)
    assert result["flags"]["ltp_precision"] == precision.BF16
    assert result["words"] > 0


@pytest.mark.parametrize(
    ("wanted", "gain", "chosen", "is_warning"),
    [
        ("fp32", None, "fp32", False),  # nothing is measured
        ("auto", 3.0, "bf16", False),
        ("auto", 1.1, "fp32", False),
        ("bf16", 3.0, "bf16", False),
        ("bf16", 0.4, "bf16", True),
    ],
)
def test_choice(monkeypatch, wanted, gain, chosen, is_warning):
    monkeypatch.setattr(precision, "product_gain", lambda: gain or pytest.fail("measured"))
    choice = precision.choose(wanted)
    assert (choice.precision, choice.is_warning) == (chosen, is_warning)
    if gain:
        assert choice.reason == (
            "LTP computes in {}: a product in bf16 is {:.1f} times as fast as in fp32 here".format(
                chosen, gain
            )
        )


def test_the_gain_is_measured():
    assert 0.01 < precision.product_gain() < 100


def test_without_pytorch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UserError, match="--ltp_precision needs the package torch"):
        precision.choose("auto")


def test_settings_take_no_choice_that_is_not_made():
    with pytest.raises(UserError, match="--ltp_precision must be fp32 or bf16, found 'auto'"):
        annotation.AnnotationSettings("LTP/small", ltp_precision="auto").check()
