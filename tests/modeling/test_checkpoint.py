"""Every form of a checkpoint path, the loading report, and what is refused."""

import os
import re
import shutil

import pytest
import tensorflow.compat.v1 as tf
from checkpoint_files import WORDS, save

from common.errors import UserError
from modeling import checkpoint

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

HEAD = "cls/predictions/output_bias"


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "bert_model.ckpt", {WORDS: [9, 4], HEAD: [9]}, step=7)
    return tmp_path


def refused(function, *args):
    with pytest.raises(UserError) as caught:
        function(*args)
    return str(caught.value)


def test_path_forms(folder):
    prefix = str(folder / "bert_model.ckpt")
    for form in (
        prefix,
        prefix + ".index",
        prefix + ".data-00000-of-00001",
        str(folder),
        str(folder) + "/",
    ):
        assert checkpoint.resolve(form) == prefix
    assert checkpoint.saved_step(prefix) == 7


def test_directory_with_several(folder):
    second = save(folder / "other.ckpt", {WORDS: [9, 4]})
    message = refused(checkpoint.resolve, str(folder))
    assert "holds several checkpoints" in message
    assert "bert_model.ckpt" in message and "other.ckpt" in message
    # a state file decides, also where the directory was moved since it was written
    tf.train.update_checkpoint_state(str(folder), "/gone/other.ckpt")
    assert checkpoint.resolve(str(folder)) == second
    tf.train.update_checkpoint_state(str(folder), "/gone/third.ckpt")
    assert "names third.ckpt, which is not in" in refused(checkpoint.resolve, str(folder))


def test_missing_is_not_damaged(folder, tmp_path_factory):
    message = refused(checkpoint.resolve, str(folder / "bert.ckpt"))
    assert "does not exist (no file" in message and "holds" in message
    empty = tmp_path_factory.mktemp("empty")
    assert "holds no checkpoint" in refused(checkpoint.resolve, str(empty))
    assert "does not exist" in refused(checkpoint.resolve, "/nowhere/bert_model.ckpt")
    prefix = str(folder / "bert_model.ckpt")
    os.rename(prefix + ".index", prefix + ".kept")
    message = refused(checkpoint.resolve, prefix)
    assert "incomplete" in message and ".index is missing" in message


def test_damage(folder):
    prefix = str(folder / "bert_model.ckpt")
    checkpoint.verify(prefix)
    data = prefix + ".data-00000-of-00001"
    shutil.copy(data, data + ".kept")
    with open(data, "r+b") as writer:
        writer.seek(60)
        writer.write(b"\xff\xff\xff\xff")
    message = refused(checkpoint.verify, prefix, "copy it again")
    assert "is damaged" in message and "cannot be read" in message and "copy it again" in message
    with open(data, "r+b") as writer:
        writer.truncate(20)
    assert "is damaged" in refused(checkpoint.verify, prefix)
    os.remove(data)
    message = refused(checkpoint.read_shapes, prefix)
    assert "incomplete" in message and "data-00000-of-00001 is missing" in message
    shutil.move(data + ".kept", data)
    with open(prefix + ".index", "r+b") as writer:
        writer.truncate(30)
    assert "bert_model.ckpt.index" in refused(checkpoint.verify, prefix)


def test_latest(folder, tmp_path_factory):
    prefix = str(folder / "bert_model.ckpt")
    assert checkpoint.latest(str(tmp_path_factory.mktemp("empty"))) is None
    assert checkpoint.latest("/nowhere") is None
    assert "no checkpoint of a training" in refused(checkpoint.latest, str(folder))
    tf.train.update_checkpoint_state(str(folder), prefix)
    assert checkpoint.latest(str(folder)) == prefix
    tf.train.update_checkpoint_state(str(folder), str(folder / "model.ckpt-9"))
    assert "which does not exist" in refused(checkpoint.latest, str(folder))


def test_report(tmp_path):
    prefix = save(
        tmp_path / "x",
        {WORDS: [9, 4], WORDS + "/adam_m": [9, 4], "cls/predictions/output_pos_layer/bias": [3]},
        step=3,
    )
    plan = checkpoint.plan_loading(prefix, {WORDS: [9, 4], HEAD: [9], "new/kernel": [2]}, "c.json")
    assert plan.loaded == {WORDS: WORDS} and plan.new == [HEAD, "new/kernel"]
    assert plan.unused == ["cls/predictions/output_pos_layer/bias"]
    assert plan.training_state == [WORDS + "/adam_m", "global_step"]
    lines = plan.lines()
    assert "1 variables loaded, 2 new, 1 unused, optimizer state there" in lines[0][1]
    warnings = [text for is_warning, text in lines if is_warning]
    assert len(warnings) == 1
    assert "the masked-LM head is not in" in warnings[0] and HEAD in warnings[0]


def test_sizes_that_differ(folder):
    prefix = str(folder / "bert_model.ckpt")
    assert refused(checkpoint.plan_loading, prefix, {HEAD: [8], WORDS: [8, 4]}, "c.json") == (
        "vocabulary sizes differ: checkpoint {} has 9 word vectors, config c.json says "
        "vocab_size 8".format(prefix)
    )
    assert refused(checkpoint.plan_loading, prefix, {WORDS: [9, 5]}, "c.json") == (
        "shapes differ: {} is [9, 4] in checkpoint {}, but [9, 5] by config c.json".format(
            WORDS, prefix
        )
    )
    message = refused(checkpoint.plan_loading, prefix, {"electra/x": [9]}, "c.json")
    assert "holds no variable of this model (electra/x, ...)" in message
    message = refused(checkpoint.check_resumable, prefix, {WORDS: [9, 4], "a/b": [1]}, "c.json")
    assert "belongs to another model: it lacks a/b" in message


def test_an_output_layer_of_another_size(folder):
    """It is new where the caller says so; the encoder never is."""
    prefix = str(folder / "bert_model.ckpt")
    model = {WORDS: [9, 4], HEAD: [5]}
    message = refused(checkpoint.plan_loading, prefix, model, "c.json")
    assert "shapes differ: {} is [9]".format(HEAD) in message

    def is_head(name):
        return not name.startswith("bert/")

    plan = checkpoint.plan_loading(prefix, model, "c.json", is_replaceable=is_head)
    assert (list(plan.loaded), plan.new, plan.unused) == ([WORDS], [HEAD], [])
    assert dict(plan.replaced) == {HEAD: ([9], [5])}
    same = checkpoint.plan_loading(
        prefix, {WORDS: [9, 4], HEAD: [9]}, "c.json", is_replaceable=is_head
    )
    assert (list(same.loaded), same.new, dict(same.replaced)) == ([WORDS, HEAD], [], {})
    with pytest.raises(UserError, match="vocabulary sizes differ"):
        checkpoint.plan_loading(
            prefix, {WORDS: [8, 4], HEAD: [5]}, "c.json", is_replaceable=is_head
        )


def test_a_file_in_the_place_of_a_folder_holds_no_checkpoint(tmp_path):
    (tmp_path / "file").write_text("")
    place = str(tmp_path / "file")
    assert checkpoint.latest(place) is None and checkpoint.candidates(place) == []
    for path, said in (
        (place, "{0} is no checkpoint (no file {0}.index)"),
        (place + "/model.ckpt", "checkpoint {0} does not exist (no file {0}.index)"),
    ):
        with pytest.raises(UserError, match=re.escape(said.format(path))):
            checkpoint.resolve(path)
