"""The precision of LTP's neural networks.

In bfloat16 the encoder computes with bfloat16 weights; its result is float32 again, and so are the
heads that words and tags are read from. Words near a decision come out otherwise than in float32;
`benchmarks/annotation.py --ltp_model` tells how many.
"""

import os
import time
import typing

from common import pytorch
from common.errors import UserError

FP32, BF16 = "fp32", "bf16"
# What the user may ask for; `auto` becomes one of the others before any work starts, so that all
# workers agree and the manifest says which.
AUTO = "auto"
CHOICES = (FP32, BF16, AUTO)
# Least gain of a product for which `auto` gives up float32.
LEAST_GAIN = 1.3
# Pieces of a batch, width and inner width of LTP/small.
_PRODUCT = (768, 256, 1024)


class Choice(typing.NamedTuple):
    """A precision and the reason for it.

    Attributes:
      precision: FP32 or BF16.
      reason: a sentence for the log, or None.
      is_warning: whether it is a bad choice.
    """

    precision: str
    reason: typing.Optional[str] = None
    is_warning: bool = False


def choose(wanted):
    """The precision for one of CHOICES: Choice.

    choose("auto").precision  # "bf16" where the processor multiplies bfloat16 faster

    `auto` and BF16 measure one product of each precision on this machine.

    Raises:
      UserError: PyTorch is not installed.
    """
    if wanted == FP32:
        return Choice(FP32)
    gain = product_gain()
    text = "LTP computes in {}: a product in bf16 is {:.1f} times as fast as in fp32 here"
    if wanted == AUTO:
        precision = BF16 if gain >= LEAST_GAIN else FP32
        return Choice(precision, text.format(precision, gain))
    return Choice(BF16, text.format(BF16, gain), is_warning=gain < 1.0)


def product_gain():
    """How many times as fast PyTorch multiplies matrices in bfloat16 as in float32 on this machine,
    by CPU seconds of one thread."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as where LTP is loaded
    pytorch.keep_triton_out()
    try:
        import torch
    except ImportError:
        raise UserError("--ltp_precision needs the package torch: pip install ltp") from None

    rows, width, wide = _PRODUCT
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        left, right = torch.ones(rows, width, dtype=dtype), torch.ones(wide, width, dtype=dtype)
        with torch.inference_mode():
            seconds[dtype] = min(_seconds(left, right) for _ in range(10))
    return seconds[torch.float32] / seconds[torch.bfloat16]


def _seconds(left, right):
    import torch

    began = time.process_time()
    torch.nn.functional.linear(left, right)
    return time.process_time() - began


def set_precision(ltp, precision, model):
    """Casts the encoder of a loaded LTP.

    Args:
      ltp: ltp.LTP.
      precision: FP32 or BF16.
      model: its name, for messages.

    Raises:
      UserError: it is a legacy model, which has no encoder.
    """
    if precision == FP32:
        return
    import torch

    encoder = getattr(getattr(ltp, "model", None), "backbone", None)
    if encoder is None:
        raise UserError(
            "--ltp_precision={}: LTP model {} is a legacy model, which multiplies no matrices; "
            "remove the flag".format(precision, model)
        )
    encoder.to(torch.bfloat16)
    encoder.register_forward_hook(_as_float)


def _as_float(encoder, inputs, output):
    """The encoder's output with a float32 state: heads are float32, and numpy knows no bfloat16."""
    del encoder, inputs
    output.last_hidden_state = output.last_hidden_state.float()
    return output
