"""Data creation from end to end: formats, workers, shards, flags, remote files."""

import dataclasses
import gzip
import json
import os
import re

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import ROOT
from creation_runs import BASE, CORPUS, FLAGS, VOCAB, contents, make
from hypothesis import given, settings
from hypothesis import strategies as st
from record_checks import check_shards, read_shard, restored

from common.errors import UserError
from data.creation import RecordWork
from data.creation_settings import CreationSettings
from data.inspection import read_rows
from data.jobs import runner
from data.jobs.executors import LocalProcesses
from data.records import manifest
from data.text import corpus
from data.tokenizers.wordpiece import SPECIAL_TOKENS, Vocabulary


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary(VOCAB)


@pytest.mark.parametrize("objective", ["bert", "roberta", "albert"])
@pytest.mark.parametrize("unit", ["wordpiece", "word", "ngram"])
def test_records_obey_schema_and_manifest(tmp_path, vocabulary, objective, unit):
    changes = {"objective": objective, "masking_unit": unit}
    if objective == "roberta":
        changes["short_seq_prob"] = 0.0
    paths, result = make(tmp_path, **changes)
    rows = check_shards(paths, vocabulary)
    assert abs(result["masked_share"] - 0.15) < 0.005
    if objective == "roberta":
        assert not rows["next_sentence_labels"].any()
        assert (rows["input_mask"].sum(axis=1) > 120).mean() > 0.95
    else:
        assert 0.3 < rows["next_sentence_labels"].mean() < 0.7
    assert sorted(os.listdir(str(tmp_path))) == sorted(["_records.manifest.json", "records"])


def test_every_text_comes_back_from_its_records(tmp_path, vocabulary):
    """RoBERTa rows hold the whole corpus: undo the masks and compare with the plain tokens."""
    from data.tokenizers.wordpiece import WordPieceTokenizer

    paths, _ = make(tmp_path, objective="roberta", short_seq_prob=0.0, dupe_factor=1)
    original = restored(check_shards(paths, vocabulary))
    special = np.isin(original, [vocabulary.cls, vocabulary.sep, vocabulary.pad])
    found = {tuple(row[~s]) for row, s in zip(original, special)}
    tokenizer = WordPieceTokenizer(vocabulary, True)
    text = b"\n\n".join(contents(CORPUS)).decode()
    ids = " ".join(map(str, tokenizer.tokenize(text).ids)) + " "
    assert sum(map(len, found)) > 0.99 * ids.count(" ")
    assert all(" ".join(map(str, row)) + " " in ids for row in found)


def test_googles_records_parse_with_our_schema(shared):
    golden = os.path.join(shared, "golden", "bert")
    with open(os.path.join(golden, "records_flags.json"), encoding="utf-8") as f:
        flags = json.load(f)
    for name in ("pretrain", "pretrain_wwm"):
        path = os.path.join(golden, name + ".tfrecord")
        rows = read_shard(path, flags["max_seq_length"], flags["max_predictions_per_seq"])
        with np.load(os.path.join(golden, name + "_records.npz")) as expected:
            for feature in rows:
                assert np.array_equal(rows[feature], expected[feature].reshape(rows[feature].shape))
        vocabulary = Vocabulary(os.path.join(golden, "vocab.txt"))
        assert len(list(read_rows(path, len(vocabulary)))) == len(rows["input_ids"])


