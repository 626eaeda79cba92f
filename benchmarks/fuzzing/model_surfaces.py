"""Model configs, checkpoints, run_config.json, fine-tuned tasks, lines to predict."""

import glob
import os

from data.tokenizers.text_settings import TextSettings
from fuzzing import checkpoint_bytes, record_surfaces
from fuzzing.mutations import LINE_BOMBS, mutate_bytes, mutate_gzip, mutate_json, mutate_text
from fuzzing.surface import Surface, change_file, copy_tree, flags_of, get, get_json, put

PREDICT, FINETUNE, CONVERT = "run_prediction", "run_finetuning", "convert_checkpoint"
TRAIN = record_surfaces.TRAIN
_TEXTS = ["gelu", "gelu_new", "relu", "bert", "absolute", "classification", "adamw"]


def prepare_training(seeds):
    """What records need, and a run of two updates in seeds/out."""
    import tensorflow.compat.v1 as tf

    from fuzzing import worker

    record_surfaces.prepare_training(seeds)
    flags = record_surfaces.training_flags(
        seeds, seeds, dry_run=False, num_train_steps=2, save_checkpoints_steps=1
    )
    code, _, err = worker.run_main(TRAIN, flags)
    assert code == 0, err
    for path in tf.io.gfile.glob(os.path.join(seeds, "out", "model.ckpt-2.*")):
        name = os.path.basename(path).replace("ckpt-2", "ckpt-0")
        put(os.path.join(seeds, name), get(path))
    for path in tf.io.gfile.glob(os.path.join(seeds, "out", "events.*")):
        os.remove(path)
    best = os.path.join(seeds, "best")
    os.mkdir(best)
    for path in glob.glob(os.path.join(seeds, "out", "model.ckpt-2.*")):
        put(os.path.join(best, os.path.basename(path)), get(path))
    put(os.path.join(best, "checkpoint"), b'model_checkpoint_path: "model.ckpt-2"\n')
    put(os.path.join(best, "eval_results.txt"), b"global_step = 2\nloss = 3.5\n")


def prepare_model(seeds):
    """The checkpoints of tests/support/runs/prediction_runs.py."""
    from pathlib import Path

    import prediction_runs

    prediction_runs.write_model(Path(seeds))


def _config(rng, seeds, folder):
    values = get_json(os.path.join(seeds, "config.json"))
    return put(os.path.join(folder, "config.json"), mutate_json(rng, values, _TEXTS))


def _trained_config(rng, seeds, folder):
    return record_surfaces.training_flags(
        seeds, folder, bert_config_file=_config(rng, seeds, folder)
    )


def _hparams(rng, seeds, folder):
    values = {
        "model_size": "small",
        "model_hparam_overrides": {"hidden_size": 32, "num_hidden_layers": 1},
        "embedding_size": 16,
        "vocab_size": 40,
        "mask_prob": 0.15,
        "disallow_correct": True,
        "generator_layers": 1.0,
        "learning_rate": 1e-4,
        "num_train_steps": 4,
        "train_batch_size": 8,
        "max_seq_length": 16,
    }
    path = put(os.path.join(folder, "hparams.json"), mutate_json(rng, values, _TEXTS))
    return record_surfaces.training_flags(seeds, folder, bert_config_file="", hparams=path)


def _run_config(rng, seeds, folder):
    out = copy_tree(os.path.join(seeds, "out"), os.path.join(folder, "out"))
    path = os.path.join(out, "run_config.json")
    put(path, mutate_json(rng, get_json(path), _TEXTS))
    return record_surfaces.training_flags(seeds, folder)


def _resumed(rng, seeds, folder):
    """An output_dir with a damaged state file or checkpoint."""
    out = copy_tree(os.path.join(seeds, "out"), os.path.join(folder, "out"))
    kind = rng.random()
    if kind < 0.5:
        path = os.path.join(out, "checkpoint")
        put(path, mutate_text(rng, get(path)))
    elif kind < 0.6:
        copy_tree(os.path.join(seeds, "best"), os.path.join(out, "best"))
        names = ["eval_results.txt", "checkpoint"]
        change_file(rng, os.path.join(out, "best"), names, mutate_text)
        return record_surfaces.training_flags(
            seeds,
            folder,
            do_eval=True,
            eval_file=os.path.join(seeds, "static", "t.tfrecord"),
            dry_run=False,
            num_train_steps=3,
            max_eval_steps=1,
        )
    else:
        _damage_checkpoint(rng, os.path.join(out, "model.ckpt-2"))
    is_read = rng.random() < 0.2
    return record_surfaces.training_flags(
        seeds, folder, do_train=not is_read, do_eval=is_read, dry_run=not is_read
    )


