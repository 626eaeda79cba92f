"""docs/commands.md, in both languages, is what the programs say; one command of each kind runs."""

import importlib.util
import json
import os

import prediction_runs
import pytest
import record_files
import script_driver
from conftest import ROOT
from creation_runs import VOCAB
from record_files import TINY_CONFIG, learnable_records, tagged_records, write_json, write_records

from modeling.conversion.huggingface import write_checkpoint
from modeling.objectives import get_objective

spec = importlib.util.spec_from_file_location(
    "commands_table", os.path.join(ROOT, "scripts", "commands_table.py")
)
commands_table = importlib.util.module_from_spec(spec)
spec.loader.exec_module(commands_table)

# Sizes of a tiny run, whatever was printed.
SIZES = {
    "max_seq_length": 32,
    "max_predictions_per_seq": 5,
    "train_batch_size": 8,
    "eval_batch_size": 8,
    "num_train_steps": 2,
    "num_warmup_steps": 1,
    "save_checkpoints_steps": 1,
    "num_train_epochs": 1,
    "dupe_factor": 1,
    "batch_size": 4,
}
TPU = ("use_tpu", "tpu_name", "tpu_zone", "num_tpu_cores")
TEXT = "我們發現，天氣乾燥。皇后後來離開了。\n他頭髮很長！\n\n乾隆時期的書籍。\n今天很好。\n" * 20


@pytest.fixture(scope="module")
def data():
    return commands_table.read_data()


def test_the_pages_are_what_the_programs_say(data):
    for path, text in commands_table.pages(data).items():
        with open(path, encoding="utf-8") as reader:
            assert reader.read() == text


def test_tests_that_are_named_exist(data):
    for source in data["sources"]:
        for entry in source["commands"]:
            assert os.path.exists(os.path.join(ROOT, entry.get("tested", "")))
            assert not ("run" in entry and ("reason" in entry or "becomes" in entry))


def test_commands_are_taken_apart(data):
    def taken(text, **more):
        return commands_table.parse(dict(more, command=text), data["programs"])

    command = taken("nohup python3 -m albert.run_squad_v1 --do_train --x='a b' &", drop={"--x": ""})
    assert command.program == "run_squad_v1.py" and command.words == ["--do_train", "--x=a b"]
    assert command.prefix == ["run_finetuning.py"] and command.effective() == ["--do_train"]
    assert taken("bash create_sample_zh.sh").prefix == ["create_sample_zh.sh"]
    wrong = ["--no_such=1 --do_train", "--do_train=perhaps", "--do_train"]
    made = [taken("python run_pretraining.py " + flags) for flags in wrong]
    faults = list(commands_table.faults_of(made).values())
    assert faults[0] == ["--no_such"] and "perhaps" in faults[1][0] and not faults[2]
    said = [commands_table.verdict(*pair, []) for pair in zip(made, faults)]
    assert said[0] == "no: stops at --no_such" and said[2] == "as printed"


def shrunk(words, values):
    """The words with tiny sizes, and the paths of `values`; without a TPU's.

    Args:
      words: flags as --name=value or --name.
      values: dict name -> value.
    """
    made = []
    for word in words:
        name, equals, value = word[2:].partition("=")
        if name not in TPU:
            value = values.get(name, SIZES.get(name, value))
            made.append("--{}{}{}".format(name, equals, value))
    return made


@pytest.fixture(scope="module")
def runs(data):
    """[Command] that are run, without those that stop today."""
    chosen = [c for _, group in commands_table.commands(data) for c in group if c.entry.get("run")]
    faults = commands_table.faults_of(chosen)
    return [c for number, c in enumerate(chosen) if not faults[number]]


def of_program(runs, program):
    found = [command for command in runs if command.prefix[0] == program]
    assert found
    return found


def assert_all_run(program, commands, lines, **more):
    results = script_driver.run_many(program[: -len(".py")], lines, **more)
    for command, (code, out, err) in zip(commands, results):
        assert (code, err) == (0, ""), (command.entry["command"], out, err)
    return results


def test_records_are_made(runs, tmp_path):
    commands = of_program(runs, "create_pretraining_data.py")
    assert len(commands) >= 4
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    paths = {"input_file": tmp_path / "text.txt", "vocab_file": VOCAB}
    lines = [
        shrunk(command.effective(), dict(paths, output_file=tmp_path / str(number)))
        for number, command in enumerate(commands)
    ]
    lines = [[*line, "--num_workers=1"] for line in lines]
    assert_all_run("create_pretraining_data.py", commands, lines)
    made = [json.loads((tmp_path / "_{}.manifest.json".format(i)).read_text()) for i in range(4)]
    assert {manifest["objective"] for manifest in made} == {"bert", "albert", "roberta"}


def network_of(command):
    """Which tiny config and records a pre-training is run with."""
    text = command.entry["command"]
    if "--albert_config_file" in text:
        return "google", "plain"
    return (
        ("zh", "plain")
        if "albert_config" in text
        else ("bert", "tags" if "75" in text else "plain")
    )