def test_google_and_we_mask_alike(shared, tmp_path):
    """Same corpus, flags and vocabulary: as many predictions a row, as long rows on the whole."""
    golden = os.path.join(shared, "golden", "bert")
    with open(os.path.join(golden, "records_flags.json"), encoding="utf-8") as f:
        flags = json.load(f)
    dupes = flags.pop("dupe_factor") * 20
    paths, _ = make(
        tmp_path, [os.path.join(golden, "corpus.txt")], segmenter="none", input_format="text",
        vocab_file=os.path.join(golden, "vocab.txt"), dupe_factor=dupes, **flags,
    )  # fmt: skip
    rows = check_shards(paths, Vocabulary(os.path.join(golden, "vocab.txt")))
    with np.load(os.path.join(golden, "pretrain_wwm_records.npz")) as google:
        ours, theirs = (
            (r["input_mask"].sum(axis=1), r["masked_lm_weights"].sum(axis=1))
            for r in (rows, google)
        )
        assert abs(ours[0].mean() - theirs[0].mean()) < 2.5
        assert abs(ours[1].mean() - theirs[1].mean()) < 0.4
        for lengths, counts in (ours, theirs):
            wanted = np.minimum(8, np.maximum(1, np.rint(lengths * 0.15)))
            assert (counts <= wanted).all() and (counts == wanted).mean() > 0.95


def test_workers_do_not_change_a_byte(tmp_path):
    names = ["records-{:05d}-of-00003".format(i) for i in range(3)]
    made = [contents(make(tmp_path / str(n), workers=n, names=names)[0]) for n in (1, 2, 3)]
    assert made[0] == made[1] == made[2]
    assert len(set(made[0])) == 3
    seeded = contents(make(tmp_path / "other", names=names, random_seed=7)[0])
    assert seeded[0] != made[0][0]


def test_documents_are_held_out_for_any_number_of_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "UNIT_BYTES", 16000)

    def both_sides(name, workers):
        """Shards and manifest of the documents that are held out, and of the rest."""
        settings = dataclasses.replace(BASE, eval_fraction=0.2)
        units = runner.plan(RecordWork(settings), CORPUS, 2)
        joined = corpus.joined_units(units, 40000)
        assert 1 < len(joined) < len(units)
        assert [r for u in joined for r in u.ranges] == [r for u in units for r in u.ranges]
        executor, done = LocalProcesses(workers), []
        jobs = [(settings.for_held_out(), ["e"], joined), (settings, ["r0", "r1"], units)]
        for side, names, planned in jobs:
            paths = [str(tmp_path / name / n) for n in names]
            made = runner.create(
                RecordWork(side), CORPUS, paths, executor, lambda line: None, planned
            )
            done.append((contents(paths), made))
        return done

    one, two = both_sides("1", 1), both_sides("2", 2)
    assert [c for c, _ in one] == [c for c, _ in two]
    (_, held), (_, rest) = one
    whole = make(tmp_path / "whole")[1]
    for key in ("documents", "sentences", "pieces"):
        assert held[key] + rest[key] == whole[key], key
    assert held["documents"] == rest["held_out"]["other_documents"] > 5
    assert held["held_out"]["side"] == "held out" and rest["held_out"]["side"] == "rest"
    assert (held["flags"]["dupe_factor"], rest["flags"]["dupe_factor"]) == (1, 2)
    assert whole["held_out"] == {}


def test_predictions_follow_from_length_and_share():
    assert CreationSettings(VOCAB).max_predictions_per_seq == 20
    assert CreationSettings(VOCAB, max_seq_length=512).max_predictions_per_seq == 77
    assert CreationSettings(VOCAB, masked_lm_prob=0.3).max_predictions_per_seq == 39
    few = CreationSettings(VOCAB, max_seq_length=512, max_predictions_per_seq=20)
    (note,) = RecordWork(few).notes()
    assert "--max_predictions_per_seq=20 is 4% of a row of 512, where 15% are to be" in note
    assert RecordWork(dataclasses.replace(few, max_predictions_per_seq=75)).notes() == []


def test_units_of_one_shard_are_joined_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "UNIT_BYTES", 4000)
    one, _ = make(tmp_path / "1", workers=1)
    three, result = make(tmp_path / "3", workers=3)
    assert contents(one) == contents(three)
    parts = result["shards"]["records"]["parts"]
    assert len(parts) > 10 and sum(p["bytes"] for p in parts) == os.path.getsize(three[0])
    import google_crc32c

    content, at = contents(three)[0], 0
    for part in parts:
        block = content[at : at + part["bytes"]]
        assert google_crc32c.Checksum(block).hexdigest().decode() == part["crc32c"]
        at += part["bytes"]


