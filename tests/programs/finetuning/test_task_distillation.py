"""run_finetuning.py --teacher_checkpoint: tasks, families, resuming, teachers that do not fit."""

import json
import re
import shutil

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from checkpoint_files import save
from choice_files import write_c3
from finetuning_runs import BAD, GOOD, flags_of, make_examples, make_task
from pretraining_runs import checkpoint_values, results_of
from record_files import write_json
from script_driver import error_of, out_of, run_many

tf.disable_v2_behavior()

SHORT = {"do_eval": None, "do_predict": None, "num_train_steps": 1, "num_train_epochs": None}
# Of a student narrower than its teacher.
LAYERS = {
    "hidden_weight": 1.0,
    "attention_weight": 0.5,
    "relation_heads": 2,
    "distill_temperature": 3.0,
}
NARROW = {"hidden_size": 16, "intermediate_size": 32, "max_position_embeddings": 40}


def write_tagged(folder):
    """Sentences of characters; a good one is a place, a bad one a person."""
    folder.mkdir()
    for seed, (split, count) in enumerate((("train", 48), ("dev", 8))):
        sentences = []
        for _, text in make_examples(count, seed):
            tags = ["B-LOC" if c in GOOD else "B-PER" if c in BAD else "O" for c in text]
            sentences.append("".join("{}\t{}\n".format(*pair) for pair in zip(text, tags)))
        (folder / (split + ".txt")).write_text("\n".join(sentences), encoding="utf-8")


def write_questions(folder):
    folder.mkdir()
    paragraphs = []
    for number, (_, text) in enumerate(make_examples(16, 0)):
        place = next(i for i, c in enumerate(text) if c in GOOD + BAD)
        answers = [{"text": text[place], "answer_start": place}]
        asked = {"id": str(number), "question": "谁", "answers": answers}
        paragraphs.append({"context": text, "qas": [asked]})
    text = json.dumps({"data": [{"title": "", "paragraphs": paragraphs}]})
    (folder / "train.json").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("task_distillation")
    make_task(path)
    write_tagged(path / "ner")
    write_questions(path / "cmrc2018")
    write_c3(path / "c3")
    tokens = (path / "vocab.txt").read_text(encoding="utf-8").split()
    (path / "other.txt").write_text("\n".join(tokens[:-2] + tokens[:-3:-1]) + "\n", "utf-8")
    (path / "both").mkdir()
    (path / "both" / "chnsenticorp").symlink_to(path / "data")
    (path / "both" / "tsv").symlink_to(path / "data")
    (path / "both" / "ner").symlink_to(path / "ner")
    config = json.loads((path / "config.json").read_text())
    config.update(hidden_dropout_prob=0.0, max_position_embeddings=40)
    write_json(path / "teacher.json", config)
    write_json(path / "narrow.json", dict(config, **NARROW))
    write_json(path / "dropped.json", dict(config, hidden_dropout_prob=0.1, **NARROW))
    # ELECTRA's head of tags draws no dropout.
    write_json(path / "electra.json", dict(config, model_type="electra", **NARROW))
    return path


def runs_in(folder):
    """Name -> command line; a name's first word is its folder."""
    runs = {}

    def add(name, teacher="classes", **changes):
        settings = {
            "output_dir": str(folder / name.split()[0]),
            "bert_config_file": str(folder / "narrow.json"),
            "kernels": "plain",
        }
        if teacher:
            settings["teacher_checkpoint"] = str(folder / teacher)
        runs[name] = flags_of(folder, **dict(settings, **dict(SHORT, **changes)))

    def of(task):
        read = {"max_answer_length": 4, "doc_stride": 4} if task == "cmrc2018" else {}
        return {"task_name": task, "data_dir": str(folder / task), "max_seq_length": 20, **read}

    teacher = {"teacher": None, "bert_config_file": str(folder / "teacher.json")}
    add("classes", **teacher, num_train_steps=24)
    add("tags", **teacher, **of("ner"), num_train_steps=24)
    add("answers", **teacher, **of("cmrc2018"))
    add("choices", **teacher, **of("c3"))
    add("pair", **teacher, task_name="chnsenticorp,tsv", data_dir=str(folder / "both"))
    student = dict(
        LAYERS,
        bert_config_file=str(folder / "dropped.json"),
        num_train_steps=6,
        save_checkpoints_steps=3,
        layerwise_lr_decay=0.9,
    )
    add("student", num_trials=2, do_eval=True, do_predict=True, do_lower_case=False, **student)
    add("student other", teacher="tags", num_trials=2, soft_label_weight=0.0, **student)
    add("student alone", teacher=None, num_trials=2, bert_config_file=student["bert_config_file"])
    add("soft", hard_label_weight=0.0)
    add("layers", soft_label_weight=0.0, hard_label_weight=0.0, hidden_weight=1.0)
    electra = dict(of("ner"), bert_config_file=str(folder / "electra.json"), num_train_steps=4)
    electra.update(layerwise_lr_decay=1.0, max_seq_length=32)
    add("electra", teacher="tags", **electra, **LAYERS)
    add("packed", teacher="tags", pack=True, **electra, **LAYERS)
    add("micro", teacher="tags", gradient_accumulation_steps=2, **electra, **LAYERS)
    add("read", teacher="answers", **of("cmrc2018"), **LAYERS)
    add("chosen", teacher="choices", **of("c3"), **LAYERS)
    add("one", teacher="pair", task_name="tsv")
    for name, (changes, _) in FAULTS.items():
        filled = {k: v.format(folder) if isinstance(v, str) else v for k, v in changes.items()}
        add("fault " + name, **filled)
    return runs


