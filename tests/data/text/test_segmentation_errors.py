"""What is wrong with an LTP model, a segmenter or a dictionary is said in one line."""

import json
import os
import re
import shutil

import pytest
from ltp_models import raw_text, write_vocabulary

from common.errors import UserError
from data.text.segmentation import make_segmenter

both = pytest.mark.parametrize("kind", ["legacy", "neural"])


def damage(model, target, name, keep):
    """A copy of a model directory whose file `name` is cut to `keep` bytes."""
    shutil.copytree(model, str(target))
    content = (target / name).read_bytes()
    (target / name).write_bytes(content[:keep])
    return str(target)


class TestErrors:
    def test_unknown_segmenter(self):
        with pytest.raises(UserError, match="unknown segmenter 'lpt'; known are rjieba, jieba"):
            make_segmenter("lpt")

    @pytest.mark.parametrize("model", [None, ""])
    def test_no_model_given(self, model):
        with pytest.raises(UserError, match="--segmenter=ltp needs --ltp_model"):
            make_segmenter("ltp", model)

    @pytest.mark.parametrize("model", ["/not/here", "./nothere", "~/nothere", "nothere", "a/b/c"])
    def test_missing_directory(self, model):
        with pytest.raises(UserError, match=re.escape(model) + " does not exist"):
            make_segmenter("ltp", model)

    def test_directory_without_config(self, tmp_path):
        with pytest.raises(UserError, match=r"no LTP model: config\.json is missing"):
            make_segmenter("ltp", str(tmp_path))

    @pytest.mark.parametrize("content", ['{"model_type": "bert"}', "[]", "{", ""])
    def test_config_of_something_else(self, tmp_path, content):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(UserError, match=re.escape(str(tmp_path)) + " cannot be loaded: "):
            make_segmenter("ltp", str(tmp_path))

    @pytest.mark.parametrize(
        "kind, name",
        [
            ("legacy", "cws_model.bin"),
            ("legacy", "ner_model.bin"),
            ("neural", "pytorch_model.bin"),
            ("neural", "config.json"),
        ],
    )
    @pytest.mark.parametrize("keep", [0, 10, 1000])
    def test_file_cut_short(self, models, tmp_path, kind, name, keep):
        model = damage(models[kind], tmp_path / "model", name, keep)
        with pytest.raises(UserError) as caught:
            make_segmenter("ltp", model)
        message = str(caught.value)
        assert message.startswith("LTP model {} cannot be loaded: ".format(model))
        assert "\n" not in message and "backtrace" not in message

    @both
    def test_missing_model_file(self, models, tmp_path, kind):
        model = str(shutil.copytree(models[kind], str(tmp_path / "model")))
        os.remove(os.path.join(model, {"legacy": "cws_model.bin"}.get(kind, "pytorch_model.bin")))
        with pytest.raises(UserError, match=r"cannot be loaded: .*No such file"):
            make_segmenter("ltp", model)

    @both
    def test_model_that_does_not_segment(self, models, tmp_path, kind):
        model = str(shutil.copytree(models[kind], str(tmp_path / "model")))
        path = os.path.join(model, "config.json")
        with open(path, encoding="utf-8") as f:
            config = json.load(f)
        if kind == "legacy":
            del config["tasks"]["cws"]
        else:
            config["vocabs"]["cws"] = []
        with open(path, "w", encoding="utf-8") as f:
            json.dump(config, f)
        with pytest.raises(UserError, match="does not segment"):
            make_segmenter("ltp", model)


class TestErrorsOfTheScript:
    @pytest.fixture
    def fail(self, run_script, one_line_error, tmp_path):
        """Runs the script with flags that must stop it in one line."""
        (tmp_path / "text.txt").write_text(raw_text(1), encoding="utf-8")

        def run(*words, workers=2, env=None, **flags):
            result = run_script(
                "create_pretraining_data.py",
                timeout=60,
                env=env,
                input_file=str(tmp_path / "text.txt"),
                output_file=str(tmp_path / "out.tfrecord"),
                vocab_file=write_vocabulary(tmp_path / "vocab.txt"),
                num_workers=workers,
                **flags,
            )
            one_line_error(result, *words)
            lines = [line for line in result.stderr.splitlines() if line.strip()]
            assert lines[-1].startswith("error: ")
            assert all("records:" in line for line in lines[:-1]), "more than the progress bar"
            assert not (tmp_path / "out.tfrecord").exists()

        return run

    def test_no_model_given(self, fail):
        fail("--ltp_model", segmenter="ltp")

    def test_missing_directory(self, fail):
        fail("/not/here", "does not exist", segmenter="ltp", ltp_model="/not/here")

    def test_directory_without_config(self, fail, tmp_path):
        fail(str(tmp_path), "config.json is missing", segmenter="ltp", ltp_model=str(tmp_path))

    @pytest.mark.parametrize("workers", [1, 2])
    def test_legacy_file_cut_short(self, fail, models, tmp_path, workers):
        # LTP's own loader ends the process here.
        model = damage(models["legacy"], tmp_path / "model", "cws_model.bin", 1000)
        words = (model, "cws_model.bin is damaged")
        fail(*words, segmenter="ltp", ltp_model=model, workers=workers)

    def test_neural_file_cut_short(self, fail, models, tmp_path):
        model = damage(models["neural"], tmp_path / "model", "pytorch_model.bin", 1000)
        fail(model, "cannot be loaded", segmenter="ltp", ltp_model=model)

    def test_hub_that_cannot_be_reached(self, fail, tmp_path):
        nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hub")}
        words = ("LTP/tiny", "cannot be fetched from the hub", "give its directory")
        fail(*words, segmenter="ltp", ltp_model="LTP/tiny", env=nowhere)

    def test_what_the_hub_says_ends_in_one_sign(self, monkeypatch):
        import huggingface_hub

        def fail(*_, **__):
            raise OSError("cannot find the files;\ncheck your connection and try again. ")

        monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
        with pytest.raises(UserError, match="your connection and try again; download it and give"):
            make_segmenter("ltp", "LTP/tiny")

    def test_bad_dictionary_line(self, fail, tmp_path):
        path = tmp_path / "words.txt"
        path.write_text("一 1 n\n二 2 n 三\n", encoding="utf-8")
        fail(str(path) + " line 2", "--user_dict", user_dict=str(path))

    @pytest.mark.parametrize(
        "line, message",
        [
            (b"\xe4\xba\x8c " + b"9" * 5000, "line 2: the frequency is too large"),
            (b"\xe4\xba", "line 2 is not UTF-8"),
        ],
    )
    def test_dictionary_lines_of_other_kinds(self, fail, tmp_path, line, message):
        path = tmp_path / "words.txt"
        path.write_bytes("一 1 n\n".encode() + line + b"\n")
        fail("{} {}".format(path, message), "--user_dict", user_dict=str(path))

    def test_unknown_segmenter(self, fail):
        fail("--segmenter=lpt", "rjieba|jieba|ltp|none", segmenter="lpt")