def test_formats_give_the_same_records(tmp_path):
    """The same sentences as text, as JSON lines, gzipped, and with words parted by blanks."""
    documents = [["今天天气很好。", "我们去图书馆看书。"], ["他们在公司开会！", "会议很长。"]] * 9
    text = "\n\n".join("\n".join(d) for d in documents) + "\n"
    plain, packed, lines = (tmp_path / n for n in ("a.txt", "a.txt.gz", "a.jsonl"))
    plain.write_text(text, encoding="utf-8")
    packed.write_bytes(gzip.compress(text.encode()))
    lines.write_text(
        "".join(json.dumps({"body": "\n".join(d)}) + "\n" for d in documents), encoding="utf-8"
    )
    made = [
        contents(make(tmp_path / "1", [str(plain)], input_format="text")[0]),
        contents(make(tmp_path / "2", [str(packed)], input_format="text")[0]),
        contents(make(tmp_path / "3", [str(plain)], input_format="raw")[0]),
        contents(
            make(tmp_path / "4", [str(lines)], input_format="jsonl", text_fields=("body",))[0]
        ),
    ]
    assert all(m == made[0] for m in made)


def test_presegmented_words_are_masked_whole(tmp_path, vocabulary):
    words = ["今天", "天气", "很", "好", "我们", "去", "图书馆", "看", "书", "人工智能"]
    text = tmp_path / "a.txt"
    text.write_text((" ".join(words) + "\n") * 200 + "\n" + " ".join(words[::-1]) + "\n")
    paths, result = make(tmp_path / "o", [str(text)], input_format="presegmented")
    rows = check_shards(paths, vocabulary)
    assert result["unaligned_words"] == 0
    inside = {a + b for w in words for a, b in zip(w, w[1:])}
    # positions masked next to each other are one word or two neighbours; never half a word
    original, tokens = restored(rows), vocabulary.tokens
    for row, positions, weights in zip(
        original, rows["masked_lm_positions"], rows["masked_lm_weights"]
    ):
        masked = set(positions[weights > 0].tolist())
        for p in masked:
            for q in (p - 1, p + 1):
                pair = "".join(tokens[row[i]] for i in sorted((p, q)))
                if pair in inside and pair not in ("书看", "好我"):
                    assert q in masked, pair


def test_english_whole_words_with_a_cased_vocabulary(tmp_path):
    vocab = tmp_path / "cased.txt"
    tokens = [
        *SPECIAL_TOKENS,
        "The",
        "pro",
        "##ba",
        "##bility",
        "of",
        "R",
        "##ain",
        "is",
        "high",
        ".",
    ]
    vocab.write_text("\n".join(tokens) + "\n")
    text = tmp_path / "a.txt"
    text.write_text("The probability of Rain is high .\n\nThe Rain is high .\n" * 60)
    paths, _ = make(
        tmp_path / "o", [str(text)], vocab_file=str(vocab), do_lower_case=False, segmenter="none",
        input_format="text", max_seq_length=32, max_predictions_per_seq=6,
    )  # fmt: skip
    vocabulary = Vocabulary(str(vocab))
    rows = check_shards(paths, vocabulary)
    assert not (restored(rows) == vocabulary.unk).any()
    continued = np.array([t.startswith("##") for t in tokens])
    original = restored(rows)
    masked = np.zeros(original.shape, bool)
    row, rank = np.nonzero(rows["masked_lm_weights"])
    masked[row, rows["masked_lm_positions"][row, rank]] = True
    joined = continued[original[:, 1:]]
    assert (masked[:, 1:] == masked[:, :-1])[joined].all()
    assert masked[:, 1:][joined].any()


