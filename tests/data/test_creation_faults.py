"""Bad input and bad flags of the data scripts: one clear line, nothing half-written."""

import os
import subprocess

import pytest
from conftest import ROOT

from common.errors import UserError
from common.options import FamilyOptions
from data.creation_settings import CreationSettings
from data.recipes import electra

VOCAB = os.path.join(ROOT, "sample", "vocab.txt")
TEXT = "今天天气很好。我们去图书馆看书。\n\n他们在公司开会！\n"


@pytest.fixture
def attempt(tmp_path, run_script, one_line_error):
    """Runs the script on bad input; checks the message and that no output is left."""

    def run(words, content=TEXT, **flags):
        source = tmp_path / "in.txt"
        if content is not None:
            source.write_bytes(content if isinstance(content, bytes) else content.encode())
        settings = {
            "input_file": str(source),
            "output_file": str(tmp_path / "out" / "records"),
            "vocab_file": VOCAB,
            "input_format": "raw",
            "num_workers": 1,
        }
        settings.update(flags)
        settings = {k: v for k, v in settings.items() if v is not None}
        result = run_script("create_pretraining_data.py", **settings)
        one_line_error(result, *words)
        left = [f for _, _, names in os.walk(str(tmp_path / "out")) for f in names]
        assert left == [], left
        return result

    return run


@pytest.mark.parametrize(
    "flags, words",
    [
        ({"input_file": "/nowhere/*.txt"}, ["no file matches /nowhere/*.txt", "--input_file"]),
        ({"input_file": "/"}, ["/ is a directory"]),
        ({"input_file": None}, ["--input_file is required"]),
        ({"output_file": None}, ["--output_file is required"]),
        ({"output_file": "/"}, ["/ is a directory, not a file name"]),
        ({"output_file": "a,a"}, ["names a file twice"]),
        ({"output_file": "a,b", "num_shards": 3}, ["names 2 files but --num_shards is 3"]),
        ({"vocab_file": None}, ["--vocab_file is required"]),
        ({"vocab_file": "/nowhere/vocab.txt"}, ["/nowhere/vocab.txt does not exist"]),
        ({"vocab_file": __file__}, ["lacks [PAD]"]),
        ({"objective": "gpt"}, ["unknown objective 'gpt'", "albert, bert, electra, lert"]),
        ({"max_seq_length": 4}, ["--max_seq_length", "found 4"]),
        (
            {"max_seq_length": 16, "max_predictions_per_seq": 20},
            ["--max_predictions_per_seq (20) is more than --max_seq_length"],
        ),
        ({"max_predictions_per_seq": 0}, ["--max_predictions_per_seq must be 1 or more"]),
        ({"masked_lm_prob": 1.5}, ["--masked_lm_prob must lie between 0 and 1, found 1.5"]),
        ({"short_seq_prob": -0.1}, ["--short_seq_prob must be from 0 to 1"]),
        ({"short_seq_prob": 0.1, "objective": "roberta"}, ["--short_seq_prob does not fit"]),
        (
            {"masking": "static", "objective": "electra"},
            ["--masking=static does not fit --objective=electra: its masks are drawn in training"],
        ),
        (
            {"electra_builder": "zh", "objective": "albert"},
            ["--electra_builder cannot be combined with --objective=albert, which has no such"],
        ),
        ({"ngram_probs": "0.5,0.5", "objective": "electra"}, ["--ngram_probs needs"]),
        ({"ngram_probs": "", "objective": "albert"}, ["--ngram_probs"]),
        ({"dupe_factor": 0}, ["--dupe_factor must be 1 or more, found 0"]),
        ({"max_sentence_chars": 2}, ["--max_sentence_chars must be 8 or more"]),
        ({"ngram_probs": "0.5,0.5"}, ["--ngram_probs needs --masking_unit=ngram"]),
        ({"ngram_probs": "a,b", "masking_unit": "ngram"}, ["--ngram_probs must be numbers"]),
        ({"ngram_probs": "0.5,0.4", "masking_unit": "ngram"}, ["--ngram_probs", "add up to 1"]),
        (
            {"do_whole_word_mask": "false", "masking_unit": "word"},
            ["--do_whole_word_mask=false contradicts --masking_unit=word"],
        ),
        ({"num_shards": 0}, ["--num_shards must be from 1"]),
        ({"num_shards": 50}, ["can be cut into 1 units only, too few for 50 shards"]),
        ({"output_file": "a/x,b/x"}, ["must lie in one folder"]),
        ({"output_file": "a,b*"}, ["not both"]),
        ({"output_file": "*/x", "num_shards": 2}, ["must stand in the file's name"]),
        ({"output_file": ","}, ["--output_file names no file"]),
        ({"input_file": ","}, ["--input_file names no file"]),
        ({"text_fields": "a"}, ["--text_fields needs --input_format=jsonl"]),
        ({"input_format": "text", "max_sentence_chars": 9}, ["--max_sentence_chars needs"]),
        ({"ltp_model": "/nowhere"}, ["--ltp_model needs --segmenter=ltp"]),
        ({"ltp_precision": "bf16"}, ["--ltp_precision needs --segmenter=ltp"]),
        (
            {"user_dict": VOCAB, "masking_unit": "wordpiece"},
            ["--user_dict cannot be combined with --masking_unit=wordpiece"],
        ),
        (
            {"user_dict": VOCAB, "objective": "electra"},
            ["--user_dict cannot be combined with --objective=electra, whose rows need no words"],
        ),
        ({"user_dict": VOCAB, "segmenter": "none"}, ["--user_dict needs a segmenter"]),
        ({"ngram_probs": "nan,1", "masking_unit": "ngram"}, ["--ngram_probs"]),
        ({"vocab_file": "gs://bucket/vocab.txt"}, ["must be a local file"]),
        ({"input_file": "ram://nowhere/*.txt"}, ["no file matches ram://nowhere/*.txt"]),
        ({"num_workers": -1}, ["--num_workers must be 0 or more"]),
        ({"user_dict": "/nowhere/words.txt"}, ["cannot read /nowhere/words.txt", "--user_dict"]),
        (
            {"input_format": "presegmented", "segmenter": "ltp"},
            ["--segmenter cannot be combined with --input_format=presegmented"],
        ),
        ({"output_file": "/proc/nothing/records"}, ["cannot write /proc/nothing/records"]),
    ],
)
def test_bad_flags(attempt, flags, words):
    attempt(words, **flags)