FAULTS = {
    "several": (
        {"task_name": "chnsenticorp,ner", "data_dir": "{}/both"},
        "--teacher_checkpoint cannot be combined with chnsenticorp,ner: a teacher is of one task;",
    ),
    "kind": (
        {"teacher": "tags"},
        "{}/tags/task.json says that the checkpoint was fine-tuned for 'tagging', not for class",
    ),
    "labels": (
        {"task_name": "tsv", "labels": "1,0"},
        "the teacher {}/classes/model.ckpt-24 has other labels than the student: number 0 is 0 "
        "there and 1 here; both must have the same in one order (--labels, labels.txt)",
    ),
    "more labels": (
        {"task_name": "tsv", "labels": "0,1,2"},
        "number 2 is none there and 2 here",
    ),
    "tokens": (
        {"vocab_file": "{}/other.txt"},
        "{}/other.txt is not the vocabulary that the model in {}/classes/model.ckpt-24 was fine-",
    ),
    "tokens of layers": (
        {"vocab_file": "{}/other.txt", "soft_label_weight": 0.0, "hidden_weight": 1.0},
        "the teacher has another vocabulary: {}/classes/vocab.txt (SHA-256",
    ),
    "headless": (
        {"teacher": "encoder"},
        "{}/encoder/model.ckpt has no head of task chnsenticorp (it lacks output_weights and 1 "
        "more), and a random one would give rubbish; give a teacher that was fine-tuned for it, or "
        "compare layers alone: --soft_label_weight=0",
    ),
    "joint": (
        {
            "task_name": "cmrc2018",
            "data_dir": "{}/cmrc2018",
            "max_answer_length": 4,
            "doc_stride": 4,
            "bert_config_file": "{}/electra.json",
            "teacher": "answers",
        },
        "soft labels of cmrc2018 cannot be compared: the teacher predicts ends without their start",
    ),
    "positions": (
        {"max_seq_length": 33, "teacher_config_file": "{}/short.json"},
        "--max_seq_length=33 is more than max_position_embeddings 32 of the teacher",
    ),
    "layers": (
        {"hidden_weight": 1.0, "hidden_layers": "2:1"},
        "--hidden_layers asks for 2:1, but the student has layers 0 to 1 (",
    ),
    "idle": (
        {"teacher": None, "hidden_weight": 1.0},
        "--hidden_weight is for a training with a teacher; give --teacher_checkpoint",
    ),
    "evaluated": (
        {"do_train": None, "do_eval": True},
        "--teacher_checkpoint is read in training alone; give --do_train, too",
    ),
}