def _damage_checkpoint(rng, prefix):
    index, data = prefix + ".index", glob.glob(prefix + ".data-*")[0]
    if rng.random() < 0.75:
        put(index, checkpoint_bytes.mutate_index(rng, get(index)))
    else:
        put(data, mutate_bytes(rng, get(data)))


def _predict_flags(seeds, folder, task, **changes):
    values = {
        "task": task,
        "bert_config_file": os.path.join(seeds, "config.json"),
        "vocab_file": os.path.join(seeds, "vocab.txt"),
        "init_checkpoint": os.path.join(seeds, "tuned" if task == "classify" else "whole"),
        "output_file": os.path.join(folder, "results"),
        "max_seq_length": None if task == "classify" else 16,
    }
    values.update(changes)
    return flags_of(**values)


def _line_file(folder):
    return put(os.path.join(folder, "lines"), "今天[MASK]好\nplaying dog\n".encode())


def _predicted_config(rng, seeds, folder):
    return _predict_flags(
        seeds,
        folder,
        rng.choice(["features", "fill_mask"]),
        bert_config_file=_config(rng, seeds, folder),
        input_file=put(os.path.join(folder, "lines"), "今天[MASK]\n".encode()),
    )


def _lines(rng, seeds, folder):
    task = rng.choice(["fill_mask", "classify", "features"])
    text = "今天[MASK]气好。\n\nplaying dog[MASK]\n今\t天\n[MASK][MASK]\n"
    # Few enough lines for a few seconds.
    content, name = mutate_text(rng, text.encode("utf-8")), "lines"
    content = b"\n".join(content.split(b"\n")[:200])
    if rng.random() < 0.3:
        content, name = mutate_gzip(rng, content, LINE_BOMBS), "lines.gz"
    path = put(os.path.join(folder, name), content)
    out = os.path.join(folder, rng.choice(["results", "results.gz"]))
    return _predict_flags(seeds, folder, task, input_file=path, output_file=out)


def _predicted_vocabulary(rng, seeds, folder):
    content = mutate_text(rng, get(os.path.join(seeds, "vocab.txt")))
    return _predict_flags(
        seeds,
        folder,
        "fill_mask",
        vocab_file=put(os.path.join(folder, "v"), content),
        input_file=_line_file(folder),
    )


def _task_file(rng, seeds, folder):
    out = copy_tree(os.path.join(seeds, "tuned"), os.path.join(folder, "tuned"))
    path = os.path.join(out, "task.json")
    put(path, mutate_json(rng, get_json(path), _TEXTS))
    return _predict_flags(
        seeds, folder, "classify", init_checkpoint=out, input_file=_line_file(folder)
    )


def _table(name, columns):
    """Rows of a task; `columns`: text columns of a row."""

    def write(rng, seeds, folder):
        data = os.path.join(folder, "data")
        os.mkdir(data)
        texts = ["今天天气", "play dog", "好。", "天[MASK]好", "x"]
        rows = [[texts[(i + j) % 5] for j in range(columns)] for i in range(12)]
        labels = [str(i % 2) for i in range(12)]
        if name == "chnsenticorp":
            lines = ["label\ttext_a"] + ["\t".join([n] + row) for n, row in zip(labels, rows)]
        else:
            lines = ["\t".join(row + [n]) for n, row in zip(labels, rows)]
        content = "\n".join(lines).encode("utf-8")
        changed = rng.choice(["train", "dev", "dev", "test"])
        for split in ("train", "dev", "test"):
            damaged = mutate_text(rng, content) if split == changed else content
            put(os.path.join(data, split + ".tsv"), damaged)
        if name == "tsv" and rng.random() < 0.3:
            put(os.path.join(data, "labels.txt"), mutate_text(rng, b"0\n1\n"))
        is_trained = changed == "train"
        return _finetune_flags(
            seeds,
            folder,
            task_name=name,
            data_dir=data,
            do_eval=not is_trained,
            do_train=is_trained,
            do_predict=changed == "test",
        )

    return write


