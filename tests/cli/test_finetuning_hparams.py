"""Hyperparameters of ELECTRA's fine-tuning: where its vocabulary is looked for."""

import pytest

from cli import finetuning_hparams
from common.errors import UserError

# Attributes of FinetuningConfig that are settings.
ORIGINAL_KEYS = """debug log_examples num_trials do_train do_eval do_test keep_all_models model_size
task_names model_hparam_overrides embedding_size vocab_size do_lower_case learning_rate
weight_decay_rate layerwise_lr_decay num_train_epochs warmup_proportion
save_checkpoints_steps iterations_per_loop use_tfrecords_if_existing write_test_outputs
n_writes_test max_seq_length train_batch_size eval_batch_size predict_batch_size
double_unordered max_query_length doc_stride n_best_size max_answer_length
answerable_classifier answerable_uses_start_logits answerable_weight joint_prediction
beam_size qa_na_threshold use_tpu num_tpu_cores tpu_job_name tpu_name tpu_zone gcp_project
data_dir raw_data_dir vocab_file init_checkpoint model_dir results_txt results_pkl
qa_eval_file qa_preds_file qa_na_file preprocessed_data_dir test_predictions
write_distill_outputs model_name"""


def test_vocabulary_of_the_model_or_of_the_directory(tmp_path):
    """As in the original, the model's own comes first; each choice is a line for the log."""
    model = tmp_path / "models" / "small"
    model.mkdir(parents=True)
    own, shared = model / "vocab.txt", tmp_path / "vocab.txt"
    with pytest.raises(UserError) as error:
        finetuning_hparams.find_vocabulary(str(tmp_path), str(model))
    assert str(error.value) == (
        "neither {} nor {} exists; put the model's vocabulary there, or give --vocab_file".format(
            own, shared
        )
    )
    found = []
    for path in (shared, own):
        path.write_text("[PAD]\n", encoding="utf-8")
        found.append(finetuning_hparams.find_vocabulary(str(tmp_path), str(model)))
    assert found == [
        (str(shared), ["the vocabulary is {}".format(shared)]),
        (str(own), ["the vocabulary is {}; {} is not used".format(own, shared)]),
    ]


def test_every_key_of_the_original_is_known():
    """configure_finetuning.py of google-research/electra and of ymcui/Chinese-ELECTRA."""
    table = finetuning_hparams.TABLE
    assert [k for k in ORIGINAL_KEYS.split() if not any(k in known for known in table)] == []
