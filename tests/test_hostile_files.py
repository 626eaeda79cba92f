"""Files and names that somebody else has chosen: nothing is run, followed or overwritten."""

import ast
import json
import marshal
import os
import pickle
import shutil
import stat
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from creation_runs import CORPUS, VOCAB, contents, make

from cli.app import one_line
from common import files, outputs
from common.errors import UserError
from common.outputs import temporary_path
from data.text.ltp.loading import load_ltp
from finetuning import features
from finetuning.kinds.classification import ClassificationTask
from finetuning.layouts.tables import Example
from modeling.conversion import export, folders
from prediction.lines import ResultFile

# In the names of modules, functions and attributes; whatever runs what a file says.
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "cPickle", "yaml"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_ATTRIBUTES = {"os.system", "os.popen", "tempfile.mktemp", "np.loads"}


def sources():
    """Python files of the project but its tests."""
    for folder, names, found in os.walk(ROOT):
        names[:] = [n for n in names if not n.startswith(".") and n not in ("tests", "build")]
        yield from (os.path.join(folder, name) for name in found if name.endswith(".py"))


def dangers(tree):
    """What a parsed file holds of what may run what is read, as texts."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            yield from (n for n in names if n.split(".")[0] in FORBIDDEN_MODULES)
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        arguments = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if called in FORBIDDEN_CALLS | FORBIDDEN_ATTRIBUTES or arguments.get("shell") == "True":
            yield called
        if called == "torch.load" and arguments.get("weights_only") != "True":
            yield called
        if called in ("np.load", "numpy.load") and "allow_pickle" in arguments:
            yield called


def test_no_source_runs_what_it_reads():
    paths = list(sources())
    assert len(paths) > 80
    found = {}
    for path in paths:
        with open(path, encoding="utf-8") as f:
            found[path] = sorted(dangers(ast.parse(f.read())))
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from marshal import loads",
        "eval(x)",
        "os.system(x)",
        "subprocess.run(x, shell=True)",
        "torch.load(x)",
        "torch.load(x, weights_only=False)",
        "np.load(x, allow_pickle=True)",
        "tempfile.mktemp()",
    ],
)
def test_the_scan_finds(text):
    assert list(dangers(ast.parse(text)))


def test_shell_scripts_quote():
    shellcheck = shutil.which("shellcheck", path=os.path.dirname(sys.executable))
    if not shellcheck:
        pytest.skip("shellcheck is not installed")
    scripts = [os.path.join(d, n) for d, _, ns in os.walk("scripts") for n in ns if n[-3:] == ".sh"]
    assert subprocess.run([shellcheck, "-x", *scripts], cwd=ROOT).returncode == 0


@pytest.mark.parametrize(
    "name",
    [
        "two words 'a\"b $(touch x) `touch x`;touch x;&|<>",
        "line\nend\x1b[31m",
        "--output_file=y",
        "*[a]?{b} {0}%s名字",
    ],
)
def test_names_are_names(tmp_path, name):
    """Data creation and inspection: names of input, output, vocabulary and dictionary."""
    shutil.copy(CORPUS[0], str(tmp_path / name))
    shutil.copy(VOCAB, str(tmp_path / (name + ".vocab")))
    (tmp_path / (name + ".words")).write_text("天气 5 n\n", encoding="utf-8")
    out = name.replace("*", "+") + ".out"  # a star takes the shard's number
    results = []
    for command in (
        [
            os.path.join(ROOT, "create_pretraining_data.py"),
            "--input_file=" + name,
            "--output_file=" + out,
            "--user_dict={}.words".format(name),
            "--input_format=raw",
            "--dupe_factor=1",
            "--num_workers=1",
        ],
        ["-m", "data.inspect", "--input_file=" + out],
    ):
        results.append(
            subprocess.run(
                [sys.executable, *command, "--vocab_file={}.vocab".format(name)],
                cwd=str(tmp_path),
                env=dict(os.environ, PYTHONPATH=ROOT),
                capture_output=True,
                text=True,
            )
        )
    assert [r.returncode for r in results] == [0, 0], results
    made = {out, "_{}.manifest.json".format(out)}
    assert set(os.listdir(str(tmp_path))) == made | {name, name + ".vocab", name + ".words"}


def test_a_message_is_one_printable_line(capsys):
    def main(argv):
        raise UserError("cannot read a\nb\x1b[2J\u202e\udcff" + "x" * 10000)

    assert one_line(main)(["p"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: cannot read a\\nb\\x1b[2J\\u202e\\udcffxxx")
    assert err.count("\n") == 1 and len(err) < 4100


def test_names_that_are_not_utf8(tmp_path):
    (tmp_path / "bad-\udcff").write_text("x")
    with pytest.raises(UserError, match=r"bad-\\udcff.* is not UTF-8; rename it"):
        files.matching(str(tmp_path / "bad-*"), "--input_file")


@pytest.fixture
def victim(tmp_path):
    """A file that nobody asked to be written to."""
    path = tmp_path / "victim"
    path.write_text("precious")
    yield path
    assert path.read_text() == "precious" and not os.path.islink(str(path))


def write_text(folder):
    outputs.write_atomically(os.path.join(folder, "f"), "new")


def write_copy(folder):
    outputs.copy_atomically(VOCAB, os.path.join(folder, "f"))


def write_results(folder):
    with ResultFile(os.path.join(folder, "f")) as results:
        results.write([{"a": 1}])


def write_examples(folder):
    from data.tokenizers.wordpiece import Vocabulary, WordPieceTokenizer

    tokenizer = WordPieceTokenizer(Vocabulary(VOCAB))
    examples = [Example("天气", None, "0", "x")]
    path = os.path.join(folder, "f")
    features.write_features(
        path, ClassificationTask("t", labels=["0", "1"]), examples, tokenizer, 16
    )
    beside = os.path.join(folder, "_f.json")  # what they were made from
    if os.path.exists(beside):
        os.unlink(beside)


WRITERS = [write_text, write_copy, write_results, write_examples]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("is_dangling", [False, True])
def test_a_planted_link_is_not_followed(tmp_path, victim, write, is_dangling):
    folder = tmp_path / "out"
    folder.mkdir()
    target = tmp_path / "nothing" if is_dangling else victim
    os.symlink(str(target), temporary_path(str(folder / "f")))
    write(str(folder))
    assert os.listdir(str(folder)) == ["f"]
    assert not os.path.islink(str(folder / "f")) and not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("write", WRITERS)
def test_what_fails_leaves_nothing(tmp_path, write, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises((OSError, UserError), match="No space left"):
        write(str(tmp_path))
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_is_on_disk_before_it_has_its_name(tmp_path, write, monkeypatch):
    events = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *a, name=name, real=real: (events.append(name), real(*a))[1]
        )
    write(str(tmp_path))
    # Rows of examples lie in two files.
    files_written = 2 if write is write_examples else 1
    assert events == ["fsync", "replace", "fsync"] * files_written


def test_planted_links_in_the_folder_of_parts(tmp_path, victim):
    partial = tmp_path / "_records.partial"
    partial.mkdir()
    for name in ("unit-00000.tmp", "shard-00000.tmp"):
        os.symlink(str(victim), str(partial / name))
    for name in ("shard-00000.json", "fingerprint"):
        os.symlink(str(victim), temporary_path(str(partial / name)))
    clean = contents(make(tmp_path / "clean")[0])
    os.symlink(str(victim), temporary_path(str(tmp_path / "_records.manifest.json")))
    assert contents(make(tmp_path)[0]) == clean
    os.mkdir(str(partial))
    os.symlink(str(victim), str(partial / "lock"))
    with pytest.raises(UserError, match="cannot write"):
        make(tmp_path, dupe_factor=1)


def test_a_folder_of_parts_that_is_a_link_is_not_emptied(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "precious").write_text("x")
    os.symlink(str(own), str(tmp_path / "_records.partial"))
    with pytest.raises(UserError, match=r"_records.partial is a symbolic link"):
        make(tmp_path)
    assert os.listdir(str(own)) == ["precious"]


@pytest.fixture
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder):
    """{permissions of files}, {permissions of folders} below a folder."""
    found = set(), set()
    for path, names, file_names in os.walk(folder):
        for kind, ones in zip(found, (file_names, names)):
            kind.update(stat.S_IMODE(os.stat(os.path.join(path, n)).st_mode) for n in ones)
    return found


@pytest.mark.parametrize("umask", [0o022, 0o077], indirect=True)
def test_permissions_are_the_umasks(tmp_path, umask):
    from safetensors.numpy import load_file

    for write in WRITERS:
        folder = tmp_path / write.__name__
        folder.mkdir()
        write(str(folder))
    (tmp_path / "records").mkdir()
    make(tmp_path / "records", workers=2, dupe_factor=1)
    published = str(tmp_path / "published")
    destination = folders.Destination("--x", published, "a model")
    with folders.staged(destination) as scratch:
        export.write_json(os.path.join(scratch, "config.json"), {})
        weights = os.path.join(scratch, "model.safetensors")
        export._write_safetensors(weights, None, {"a": np.zeros(2, np.float32)})
        folders.publish(scratch, destination)
    assert load_file(os.path.join(published, "model.safetensors"))["a"].shape == (2,)
    assert modes(str(tmp_path)) == ({0o666 & ~umask}, {0o777 & ~umask})


def test_jieba_takes_nothing_from_the_temporary_folder(tmp_path):
    """Its cache is marshalled, and its name can be foreseen."""
    (tmp_path / "jieba.cache").write_bytes(marshal.dumps(({"我爱北": 10**9}, 10**9)))
    code = (
        "from data.text import segmentation as s; import json;"
        "print(json.dumps(s.make_segmenter('jieba')._cut('我爱北京天安门')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=dict(os.environ, TMPDIR=str(tmp_path)),
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == ["我", "爱", "北京", "天安门"], done.stderr
    assert os.listdir(str(tmp_path)) == ["jieba.cache"]


class Program:
    """Runs when it is unpickled without care."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("environment", [None, "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"])
def test_an_ltp_model_cannot_bring_a_program(models, tmp_path, monkeypatch, environment):
    import torch

    for name in ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"):
        monkeypatch.delenv(name, raising=False)
    if environment:
        monkeypatch.setenv(environment, "1")
    model = shutil.copytree(models["neural"], str(tmp_path / "model"))
    path = os.path.join(model, "pytorch_model.bin")
    torch.save({"x": Program(str(tmp_path / "ran"))}, path)
    with open(path, "rb") as f:
        assert b"mkdir" in f.read()
    with pytest.raises(UserError, match="cannot be loaded: "):
        load_ltp(model)
    assert not (tmp_path / "ran").exists()
    assert pickle.loads(pickle.dumps(Program(str(tmp_path / "ran")))) is None
    assert (tmp_path / "ran").exists()