@pytest.fixture(scope="module")
def done(folder):
    """name -> [exit code, standard output, standard error]; a second process goes on in copies."""
    runs = runs_in(folder)
    config = json.loads((folder / "teacher.json").read_text())
    write_json(folder / "short.json", dict(config, max_position_embeddings=32))
    (folder / "encoder").mkdir()
    write_json(folder / "encoder" / "bert_config.json", config)
    shapes = encoder_shapes(folder / "teacher.json")
    save(folder / "encoder" / "model.ckpt", shapes)
    results = dict(zip(runs, run_many("run_finetuning", list(runs.values()))))
    trained, resumed = folder / "student" / "trial_1", folder / "resumed"
    shutil.copytree(str(trained), str(resumed))
    for path in resumed.glob("model.ckpt-6*"):
        path.unlink()
    shutil.rmtree(str(resumed / "best"))
    (resumed / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-3"\n')
    again = [flag for flag in runs["student"] if not re.match("--(num_trials|output_dir)=", flag)]
    again += ["--output_dir={}".format(resumed), "--seed=12346"]
    results["resumed"], *_ = run_many("run_finetuning", [again])
    return results


def encoder_shapes(config_file):
    from modeling.config import BertConfig
    from modeling.objectives.classification import Classification
    from training.model_fn import model_parameters

    config = BertConfig.from_json_file(str(config_file))
    shapes = model_parameters(config, Classification("x", 2), 12).shapes()
    return {name: shape for name, shape in shapes.items() if name.startswith("bert/")}


def weights_of(folder, step):
    values = checkpoint_values(folder / "model.ckpt-{}".format(step))
    return {n: v for n, v in values.items() if not n.endswith(("adam_m", "adam_v"))}


@pytest.mark.tf1
def test_trials_share_a_teacher(folder, done):
    said = out_of(done, "student")
    line = "TEACHER: {}/classes/model.ckpt-24, 1 layers, hidden 32, frozen".format(folder)
    assert (
        said.count(line) == 2 and "soft_label_loss" in said and "x 0.5  classification_loss" in said
    )
    assert (
        "was fine-tuned with --do_lower_case=true, and reads the student's texts, with fa" in said
    )
    for trial in ("trial_0", "trial_1"):
        values = weights_of(folder / "student" / trial, 6)
        own = [name for name in values if not name.startswith(("bert/", "output_"))]
        assert sorted(own) == [
            "distillation/hidden_1_to_1/bias",
            "distillation/hidden_1_to_1/kernel",
            "global_step",
        ]
        assert np.any(values["distillation/hidden_1_to_1/bias"])
        # Evaluated and predicted with the student alone.
        names = [name for name, _ in results_of(folder / "student" / trial)]
        assert "eval_accuracy" in names and not [n for n in names if "hidden" in n]
        assert (folder / "student" / trial / "test_labels.txt").exists()


@pytest.mark.tf1
def test_a_resumed_training_is_the_same(folder, done):
    assert "RESUME: continuing from" in out_of(done, "resumed")
    first, second = weights_of(folder / "student" / "trial_1", 6), weights_of(folder / "resumed", 6)
    assert set(first) == set(second)
    for name, value in first.items():
        np.testing.assert_array_equal(second[name], value, err_msg=name)


@pytest.mark.tf1
def test_another_teacher_is_another_experiment(folder, done):
    said = error_of(done, "student other")
    assert "--teacher_checkpoint was {}/classes/model.ckpt-24 (".format(folder) in said
    assert "--soft_label_weight was 1.0 and is 0.0" in said
    said = error_of(done, "student alone")
    assert "--teacher_checkpoint was {}/classes".format(folder) in said and "not given" in said


@pytest.mark.tf1
def test_tags_of_another_family(folder, done):
    """A student of ELECTRA's, with a text or several a row, in one batch or two micro-batches."""
    said = out_of(done, "electra")
    assert "tagging_loss" in said and "soft_label_loss" in said
    first = weights_of(folder / "electra", 4)
    assert "task_specific/ner/dense/kernel" in first
    for name in ("packed", "micro"):
        out_of(done, name)
        second = weights_of(folder / name, 4)
        assert set(first) == set(second)
        for variable, value in first.items():
            np.testing.assert_allclose(second[variable], value, atol=1e-4, err_msg=variable)


@pytest.mark.tf1
def test_answers_and_choices(done):
    said = out_of(done, "read")
    assert "start_soft_label_loss" in said and "end_soft_label_loss" in said
    said = out_of(done, "chosen")
    assert "choice_loss" in said and " soft_label_loss" in said


@pytest.mark.tf1
def test_of_several_tasks_a_teacher_has_the_students_head(folder, done):
    out_of(done, "pair")
    heads = {name for name in weights_of(folder / "pair", 1) if name.startswith("task_specific/")}
    assert len(heads) == 4
    assert "soft_label_loss" in out_of(done, "one")
    assert "output_weights" in weights_of(folder / "one", 1)


@pytest.mark.tf1
def test_losses_alone(folder, done):
    said = out_of(done, "soft")
    assert "soft_label_loss" in said and "classification_loss" not in said
    said = out_of(done, "layers")
    assert "hidden_loss" in said and "soft_label_loss" not in said


@pytest.mark.tf1
@pytest.mark.parametrize("name", FAULTS)
def test_what_does_not_fit_is_said_in_a_line(folder, done, name):
    said = error_of(done, "fault " + name)
    assert FAULTS[name][1].format(*[folder] * 2) in said
    assert not (folder / "fault").exists()


def test_a_teacher_of_hugging_faces(folder, done):
    """Whose labels have names, or not."""
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = json.loads((folder / "teacher.json").read_text())
    names = {"named": {"0": "1", "1": "0"}, "unnamed": {"0": "LABEL_0", "1": "LABEL_1"}}
    model = transformers.BertForSequenceClassification(transformers.BertConfig(**config))
    commands = []
    for name, labels in names.items():
        model.config.id2label = labels
        model.save_pretrained(str(folder / name))
        commands.append(
            flags_of(
                folder,
                bert_config_file=str(folder / "narrow.json"),
                output_dir=str(folder / ("from_" + name)),
                teacher_checkpoint=str(folder / name),
                kernels="plain",
                **SHORT,
            )
        )
    results = dict(zip(names, run_many("run_finetuning", commands)))
    assert "number 0 is 1 there and 0 here" in error_of(results, "named")
    said = out_of(results, "unnamed")
    assert "/unnamed does not name its labels; those of the student are taken, in this ord" in said
    assert "TEACHER: {}/unnamed, 1 layers, hidden 32".format(folder) in said
    assert "soft_label_loss" in said


def test_a_student_is_converted_without_its_projections(folder, done):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    out_of(done, "student")
    flags = ["--tf_checkpoint_path={}".format(folder / "student" / "trial_0" / "best")]
    flags += ["--pytorch_dump_path={}".format(folder / "hf")]
    ((code, out, err),) = run_many("convert_checkpoint", [flags])
    assert (code, err) == (0, ""), err
    assert "distillation/hidden_1_to_1" in out
    assert json.loads((folder / "hf" / "config.json").read_text())["hidden_size"] == 16