def test_wordpiece_unit_masks_single_pieces(tmp_path):
    paths, _ = make(tmp_path, masking_unit="wordpiece", dupe_factor=1)
    with_words, _ = make(tmp_path / "w", masking_unit="word", dupe_factor=1)

    def neighbours(rows):
        gaps = np.diff(rows["masked_lm_positions"], axis=1)[rows["masked_lm_weights"][:, 1:] > 0]
        return (gaps == 1).mean()

    single, words = (neighbours(read_shard(p[0], 128, 20)) for p in (paths, with_words))
    assert single < 0.2 < 0.35 < words


@pytest.mark.parametrize("workers", [1, 2])
def test_remote_files_go_through_the_parent(workers, tmp_path):
    """ram:// is a remote file system to us as gs:// is."""
    folder = "ram://corpus{}/".format(workers)
    for path in CORPUS:
        with open(path, encoding="utf-8") as f, tf.io.gfile.GFile(
            folder + os.path.basename(path), "w"
        ) as g:
            g.write(f.read())
    from common import files

    inputs = files.matching(folder + "*.txt", "--input_file")
    names = ["records-{:05d}-of-00002".format(i) for i in range(2)]
    outputs = [folder + name for name in names]
    work, executor = RecordWork(BASE), LocalProcesses(workers)
    result = runner.create(work, inputs, outputs, executor, say=lambda line: None)
    local, expected = make(tmp_path, names=names)
    assert result["records"] == expected["records"]
    for remote, path in zip(outputs, local):
        with tf.io.gfile.GFile(remote, "rb") as f:
            assert f.read() == contents([path])[0]
    assert files.exists(folder + "_records.manifest.json")
    assert not [n for n in files.names_in(folder) if n.endswith((".tmp", ".partial"))]


def test_the_documents_of_a_pair_come_from_one_unit(tmp_path, monkeypatch, vocabulary):
    """Two units with words of their own: no row holds both."""
    monkeypatch.setattr(corpus, "UNIT_BYTES", 2000)
    first, second = tmp_path / "1.txt", tmp_path / "2.txt"  # each larger than half a unit
    first.write_text("今天天气很好。\n今天天气很好。\n\n" * 40, encoding="utf-8")
    second.write_text("我们公司开会。\n我们公司开会。\n\n" * 40, encoding="utf-8")
    paths, _ = make(tmp_path / "o", [str(first), str(second)], input_format="text")
    rows = restored(check_shards(paths, vocabulary))
    has = [(rows == vocabulary.ids[c]).any(axis=1) for c in "天们"]
    assert (has[0] != has[1]).all() and has[0].any() and has[1].any()


def test_output_names(tmp_path, run_in_one):
    cases = [
        ("train.tfrecord", 1, ["train.tfrecord"], "_train.tfrecord"),
        ("a", 2, ["a-00000-of-00002", "a-00001-of-00002"], "_a"),
        ("tf.tfrecord.*", 2, ["tf.tfrecord.00000", "tf.tfrecord.00001"], "_tf.tfrecord"),
        ("x.rec,{folder}/y.rec", 1, ["x.rec", "y.rec"], "_x.rec"),
    ]
    folders = [tmp_path / str(index) for index in range(len(cases))]
    lines = []
    for folder, (output, shards, _, _) in zip(folders, cases):
        folder.mkdir()
        output = str(folder / output.format(folder=folder))
        small = {"output_file": output, "num_shards": shards, "dupe_factor": 1, "num_workers": 1}
        lines.append(dict(FLAGS, **small))
    done = run_in_one("create_pretraining_data.py", lines)
    for folder, result, (_, _, names, side) in zip(folders, done, cases):
        assert result.returncode == 0, result.stderr
        assert sorted(os.listdir(str(folder))) == sorted([*names, side + ".manifest.json"])