@pytest.mark.parametrize(
    "content, flags, words",
    [
        (b"", {}, ["the input is empty"]),
        ("\n \n\n", {}, ["no text to make records from"]),
        ("\u200b\x00\n", {}, ["no text to make records from"]),
        (
            "好的\n坏的".encode("gb18030"),
            {},
            ["in.txt line 1 is not UTF-8", "--encoding=gb18030, or auto"],
        ),
        (TEXT.encode() + b"\xff\n", {"num_workers": 2}, ["in.txt line 4 is not UTF-8"]),
        ("{}\n", {"input_format": "jsonl"}, ["in.txt line 1 has no text field 'text'"]),
        (
            '{"id": 1, "fact": "查明", "title": "判决"}\n',
            {"input_format": "jsonl"},
            ["no text field 'text' (--text_fields); the fields that hold text are fact, title"],
        ),
        (
            '{\n "data": [\n  {"text": "查明"}\n ]\n}\n',
            {"input_format": "jsonl"},
            ["in.txt is an object in JSON over several lines", "jq -c . FILE > FILE.jsonl"],
        ),
        ("文字\n", {"input_format": "jsonl"}, ["in.txt line 1 is not JSON"]),
    ],
)
def test_bad_input(attempt, content, flags, words):
    attempt(words, content=content, **flags)


def test_the_input_is_never_overwritten(attempt, tmp_path):
    attempt(["is one of the input files"], output_file=str(tmp_path / "in.txt"))
    assert (tmp_path / "in.txt").read_text(encoding="utf-8") == TEXT