def test_models_are_pretrained(runs, tmp_path):
    commands = of_program(runs, "run_pretraining.py")
    assert len(commands) >= 4
    sizes = dict(TINY_CONFIG, num_hidden_layers=2, embedding_size=8)
    write_json(tmp_path / "bert.json", TINY_CONFIG)
    write_json(tmp_path / "google.json", dict(sizes, num_hidden_groups=1))
    write_json(tmp_path / "zh.json", dict(sizes, ln_type="postln"))
    write_records(tmp_path / "plain.tfrecord", learnable_records(32))
    write_records(tmp_path / "tags.tfrecord", tagged_records(32))
    lines = []
    for number, command in enumerate(commands):
        network, records = network_of(command)
        config = tmp_path / (network + ".json")
        values = {
            "input_file": tmp_path / (records + ".tfrecord"),
            "bert_config_file": config,
            "albert_config_file": config,
            "output_dir": tmp_path / str(number),
            "max_seq_length": record_files.SEQ,
            "max_predictions_per_seq": record_files.PREDICTIONS,
        }
        words = [w for w in command.effective() if not w.startswith("--init_checkpoint")]
        lines.append([*shrunk(words, values), "--objective=" + objective_of(network, records)])
    assert_all_run("run_pretraining.py", commands, lines)
    for number in range(len(commands)):
        assert (tmp_path / str(number) / "model.ckpt-2.index").exists()


def objective_of(network, records):
    return "lert" if records == "tags" else "bert" if network == "bert" else "albert"


def write_tasks(folder):
    """Files of the tasks that are run: dict name -> folder."""
    texts = ["今天天气好", "他们在公司开会", "我喜欢看书"]
    rows = [(texts[i % 3], texts[(i + i % 2) % 3], i % 2) for i in range(24)]
    for name in ("lcqmc", "sentence_pair", "tnews"):
        (folder / name).mkdir()
        for split in ("train", "dev", "test"):
            if name == "tnews":
                lines = [
                    json.dumps({"label": str(100 + y), "sentence": a}, ensure_ascii=False)
                    for a, _, y in rows
                ]
                ending = ".json"
            else:
                lines = ["text_a\ttext_b\tlabel", *("{}\t{}\t{}".format(*row) for row in rows)]
                ending = ".tsv"
            text = "\n".join(lines) + "\n"
            (folder / name / (split + ending)).write_text(text, encoding="utf-8")


def test_tasks_are_trained_and_predicted(runs, tmp_path):
    """A later command finds what an earlier one wrote where both print the same --output_dir."""
    commands = of_program(runs, "run_finetuning.py")
    assert len(commands) >= 5
    write_tasks(tmp_path)
    with open(VOCAB, encoding="utf-8") as reader:
        config = dict(TINY_CONFIG, vocab_size=len(reader.readlines()), max_position_embeddings=64)
    write_json(tmp_path / "bert.json", config)
    write_json(tmp_path / "zh.json", dict(config, embedding_size=8, ln_type="postln"))
    lines, outputs = [], {}
    for command in commands:
        printed = dict(word[2:].partition("=")[::2] for word in command.words)
        place = (command.entry["command"].count("PREV_TRAINED"), printed["output_dir"])
        output = outputs.setdefault(place, tmp_path / "out{}".format(len(outputs)))
        task = printed["task_name"]
        network = "zh" if "albert" in printed["bert_config_file"] else "bert"
        values = {
            "data_dir": tmp_path / task.replace("lcqmc_pair", "lcqmc"),
            "vocab_file": VOCAB,
            "bert_config_file": tmp_path / (network + ".json"),
            "output_dir": output,
        }
        words = [w for w in command.effective() if not w.startswith("--init_checkpoint")]
        lines.append(shrunk(words, values))
    assert_all_run("run_finetuning.py", commands, lines)
    for place in outputs.values():
        names = os.listdir(str(place))
        assert any(name.startswith("model.ckpt-") for name in names) or "best" in names


def test_features_are_extracted(runs, tmp_path):
    commands = of_program(runs, "run_prediction.py")
    config = dict(prediction_runs.CONFIG, num_hidden_layers=4)
    weights = prediction_runs.random_weights(get_objective("bert"), config=config)
    write_checkpoint(str(tmp_path / "model.ckpt"), weights)
    write_json(tmp_path / "config.json", config)
    vocabulary = "\n".join(prediction_runs.TOKENS) + "\n"
    (tmp_path / "vocab.txt").write_text(vocabulary, encoding="utf-8")
    (tmp_path / "input.txt").write_text("今天 ||| play dog\n", encoding="utf-8")
    values = {
        "input_file": tmp_path / "input.txt",
        "output_file": tmp_path / "output.jsonl",
        "vocab_file": tmp_path / "vocab.txt",
        "bert_config_file": tmp_path / "config.json",
        "init_checkpoint": tmp_path / "model.ckpt",
    }
    lines = [shrunk(command.effective(), values) for command in commands]
    assert_all_run("run_prediction.py", commands, lines)
    result = json.loads((tmp_path / "output.jsonl").read_text(encoding="utf-8"))
    assert [layer["index"] for layer in result["features"][0]["layers"]] == [-1, -2, -3, -4]