def test_names_of_what_is_held_out(tmp_path, run_in_one):
    named = str(tmp_path / "named")
    cases = [
        ({"output_file": "t.tfrecord", "num_shards": 2}, "held out: "),
        ({"output_file": "u", "eval_output_file": named}, "records in " + named),
        ({"output_file": "tf.*", "num_shards": 2}, "does not tell a name for what --eval_fraction"),
        ({"output_file": "v", "eval_output_file": str(tmp_path / "v")}, "is one of --output_file"),
        ({"output_file": "w", "eval_output_file": named + ".gz"}, "would not be compressed"),
        ({"output_file": "x", "eval_fraction": 1.5}, "--eval_fraction must lie between 0 and 1"),
        ({"output_file": "y", "eval_fraction": 1e-6}, "holds out none of the 96 documents of"),
        ({"output_file": "z", "eval_fraction": 1 - 1e-6}, "holds out all of the 96 documents of"),
        (
            {"output_file": "z", "eval_fraction": None, "eval_output_file": named},
            "--eval_output_file needs --eval_fraction; remove it",
        ),
    ]
    small = {"num_shards": 1, "dupe_factor": 1, "num_workers": 1, "eval_fraction": 0.2}
    lines = [dict(FLAGS, **dict(small, **changes)) for changes, _ in cases]
    for line in lines:
        line["output_file"] = str(tmp_path / line["output_file"])
    lines = [{k: v for k, v in line.items() if v is not None} for line in lines]
    done = run_in_one("create_pretraining_data.py", lines)
    for number, (result, (changes, said)) in enumerate(zip(done, cases)):
        assert result.returncode == int(number > 1), (changes, result.stderr)
        assert said in (result.stderr if number > 1 else result.stdout), (changes, result)
    made = {name for name in os.listdir(str(tmp_path)) if not name.startswith("_")}
    wanted = {"t.tfrecord-00000-of-00002", "t.tfrecord-00001-of-00002", "t.eval.tfrecord"}
    assert wanted | {"u", "named"} == made - {"z.eval"}
    held = manifest.read_manifest(str(tmp_path / "_t.eval.tfrecord.manifest.json"))
    assert held["held_out"]["fraction"] == 0.2 and held["records"] > 0


