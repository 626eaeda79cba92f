"""ELECTRA-tiny from text to a checkpoint, as its preset has it: both networks of its own sizes."""

import numpy as np
from creation_runs import CORPUS, VOCAB, make
from pretraining_runs import checkpoint_values, results_of, run_many
from script_driver import out_of

from data.tokenizers.wordpiece import Vocabulary


def write_vocabulary(path, size):
    """The sample's vocabulary with as many rows as Google's."""
    tokens = Vocabulary(VOCAB).tokens
    rows = [*tokens, *("[unused{}]".format(n) for n in range(1000, 1000 + size - len(tokens)))]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_electra_tiny(tmp_path):
    write_vocabulary(tmp_path / "vocab.txt", 21128)
    settings = {"vocab_file": str(tmp_path / "vocab.txt"), "objective": "electra"}
    settings.update(masking="dynamic", masking_unit="wordpiece", dupe_factor=1, short_seq_prob=0.05)
    make(tmp_path, CORPUS[:1], **settings)
    flags = {
        "preset": "electra_tiny",
        "input_file": tmp_path / "records",
        "vocab_file": tmp_path / "vocab.txt",
        "output_dir": tmp_path / "out",
        "train_batch_size": 4,
        "eval_batch_size": 4,
        "max_eval_steps": 2,
        "num_train_steps": 3,
        "num_warmup_steps": 1,
        "do_train": True,
        "do_eval": True,
    }
    (done,) = run_many([["--{}={}".format(*flag) for flag in flags.items()]])
    said = out_of({"tiny": done}, "tiny")
    assert "preset: electra_tiny" in said and "step 3/3" in said
    assert "discriminator: 4 layers, hidden 312, 12 heads" in said
    assert "generator: 4 layers, hidden 78, 1 heads" in said
    results = dict(results_of(tmp_path / "out"))
    assert 0 < results["disc_auc"] <= 1 and results["masked_lm_loss"] < 2 * np.log(21128)
    before, after = (
        checkpoint_values(tmp_path / "out" / "model.ckpt-{}".format(n)) for n in (0, 3)
    )
    for name, shape in (
        ("electra/encoder/layer_3/attention/self/query/kernel", (312, 312)),
        ("electra/embeddings/word_embeddings", (21128, 312)),
        ("generator/encoder/layer_3/attention/self/query/kernel", (78, 78)),
        ("generator/embeddings_project/kernel", (312, 78)),
        ("generator_predictions/dense/kernel", (78, 312)),
        ("discriminator_predictions/dense/kernel", (312, 312)),
    ):
        assert after[name].shape == shape and (before[name] != after[name]).any(), name
