"""The losses of a distillation against torch, teacher and student from Hugging Face directories."""

import re

import numpy as np
import pytest
from pretraining_runs import flags_of, run_many
from record_files import SEQ, TINY_CONFIG, learnable_records, write_json, write_records
from script_driver import out_of

from modeling.config import BertConfig
from modeling.distillation.options import PretrainingDistillationOptions
from modeling.objectives import get_objective
from training.distillation import distillation
from training.distillation.distillation import TeacherRequest
from training.run_config import RunConfig

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

ROWS, TEMPERATURE = 8, 2.0
TEACHER = dict(TINY_CONFIG, num_hidden_layers=2, num_attention_heads=4)


def make_model(path, seed, values):
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        initializer_range=0.3, layer_norm_eps=1e-12, attn_implementation="eager", **values
    )
    transformers.BertForMaskedLM(config).save_pretrained(str(path))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("taught")
    write_records(path / "train.tfrecord", learnable_records(ROWS))
    write_json(path / "config.json", TINY_CONFIG)
    make_model(path / "student", 0, TINY_CONFIG)
    make_model(path / "teacher", 1, TEACHER)
    return path


class Seen:
    """What a model of transformers computes: logits, hidden states, and the last layer's queries,
    keys and values as [batch, seq, width]."""

    def __init__(self, path, rows):
        model = transformers.BertForMaskedLM.from_pretrained(str(path)).eval()
        states, self.attended = model.bert.encoder.layer[-1].attention.self, {}
        for name in ("query", "key", "value"):
            getattr(states, name).register_forward_hook(self.keeper(name))
        with torch.no_grad():
            out = model(
                input_ids=rows["input_ids"],
                attention_mask=rows["input_mask"],
                token_type_ids=rows["segment_ids"],
                output_hidden_states=True,
            )
        self.logits, self.hidden = out.logits, out.hidden_states

    def keeper(self, name):
        def keep(module, arguments, result):
            self.attended[name] = result

        return keep

    def log_relations(self, one, other, mask, heads):
        x, y = (
            self.attended[name].unflatten(-1, (heads, -1)).transpose(1, 2) for name in (one, other)
        )
        scores = x @ y.transpose(2, 3) / x.shape[-1] ** 0.5
        return torch.log_softmax(scores.masked_fill(mask[:, None, None, :] == 0, -1e4), -1)


def wanted_losses(folder):
    """dict name -> loss of the first step, by torch."""
    records = learnable_records(ROWS)
    rows = {n: torch.tensor(np.stack([r[n] for r in records])) for n in records[0]}
    student, teacher = (Seen(folder / name, rows) for name in ("student", "teacher"))
    mask, weights = rows["input_mask"], rows["masked_lm_weights"]
    at = rows["masked_lm_positions"].unsqueeze(-1).expand(-1, -1, TINY_CONFIG["vocab_size"])
    logs = [torch.log_softmax(s.logits.gather(1, at) / TEMPERATURE, -1) for s in (student, teacher)]
    kl = torch.nn.functional.kl_div(*logs, reduction="none", log_target=True).sum(-1)
    errors = [((student.hidden[a] - teacher.hidden[b]) ** 2).mean(-1) for a, b in ((0, 0), (1, 2))]
    relations = 0.0
    for pair in (("query", "key"), ("value", "value")):
        logs = [
            s.log_relations(*pair, mask, TEACHER["num_attention_heads"]) for s in (student, teacher)
        ]
        each = torch.nn.functional.kl_div(*logs, reduction="none", log_target=True).sum(-1).mean(1)
        relations += float((each * mask).sum() / mask.sum())
    return {
        "soft_label_loss": TEMPERATURE**2 * float((kl * weights).sum() / weights.sum()),
        "hidden_loss": float((sum(errors) * mask).sum() / mask.sum()),
        "attention_loss": relations,
    }


def test_the_first_step(folder):
    flags = flags_of(
        folder,
        objective="roberta",
        init_checkpoint=folder / "student",
        teacher_checkpoint=folder / "teacher",
        kernels="plain",
        train_batch_size=ROWS,
        shuffle_buffer_size=0,
        num_train_steps=1,
        num_warmup_steps=0,
        hidden_weight=1.0,
        hidden_loss="mse",
        hidden_layers="0:0,1:2",
        attention_weight=1.0,
    )
    said = out_of({"taught": run_many([flags])[0]}, "taught")
    line = next(line for line in said.splitlines() if "step 1/1" in line)
    for name, wanted in wanted_losses(folder).items():
        shown = float(re.search(name + r" ([\d.]+)", line).group(1))
        assert shown == pytest.approx(wanted, abs=6e-5) and wanted > 0.05, name


@pytest.mark.parametrize("dry_run", [True, False])
def test_for_a_tpu_the_teacher_is_converted_in_output_dir_but_in_a_dry_run(
    folder, tmp_path, dry_run
):
    teacher, options = folder / "teacher", PretrainingDistillationOptions()
    config_file = str(teacher / "config.json")
    request = TeacherRequest(str(teacher), config_file, "auto", options, "fp32")
    run = RunConfig(str(tmp_path / "out"), "roberta", [], [], max_seq_length=SEQ, use_tpu=True)
    objective, student = get_objective("roberta"), BertConfig(TINY_CONFIG)
    distillation.settle(request, objective, student, run, dry_run=dry_run)
    assert (tmp_path / "out").exists() != dry_run