def test_every_flag_reaches_the_records(tmp_path, run_script):
    words = tmp_path / "words.txt"
    words.write_text("天气很好 9000 n\n", encoding="utf-8")
    text = tmp_path / "in.jsonl"
    text.write_text(json.dumps({"t": "今天天气很好。“走吧”，他说，" * 30}) + "\n", encoding="utf-8")
    flags = {
        "objective": "bert",
        "input_format": "jsonl",
        "text_fields": "t",
        "normalize_quotes": True,
        "max_sentence_chars": 12,
        "segmenter": "jieba",
        "user_dict": str(words),
        "masking_unit": "ngram",
        "ngram_probs": "0.5,0.5",
        "do_lower_case": False,
        "max_seq_length": 40,
        "max_predictions_per_seq": 9,
        "random_seed": 3,
        "dupe_factor": 4,
        "masked_lm_prob": 0.2,
        "short_seq_prob": 0.3,
    }
    output = tmp_path / "o"
    result = run_script(
        "create_pretraining_data.py",
        input_file=str(text), output_file=str(output), vocab_file=VOCAB, num_workers=1, **flags,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    made = manifest.read_manifest(str(tmp_path / "_o.manifest.json"))
    recorded = {
        k: ",".join(map(str, v)) if isinstance(v, list) else v for k, v in made["flags"].items()
    }
    assert {name: recorded[name] for name in flags} == flags
    assert made["max_seq_length"] == 40 and made["max_predictions_per_seq"] == 9
    assert set(made["ngram_distribution"]) == {"1", "2"}
    assert "“" not in made["unknown_top"]  # normalised
    assert made["sentences"] == 60  # 30 without the limit
    shown = re.sub(r"[^\s(]+<-", "", " ".join(made["examples"]))
    assert "(天 气 很 好)" in shown
    assert "example: [CLS]" in result.stdout


@given(
    st.lists(
        st.text("今天天气很好，图书馆。！ABC abc12é😀\n\t\u200b\x00", max_size=80), max_size=12
    ),
    st.sampled_from(["bert", "roberta", "albert"]),
    st.sampled_from(["wordpiece", "word", "ngram"]),
    st.sampled_from(["raw", "text", "presegmented"]),
)
@settings(max_examples=60, deadline=None)
def test_any_text_gives_records_of_the_schema(
    tmp_path_factory, documents, objective, unit, input_format
):
    folder = tmp_path_factory.mktemp("any")
    (folder / "in.txt").write_text("\n\n".join(documents), encoding="utf-8")
    changes = {"objective": objective, "masking_unit": unit, "input_format": input_format}
    changes["short_seq_prob"] = 0.0 if objective == "roberta" else 0.5
    try:
        paths, _ = make(folder, [str(folder / "in.txt")], max_seq_length=24, **changes)
    except UserError as error:
        assert "no text" in str(error) or "is empty" in str(error)
        return
    check_shards(paths, Vocabulary(VOCAB))


def test_dynamic_records_hold_the_words_and_train(tmp_path, vocabulary, run_script, one_line_error):
    paths, result = make(tmp_path, masking="dynamic", dupe_factor=1, max_seq_length=64)
    static, _ = make(tmp_path / "static", dupe_factor=1, max_seq_length=64)
    names = ["input_ids", "input_mask", "segment_ids", "word_groups", "next_sentence_labels"]
    rows = read_shard(paths[0], 64, 20, names)
    masked = check_shards(static, vocabulary)
    assert (rows["input_ids"] == restored(masked)).all()  # the same instances
    assert result["masking"]["kind"] == "dynamic" and result["masking"]["unit"] == "word"
    groups = rows["word_groups"]
    special = np.isin(rows["input_ids"], [vocabulary.cls, vocabulary.sep, vocabulary.pad])
    assert ((groups == 0) == special).all()
    steps = np.diff(groups * ~special, axis=1)[~special[:, 1:] & ~special[:, :-1]]
    assert set(np.unique(steps)) == {0, 1}
    flags = {
        "input_file": paths[0],
        "output_dir": str(tmp_path / "model"),
        "bert_config_file": os.path.join(ROOT, "sample", "bert_config.json"),
        "max_seq_length": 64,
        "max_predictions_per_seq": 10,
        "do_train": True,
        "do_eval": True,
        "train_batch_size": 16,
        "num_train_steps": 30,
        "num_warmup_steps": 3,
        "learning_rate": 1e-3,
    }
    one_line_error(run_script("run_pretraining.py", **flags), "give --vocab_file")
    other = tmp_path / "vocab.txt"
    other.write_text("\n".join([*SPECIAL_TOKENS, "a"]) + "\n")
    wrong = run_script("run_pretraining.py", vocab_file=str(other), **flags)
    one_line_error(wrong, "is not the vocabulary of the records")
    trained = run_script("run_pretraining.py", vocab_file=VOCAB, **flags)
    assert trained.returncode == 0, trained.stderr
    assert "masks: drawn anew for every batch, 15% by word" in trained.stdout
    with open(str(tmp_path / "model" / "eval_results.txt"), encoding="utf-8") as f:
        results = dict(line.strip().split(" = ") for line in f)
    assert float(results["masked_lm_loss"]) < 7.5  # ln(3417) = 8.1 at the start


def test_dynamic_masking_by_flag(tmp_path, run_script):
    flags = dict(FLAGS, output_file=str(tmp_path / "r"), num_shards=1, masking="dynamic")
    del flags["dupe_factor"]
    result = run_script("create_pretraining_data.py", **flags)
    assert result.returncode == 0, result.stderr
    assert "masks are drawn in training" in result.stdout
    made = manifest.read_manifest(str(tmp_path / "_r.manifest.json"))
    assert made["flags"]["dupe_factor"] == 1 and "word_groups" in made["features"]
    shown = run_script("-m data.inspect", input_file=str(tmp_path / "r"), vocab_file=VOCAB)
    assert shown.returncode == 0, shown.stderr
    words, row = shown.stdout.splitlines()[:2]
    assert words == "words: as in the records"
    assert "masked: nothing" in shown.stdout and "(" in row