def _finetune_flags(seeds, folder, **changes):
    values = {
        "task_name": "tsv",
        "bert_config_file": os.path.join(seeds, "config.json"),
        "vocab_file": os.path.join(seeds, "vocab.txt"),
        "init_checkpoint": os.path.join(seeds, "two"),
        "output_dir": os.path.join(folder, "out"),
        "max_seq_length": 16,
        "train_batch_size": 4,
        "num_train_epochs": 0.3,
    }
    values.update(changes)
    return flags_of(**values)


def prepare_finetuning(seeds):
    """A model for two classes, with task.json, in seeds/two."""
    import prediction_runs

    from finetuning import task_file
    from finetuning.kinds.classification import ClassificationTask
    from modeling.conversion.huggingface import write_checkpoint
    from modeling.objectives.classification import Classification

    prepare_model(seeds)
    weights = prediction_runs.random_weights(Classification("two", 2))
    folder = os.path.join(seeds, "two")
    write_checkpoint(os.path.join(folder, "model.ckpt-7"), weights)
    task_file.save(
        folder, [(ClassificationTask("tsv", labels=["0", "1"]), {})], 16, TextSettings(True)
    )


def _finetuned_task(rng, seeds, folder):
    model = copy_tree(os.path.join(seeds, "two"), os.path.join(folder, "two"))
    path = os.path.join(model, "task.json")
    put(path, mutate_json(rng, get_json(path), _TEXTS))
    os.mkdir(os.path.join(folder, "data"))
    put(os.path.join(folder, "data", "dev.tsv"), "今天\t0\n好\t1\n".encode())
    return _finetune_flags(
        seeds,
        folder,
        data_dir=os.path.join(folder, "data"),
        init_checkpoint=model,
        do_eval=True,
        max_seq_length=None,
    )


def _stripped(rng, seeds, folder):
    prefix = os.path.join(folder, "c", "model.ckpt-7")
    copy_tree(os.path.join(seeds, "tuned"), os.path.dirname(prefix))
    _damage_checkpoint(rng, prefix)
    return flags_of(
        tf_checkpoint_path=rng.choice([prefix, os.path.dirname(prefix)]),
        config_file=os.path.join(seeds, "config.json"),
        vocab_file=os.path.join(seeds, "vocab.txt"),
        strip_optimizer=os.path.join(folder, "release"),
    )


def _stripped_config(rng, seeds, folder):
    return flags_of(
        tf_checkpoint_path=os.path.join(seeds, "tuned"),
        config_file=_config(rng, seeds, folder),
        strip_optimizer=os.path.join(folder, "release"),
    )


TRAINED = [
    Surface("config (train)", TRAIN, 3, _trained_config),
    Surface("hparams", TRAIN, 2, _hparams),
    Surface("run_config.json", TRAIN, 2, _run_config),
    Surface("output_dir", TRAIN, 4, _resumed),
]
PREDICTED = [
    Surface("config (predict)", PREDICT, 5, _predicted_config),
    Surface("vocabulary (predict)", PREDICT, 2, _predicted_vocabulary),
    Surface("lines to predict", PREDICT, 5, _lines),
    Surface("task.json (predict)", PREDICT, 3, _task_file),
]
FINETUNED = [
    Surface("table tsv", FINETUNE, 2, _table("tsv", 1)),
    Surface("table chnsenticorp", FINETUNE, 2, _table("chnsenticorp", 1)),
    Surface("table lcqmc", FINETUNE, 2, _table("lcqmc", 2)),
    Surface("task.json (finetune)", FINETUNE, 2, _finetuned_task),
]
CONVERTED = [
    Surface("checkpoint", CONVERT, 12, _stripped),
    Surface("config (convert)", CONVERT, 4, _stripped_config),
]
