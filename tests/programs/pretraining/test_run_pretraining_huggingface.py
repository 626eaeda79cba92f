"""run_pretraining.py from a Hugging Face directory, against Hugging Face's own losses."""

import os

import numpy as np
import pytest
from pretraining_runs import flags_of, results_of, run_many
from record_files import TINY_CONFIG, learnable_records, write_json, write_records

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("hf")
    write_records(path / "train.tfrecord", learnable_records(24))
    write_json(path / "config.json", TINY_CONFIG)
    write_json(path / "big_words.json", dict(TINY_CONFIG, vocab_size=41))
    torch.manual_seed(0)
    config = transformers.BertConfig(
        initializer_range=0.3, layer_norm_eps=1e-12, attn_implementation="eager", **TINY_CONFIG
    )
    model = transformers.BertForPreTraining(config).eval()
    model.save_pretrained(str(path / "model"))
    (path / "empty").mkdir()
    (path / "empty" / "config.json").write_text("{}")
    return path


def hugging_face_losses(folder, records):
    """(masked-LM loss, next-sentence loss) of all records together."""
    model = transformers.BertForPreTraining.from_pretrained(str(folder / "model")).eval()
    rows = {name: np.stack([r[name] for r in records]) for name in records[0]}
    rows = {name: torch.tensor(values) for name, values in rows.items()}
    with torch.no_grad():
        out = model(
            input_ids=rows["input_ids"],
            attention_mask=rows["input_mask"],
            token_type_ids=rows["segment_ids"],
        )
    scores = torch.log_softmax(out.prediction_logits, -1)
    at = rows["masked_lm_positions"].unsqueeze(-1).expand(-1, -1, scores.shape[-1])
    nll = -scores.gather(1, at).gather(2, rows["masked_lm_ids"].unsqueeze(-1)).squeeze(-1)
    weights = rows["masked_lm_weights"]
    pair = torch.nn.functional.cross_entropy(
        out.seq_relationship_logits, rows["next_sentence_labels"].squeeze(-1)
    )
    return float((nll * weights).sum() / weights.sum()), float(pair)


def test_from_a_hugging_face_directory(folder):
    start = {"init_checkpoint": str(folder / "model"), "do_eval": True}
    done = run_many(
        [
            flags_of(folder, output_dir=str(folder / "plan"), dry_run=True, **start),
            flags_of(folder, output_dir=str(folder / "eval"), do_train=False, **start),
            flags_of(folder, output_dir=str(folder / "train"), num_train_steps=2, **start),
            flags_of(folder, **dict(start, bert_config_file=str(folder / "big_words.json"))),
            flags_of(folder, **dict(start, init_checkpoint=str(folder / "empty"))),
        ]
    )
    assert [code for code, _, _ in done] == [0, 0, 0, 1, 1], done
    assert "variables loaded, 0 new, 0 unused" in done[1][1]
    results = dict(results_of(folder / "eval"))
    masked, pair = hugging_face_losses(folder, learnable_records(24))
    np.testing.assert_allclose(results["masked_lm_loss"], masked, rtol=1e-5)
    np.testing.assert_allclose(results["next_sentence_loss"], pair, rtol=1e-5)
    assert dict(results_of(folder / "train"))["global_step"] == 2
    assert "checkpoint {} has 40 word vectors".format(folder / "model") in done[3][2]
    assert "vocab_size 41" in done[3][2]
    assert done[4][2].count("\n") == 1 and str(folder / "empty") in done[4][2]
    assert not (folder / "plan").exists() and not (folder / "out").exists()
    assert not [n for n in os.listdir(str(folder / "train")) if "hugging" in n]