def test_nothing_to_mask_is_no_error(run_script, tmp_path):
    """A row whose only word is longer than its number of predictions."""
    (tmp_path / "in.txt").write_text("图书馆\n", encoding="utf-8")
    result = run_script(
        "create_pretraining_data.py",
        input_file=str(tmp_path / "in.txt"),
        output_file=str(tmp_path / "o"),
        vocab_file=VOCAB,
    )
    assert result.returncode == 0, result.stderr
    assert "masked 0.00%" in result.stdout
    assert "hold one document only" in result.stdout


def test_unknown_choice_names_the_flag(run_script):
    result = run_script("create_pretraining_data.py", segmenter="hanlp")
    assert result.returncode != 0
    assert "--segmenter=hanlp" in result.stderr and "Traceback" not in result.stderr


def test_an_unquoted_star_is_explained(run_script, one_line_error, tmp_path):
    result = run_script("create_pretraining_data.py a.txt b.txt", input_file="c.txt")
    one_line_error(result, "unexpected argument a.txt", "quotes")


def test_output_folder_without_permission(attempt, tmp_path):
    if os.geteuid() == 0:
        # root writes anywhere; a file where the folder should be stops even root
        (tmp_path / "file").write_text("")
        attempt(["cannot write"], output_file=str(tmp_path / "file" / "records"))
    else:
        (tmp_path / "locked").mkdir(mode=0o500)
        attempt(["cannot write"], output_file=str(tmp_path / "locked" / "records"))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 512 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)], stderr=subprocess.PIPE
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("workers", [1, 2])
def test_full_disk(small_disk, run_script, one_line_error, workers):
    flags = {
        "input_file": os.path.join(ROOT, "sample", "corpus", "*.txt"),
        "output_file": str(small_disk / "records"),
        "vocab_file": VOCAB,
        "input_format": "raw",
        "num_workers": workers,
    }
    result = run_script("create_pretraining_data.py", **flags)
    one_line_error(result, "No space left on device", "cannot write")
    assert not (small_disk / "records").exists()
    assert not (small_disk / "_records.manifest.json").exists()


def test_build_vocab_errors(run_script, one_line_error, tmp_path):
    name = "-m data.build_vocab"
    source = tmp_path / "a.txt"
    source.write_bytes("坏".encode("gb18030"))
    output = str(tmp_path / "v.txt")
    one_line_error(run_script(name, output_file=output), "--input_file is required")
    bad = run_script(name, input_file=str(source), output_file=output)
    one_line_error(bad, "a.txt line 1 is not UTF-8 (byte 0xbb)")
    source.write_text("中文字" * 10, encoding="utf-8")
    small = run_script(name, input_file=str(source), output_file=output, vocab_size=6)
    one_line_error(small, "--vocab_size 6 is too small")
    source.write_text("\n", encoding="utf-8")
    one_line_error(run_script(name, input_file=str(source), output_file=output), "no text")
    source.write_text("中文", encoding="utf-8")
    nowhere = run_script(name, input_file=str(source), output_file="/proc/nothing/v.txt")
    one_line_error(nowhere, "cannot write /proc/nothing/v.txt")
    missing = str(tmp_path / "not yet" / "v.txt")
    assert run_script(name, input_file=str(source), output_file=missing).returncode == 0
    assert os.path.exists(missing)
    assert not os.path.exists(output)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"masking": "sometimes"}, "unknown --masking 'sometimes'; known are static, dynamic"),
        (
            {"objective": "electra", "options": FamilyOptions()},
            "options of --objective=electra must be of the class data.recipes.electra.Options, "
            "found FamilyOptions",
        ),
        (
            {"objective": "electra", "options": electra.Options("x")},
            "--electra_builder=x must be one of google, zh",
        ),
    ],
)
def test_bad_settings(changes, message):
    with pytest.raises(UserError, match=message):
        CreationSettings(VOCAB, **changes).check()


def test_settings_that_are_not_given_are_those_of_the_family():
    settings = CreationSettings(VOCAB, objective="electra", masking="dynamic")
    assert settings.family_options.electra_builder == "google"
    assert settings.corruption().spec.probability == 0.15
