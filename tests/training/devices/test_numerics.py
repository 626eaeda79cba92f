"""What --kernels and --precision become on machines of several kinds."""

import pytest
import tensorflow.compat.v1 as tf
from kernel_kinds import HAS_COMPILER, needs_compiler

from common.errors import UserError
from training.devices import numerics, products
from training.devices.numerics import FEW_FLOPS, Numerics, choose

tf.disable_v2_behavior()

MANY = 10 * FEW_FLOPS


@pytest.fixture
def machine(monkeypatch):
    """Function that pretends how much faster bfloat16 is, and what the GPUs are capable of."""

    def pretend(gain=1.0, capabilities=(), compiler=None):
        monkeypatch.setattr(products, "bf16_gain", lambda: gain)
        monkeypatch.setattr(numerics, "_gpus", lambda: list(capabilities))
        monkeypatch.setattr(numerics, "_multiplies_bf16", lambda gpu: gpu >= (8, 0))
        monkeypatch.setattr(numerics, "_fault_of_compiler", lambda: compiler)

    pretend()
    return pretend


@pytest.mark.tf2_15
@needs_compiler
@pytest.mark.parametrize(
    ("place", "gain", "kernels", "precision", "flops", "expected"),
    [
        # Small jobs, predictions and evaluations compile nothing for float32.
        ("CPU", 6.0, "auto", "fp32", FEW_FLOPS / 2, Numerics("plain", "fp32")),
        ("CPU", 6.0, "auto", "fp32", 0.0, Numerics("plain", "fp32")),
        ("CPU", 6.0, "auto", "fp32", MANY, Numerics("fused", "fp32")),
        ("CPU", 6.0, "auto", "bf16", 0.0, Numerics("fused", "bf16")),
        ("CPU", 6.0, "plain", "bf16", MANY, Numerics("plain", "bf16")),
        ("CPU", 6.0, "fused", "fp32", 0.0, Numerics("fused", "fp32")),
        ("CPU", 6.0, "auto", "auto", MANY, Numerics("fused", "bf16")),
        ("CPU", 1.2, "auto", "auto", MANY, Numerics("fused", "fp32")),
        ("CPU", 0.4, "plain", "auto", MANY, Numerics("plain", "fp32")),
        ("TPU", 0.0, "auto", "auto", MANY, Numerics("plain", "bf16")),
        ("TPU", 0.0, "auto", "fp32", MANY, Numerics("plain", "fp32")),
        ("TPU", 0.0, "auto", "bf16", MANY, Numerics("plain", "bf16")),
        ("GPU", 0.0, "auto", "fp32", MANY, Numerics("plain", "fp32")),
        ("GPU", 0.0, "auto", "bf16", MANY, Numerics("fused", "bf16")),
        ("GPU", 0.0, "fused", "fp32", MANY, Numerics("fused", "fp32")),
        ("GPU", 0.0, "auto", "auto", MANY, Numerics("fused", "bf16")),
    ],
)
def test_what_is_left_open(machine, place, gain, kernels, precision, flops, expected):
    machine(gain, capabilities=[(8, 0), (9, 0)])
    assert choose(kernels, precision, place, flops) == expected


@needs_compiler
def test_one_old_gpu_keeps_float32(machine):
    machine(capabilities=[(7, 5), (9, 0)])
    assert choose("auto", "auto", "GPU", MANY) == Numerics("plain", "fp32")


@needs_compiler
def test_a_resumed_run_keeps_what_it_had(machine):
    machine(6.0)
    for before in (Numerics("plain", "bf16"), Numerics("fused", "fp32"), Numerics()):
        assert choose("auto", "auto", "CPU", MANY, before) == before
    assert choose("auto", "bf16", "CPU", 0.0, Numerics()) == Numerics("plain", "bf16")
    assert choose("fused", "fp32", "CPU", 0.0, Numerics()) == Numerics("fused", "fp32")
    machine(6.0, compiler="needs XLA")  # the run has moved to a machine without
    assert choose("auto", "auto", "CPU", MANY, Numerics("fused", "fp32")) == Numerics()


@needs_compiler
def test_what_cannot_be_had_is_refused(machine):
    machine(compiler="needs XLA, which does not run here (x)")
    message = r"--kernels=fused needs XLA, which does not run here \(x\); remove it"
    with pytest.raises(UserError, match=message):
        choose("fused", "fp32", "CPU")
    message = "--kernels=fused is for CPUs and GPUs, as a TPU's compiler sees the whole step anyway"
    with pytest.raises(UserError, match=message):
        choose("fused", "bf16", "TPU")
    assert choose("auto", "bf16", "CPU", MANY) == Numerics("plain", "bf16")


@pytest.mark.tf1
@pytest.mark.skipif(HAS_COMPILER, reason="of TensorFlow 1")
def test_tensorflow_1_is_plain_and_float32(capsys):
    assert choose("auto", "auto", "CPU", MANY) == Numerics("plain", "fp32")
    assert choose("auto", "bf16", "TPU", MANY) == Numerics("plain", "bf16")
    version = tf.__version__
    message = "--kernels=fused needs TensorFlow 2 in place of {}; remove it".format(version)
    with pytest.raises(UserError, match=message):
        choose("fused", "fp32", "CPU")
    message = "--precision=bf16 needs a TPU, or TensorFlow 2 in place of {}".format(version)
    with pytest.raises(UserError, match=message):
        choose("auto", "bf16", "CPU")


@needs_compiler
def test_what_is_said(machine, capsys):
    machine(0.4)
    choose("auto", "fp32", "CPU")
    assert capsys.readouterr().out == ""
    choose("fused", "fp32", "CPU")
    assert capsys.readouterr().out.endswith("kernels: fused\n")
    choose("auto", "bf16", "CPU")
    told = capsys.readouterr().out
    assert "kernels: fused, products in bfloat16\n" in told
    assert (
        "WARNING: --precision=bf16 is slow on this CPU: a product takes 2.5 times as long as in "
        "float32; --precision=auto chooses by that\n" in told
    )
    choose("plain", "bf16", "TPU")
    assert capsys.readouterr().out.endswith("kernels: plain, products in bfloat16\n")


@pytest.mark.tf2_15
@needs_compiler
def test_the_compiler_does_not_greet(capfd):
    numerics._fault_of_compiler.cache_clear()
    assert numerics._fault_of_compiler() is None
    assert capfd.readouterr().err == ""


@pytest.mark.tf2_15
@needs_compiler
def test_products_are_measured_once():
    gain = products.bf16_gain()
    assert 0.01 < gain < 100 and products.bf16_gain() == gain


@pytest.mark.tf1
def test_places():
    assert numerics.place_of(use_tpu=True) == "TPU"
    assert numerics.place_of(use_tpu=False) in ("CPU", "GPU")
