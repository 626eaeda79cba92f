"""Names of inputs and outputs of the programs that read a corpus: any name, and no special file."""

import os
import socket

import pytest
from creation_runs import VOCAB

LONG = "n" * 240
NAMES = ["a[1]", "a*b", "a?", "{b}", "back\\slash", " blank ", "new\nline", "-dash", "%s", "'\""]
NAMES += ["词表", LONG, "a,b", "~", "$HOME"]
TEXT = "今天天气很好。我们去图书馆看书。\n\n他们在公司开会！\n\n" * 200
CREATE = {"vocab_file": VOCAB, "input_format": "raw", "num_workers": 1, "dupe_factor": 1}


def written(folder):
    return sorted(os.listdir(str(folder)))


def files_of(name, shards=1):
    """Names that a creation writes."""
    numbered = ["{}-{:05d}-of-{:05d}".format(name, i, shards) for i in range(shards)]
    return sorted([*(numbered if shards > 1 else [name]), "_{}.manifest.json".format(name)])


def test_any_name_of_a_folder_and_of_an_input(tmp_path, run_in_one):
    """Beside files that the name would match, were it a pattern."""
    runs = []
    for name in NAMES:
        place = tmp_path / name
        place.mkdir()
        (place / name).write_text(TEXT)
        out = str(place / "out" / "r")
        runs.append(dict(CREATE, input_file=place / name, output_file=out, num_shards=2))
    (tmp_path / "a1").mkdir()
    (tmp_path / "a1" / "a1").write_bytes(b"\xff")
    for name, done in zip(NAMES, run_in_one("create_pretraining_data.py", runs)):
        assert done.returncode == 0 and not done.stderr, done.stderr
        assert written(tmp_path / name / "out") == files_of("r", 2)


def test_any_name_of_an_output(tmp_path, run_in_one):
    """A comma separates names of shards, and a star takes their numbers."""
    (tmp_path / "in").write_text(TEXT)
    names = [name for name in NAMES if "*" not in name and "," not in name]
    flags = dict(CREATE, input_file=tmp_path / "in", num_shards=2)
    runs = [dict(flags, output_file=tmp_path / str(i) / n) for i, n in enumerate(names)]
    runs.append(dict(CREATE, input_file=tmp_path / "in", output_file=tmp_path / "star" / "a*"))
    runs.append(dict(flags, num_shards=1, output_file="{0}/x, {0}/y".format(tmp_path / "comma")))
    for done in run_in_one("create_pretraining_data.py", runs):
        assert done.returncode == 0 and not done.stderr, done.stderr
    for i, name in enumerate(names):
        assert written(tmp_path / str(i)) == files_of(name, 2)
    assert written(tmp_path / "star") == ["_a00000.manifest.json", "a00000"]
    assert written(tmp_path / "comma") == ["_x.manifest.json", "x", "y"]


@pytest.fixture
def special(tmp_path):
    """Named pipe, socket and devices: {path: what they are called}."""
    os.mkfifo(str(tmp_path / "pipe"))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    (tmp_path / "link").symlink_to("pipe")
    yield {
        "/dev/null": "a device",
        "/dev/stdout": "a device",
        "/dev/fd/1": "a device",
        str(tmp_path / "pipe"): "a named pipe",
        str(tmp_path / "link"): "a named pipe",
        str(tmp_path / "socket"): "a socket",
    }
    listener.close()


def test_special_files_are_refused_before_the_input_is_read(tmp_path, special, run_in_one):
    before = written(tmp_path)
    runs = [dict(CREATE, input_file="nowhere", output_file=path) for path in special]
    runs.append(dict(CREATE, input_file="nowhere", output_file=tmp_path))
    *refused, folder = run_in_one("create_pretraining_data.py", runs)
    for path, done in zip(special, refused):
        assert done.stderr == (
            "error: {} (--output_file) is {}, which would be replaced; name a file\n".format(
                path, special[path]
            )
        )
    assert folder.stderr.startswith("error: {} is a directory, not a file".format(tmp_path))
    assert written(tmp_path) == before and os.path.exists("/dev/null")


@pytest.mark.parametrize("program", ["annotate_corpus.py", "-m data.build_vocab"])
def test_special_files_of_other_programs(tmp_path, program, models, run_script, one_line_error):
    os.mkfifo(str(tmp_path / "pipe"))
    flags = {"ltp_model": models["legacy"]} if program == "annotate_corpus.py" else {}
    done = run_script(program, input_file="nowhere", output_file=tmp_path / "pipe", **flags)
    one_line_error(done, "pipe (--output_file) is a named pipe, which would be replaced")
    assert written(tmp_path) == ["pipe"]


def test_names_that_are_too_long(tmp_path, run_in_one):
    """With the endings of shards and of the files beside them."""
    (tmp_path / "in").write_text(TEXT)
    flags = dict(CREATE, input_file=tmp_path / "in")
    cases = {
        256: dict(flags, output_file=tmp_path / ("n" * 256)),
        259: dict(flags, output_file=tmp_path / ("n" * 244), num_shards=2),
        257: dict(flags, output_file=tmp_path / ("文" * 80 + "nn")),  # with its manifest's
        300: dict(flags, output_file=tmp_path / ("n" * 300) / "r"),
    }
    for length, done in zip(cases, run_in_one("create_pretraining_data.py", list(cases.values()))):
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
        assert "--output_file" in done.stderr and "a name of {} bytes".format(length) in done.stderr
    assert written(tmp_path) == ["in"]


def test_a_star_in_the_folder(tmp_path, run_in_one):
    (tmp_path / "in").write_text(TEXT)
    (tmp_path / "a*").mkdir()
    names = ["a*/x", "b*/x", "a*/y*"]
    runs = [dict(CREATE, input_file=tmp_path / "in", output_file=tmp_path / n) for n in names]
    there, missing, both = run_in_one("create_pretraining_data.py", runs)
    assert (there.returncode, missing.returncode, both.returncode) == (0, 1, 0)
    assert "the * of --output_file must stand in the file's name" in missing.stderr
    assert written(tmp_path / "a*") == [
        "_x.manifest.json", "_y00000.manifest.json", "x", "y00000",
    ]  # fmt: skip


def test_unfinished_annotations_are_no_input(tmp_path, run_in_one):
    (tmp_path / "a.conllu").write_text("1\t好\t_\t_\ta\t_\t_\t_\t_\t_\n\n")
    (tmp_path / "_a.conllu.partial").mkdir()
    (tmp_path / "_a.conllu.partial" / "lock").write_text("")
    flags = dict(CREATE, input_format="conllu", input_file=tmp_path / "a.conllu")
    (done,) = run_in_one("create_pretraining_data.py", [dict(flags, output_file=tmp_path / "r")])
    assert done.stderr.startswith("error: {}/a.conllu is not finished: ".format(tmp_path))
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("tokenizer, ending", [("wordpiece", ".txt"), ("sentencepiece", ".model")])
def test_a_vocabulary_of_any_name(tmp_path, tokenizer, ending, run_script):
    name = "a[1]*?{b}\\ -%'词" + ending
    (tmp_path / name).mkdir()
    (tmp_path / name / "in*").write_text(TEXT)
    (tmp_path / name / "in2").write_bytes(b"\xff")
    done = run_script(
        "-m data.build_vocab",
        input_file=tmp_path / name / "in*",
        output_file=tmp_path / name / name,
        tokenizer=tokenizer,
        vocab_size=60,
    )
    assert done.returncode == 0, done.stderr
    assert written(tmp_path / name) == sorted([name, "in*", "in2"])
