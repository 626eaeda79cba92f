"""PyTorch and TensorFlow in one process, in any order."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

pytestmark = pytest.mark.tf2_15
USE_BOTH = """
import tensorflow.compat.v1 as tf
from common import pytorch
pytorch.keep_triton_out()
import torch
from transformers import BertConfig, BertModel
sizes = dict(num_hidden_layers=1, hidden_size=8, num_attention_heads=2, intermediate_size=8)
model = BertModel(BertConfig(vocab_size=9, **sizes)).eval()
assert model(torch.ones(1, 3, dtype=torch.long)).last_hidden_state.shape == (1, 3, 8)
with tf.Graph().as_default(), tf.Session() as session:
    assert session.run(tf.reduce_sum(tf.ones([3, 4]))) == 12
print("done")
"""


@pytest.mark.parametrize(
    "first",
    [
        "import tensorflow",
        "import torch, tensorflow",
        "import transformers.models.bert.modeling_bert, tensorflow",
        "import tensorflow; from modeling.conversion import parity; import torch",
    ],
)
def test_no_order_of_imports_ends_the_process(first):
    done = subprocess.run(
        [sys.executable, "-c", first + USE_BOTH],
        cwd=ROOT,
        env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES=""),
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_triton_is_left_alone_without_tensorflow():
    code = "import sys; from common import pytorch; pytorch.keep_triton_out()"
    code += "; sys.exit('triton' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60)
    assert done.returncode == 0
