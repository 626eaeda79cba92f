"""LERT's records: every masked piece carries its word's tags, and LERT's reader takes them."""

import glob
import itertools
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import ROOT
from conllu_lines import lines
from creation_runs import VOCAB, make
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from record_checks import read_shard, restored

from common.errors import UserError
from common.features import MASKED_LM, ROW, TAG_LABELS, WORD_STARTS
from common.tags import KINDS, TAGS
from data.input.drawn_corruption import Drawing, draw
from data.recipes import Recipe
from data.recipes.lert import FEATURES
from data.records import manifest
from data.records.encoding import RecordLayout
from data.rows.corruptions.corruption import tokens_of
from data.rows.corruptions.masking import MaskingSpec, Masks
from data.tokenizers.wordpiece import SPECIAL_TOKENS, Vocabulary

SAMPLE = sorted(glob.glob(os.path.join(ROOT, "sample", "annotations", "*.conllu")))
CONFIG = os.path.join(ROOT, "sample", "bert_config.json")
LABELS = [kind + "_labels" for kind in KINDS]
CONLLU = {"input_format": "conllu", "objective": "lert", "short_seq_prob": 0.0}


def test_negative_numbers_are_varints_of_ten_bytes():
    labels = np.array([[-1, 0, 27], [13, -1, -1]])
    weights = np.ones((2, 3), np.float32)
    layout = RecordLayout(["pos_labels", "masked_lm_weights"], 16, 3, 100)
    matrix = layout.encode({"pos_labels": labels, "masked_lm_weights": weights})
    records = [row.tobytes() for row in matrix]
    for record, expected in zip(records, labels):
        features = tf.train.Example.FromString(record).features.feature
        assert list(features["pos_labels"].int64_list.value) == expected.tolist()
    spec = {"pos_labels": tf.io.FixedLenFeature([3], tf.int64)}
    with tf.Graph().as_default(), tf.Session() as session:
        parsed = session.run(tf.io.parse_example(tf.constant(records), spec))
        one = session.run(tf.io.parse_single_example(tf.constant(records[0]), spec))
    assert (parsed["pos_labels"] == labels).all() and (one["pos_labels"] == labels[0]).all()
    assert b"\xff" * 9 + b"\x01" in records[0]


def test_lerts_reader_parses_the_records(tmp_path):
    """ymcui/LERT src/run_pretraining.py, input_fn_builder: these features, one record at a time."""
    (path,), result = make(tmp_path, SAMPLE, max_seq_length=64, **CONLLU)
    shapes = dict.fromkeys(["input_ids", "input_mask", "segment_ids"], 64)
    shapes.update(dict.fromkeys(["masked_lm_positions", "masked_lm_ids", *LABELS], 20))
    features = {name: tf.FixedLenFeature([size], tf.int64) for name, size in shapes.items()}
    features["masked_lm_weights"] = tf.FixedLenFeature([20], tf.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = tf.data.TFRecordDataset(path)
        dataset = dataset.map(lambda record: tf.parse_single_example(record, features))
        row = tf.data.make_one_shot_iterator(dataset.batch(result["records"])).get_next()
        rows = session.run(row)
    assert sorted(rows) == sorted(FEATURES)
    assert result["features"] == [*FEATURES, WORD_STARTS]  # which it does not ask for
    real = rows["masked_lm_weights"] > 0
    for name, kind in zip(LABELS, KINDS):
        assert (rows[name][~real] == -1).all()
        assert 0 <= rows[name][real].min() <= rows[name][real].max() < len(TAGS[kind])
    assert (rows["input_mask"].sum(axis=1) > 55).mean() > 0.9  # full rows
    assert result["masking"]["unit"] == "ngram" and set(result["ngram_distribution"]) == set("1234")
    assert sum(c for name, c in result["tag_counts"].items() if name.startswith("DEP-")) == sum(
        result["tag_counts"]["NER-" + tag] for tag in TAGS["ner"]
    )


# A word: kind of text, whether the next follows without a blank, and its tags.
tags = st.tuples(*(st.sampled_from([*TAGS[kind], "_", "nothing known"]) for kind in KINDS))
word = st.tuples(st.sampled_from(["han"] * 4 + ["latin", "unknown", "mark"]), st.booleans(), tags)
sentence = st.tuples(st.lists(word, min_size=1, max_size=8), st.integers(0, 9))
corpora = st.lists(st.lists(sentence, min_size=1, max_size=5), min_size=1, max_size=4)


class Corpus:
    """CoNLL-U in which every Chinese character and Latin piece stands once, and what is known."""

    def __init__(self, documents, seed):
        rng = np.random.default_rng(seed)
        self._han = itertools.count(0x4E00)
        self._latin = itertools.product("bcdfghjklmnpqrstvwxz", "aeiou", "bcdfgklmnp")
        self.tokens, self.conllu = [*SPECIAL_TOKENS, "。"], ""
        self.text, self.words = "", []  # (start, end, tags or None) by offsets in text
        for document in documents:
            for number, (words, fault) in enumerate(document):
                self._add(words, not fault, rng, ["newdoc"] * (number == 0))

    def _form(self, kind, rng):
        if kind == "han":
            form = "".join(chr(next(self._han)) for _ in range(rng.integers(1, 5)))
            self.tokens += list(form)
        elif kind == "latin":
            parts = ["".join(next(self._latin)) for _ in range(rng.integers(1, 4))]
            self.tokens += [parts[0], *("##" + part for part in parts[1:])]
            form = "".join(parts)
        else:
            form = {"unknown": "ω", "mark": "。"}[kind]
        return form

    def _add(self, words, is_faulty, rng, comments):
        rows, start, spans = [], len(self.text), []
        for kind, tight, (pos, ner, dep) in words:
            form = self._form(kind, rng)
            spans.append((len(self.text), len(self.text) + len(form), (pos, ner, dep)))
            self.text += form + " " * (not tight)
            misc = "NER={}|SpaceAfter=No" if tight else "NER={}"
            rows.append({"form": form, "xpos": pos, "deprel": dep, "misc": misc.format(ner)})
        said = "text = " + self.text[start:].rstrip()
        if is_faulty:
            rows[-1]["form"] += "又"
            spans = [(a, b, None) for a, b, _ in spans]
        self.words += spans
        self.text = self.text.rstrip() + "\n"
        self.conllu += lines(*rows, comments=[*comments, said])


def expected_labels(corpus, vocabulary, rows):
    """What the labels of the rows must be, by offsets of another tokenizer: [rows, P, kinds]."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    other = Tokenizer(models.WordPiece(vocabulary.ids, unk_token="[UNK]"))
    other.normalizer = normalizers.BertNormalizer(strip_accents=True, lowercase=True)
    other.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    encoding = other.encode(corpus.text)
    owners = [
        [i for i, (a, b, _) in enumerate(corpus.words) if a < end and start < b]
        for start, end in encoding.offsets
    ]
    shared = {i for owner in owners if len(owner) > 1 for i in owner}
    stream = [
        corpus.words[owner[0]][2] if len(owner) == 1 and owner[0] not in shared else None
        for owner in owners
    ]
    found = np.full((*rows["masked_lm_ids"].shape, len(KINDS)), -1)
    for row, ids in enumerate(restored(rows)):
        text = np.flatnonzero(~np.isin(ids, [vocabulary.cls, vocabulary.sep, vocabulary.pad]))
        begin = place(ids[text].tolist(), encoding.ids)
        for rank in np.flatnonzero(rows["masked_lm_weights"][row]):
            index = np.searchsorted(text, rows["masked_lm_positions"][row, rank])
            names = stream[begin + index] or ("_", "_", "_")
            for kind, name in enumerate(names):
                if name in TAGS[KINDS[kind]]:
                    found[row, rank, kind] = TAGS[KINDS[kind]].index(name)
    return found


def place(ids, stream):
    """Where a row's pieces stand in the text: once, since one of them does."""
    (found,) = [i for i in range(len(stream) - len(ids) + 1) if stream[i : i + len(ids)] == ids]
    return found


@given(corpora, st.integers(0, 10**6), st.sampled_from(["wordpiece", "word", "ngram"]))
@settings(max_examples=60, deadline=None)
def test_every_masked_piece_carries_the_tags_of_its_word(tmp_path_factory, documents, seed, unit):
    folder = tmp_path_factory.mktemp("tags")
    corpus = Corpus(documents, seed)
    kinds = [kind for document in documents for words, _ in document for kind, *_ in words]
    assume({"han", "latin"} & set(kinds))  # rows of marks alone cannot be told apart
    (folder / "in.conllu").write_text(corpus.conllu, encoding="utf-8")
    (folder / "vocab.txt").write_text("\n".join(corpus.tokens) + "\n", encoding="utf-8")
    try:
        (path,), _ = make(
            folder / "out", [str(folder / "in.conllu")], vocab_file=str(folder / "vocab.txt"),
            max_seq_length=24, max_predictions_per_seq=8, masked_lm_prob=0.4, random_seed=seed,
            masking_unit=unit, **CONLLU,
        )  # fmt: skip
    except UserError as error:
        assert "no text to make records from" in str(error)  # a word alone makes no pair
        return
    rows = read_shard(path, 24, 8, FEATURES)
    vocabulary = Vocabulary(str(folder / "vocab.txt"))
    ids = restored(rows)
    unique = ~np.isin(ids, [vocabulary.ids[t] for t in (*SPECIAL_TOKENS, "。")]).all(axis=1)
    rows = {name: values[unique] for name, values in rows.items()}
    expected = expected_labels(corpus, vocabulary, rows)
    for kind, name in enumerate(LABELS):
        np.testing.assert_array_equal(rows[name], expected[:, :, kind], err_msg=name)


def test_unknown_tags_and_faults_are_in_the_manifest_and_the_report(tmp_path, run_script):
    word = {"form": "天气", "xpos": "n", "deprel": "SBV", "misc": "NER=O|SpaceAfter=No"}
    text = lines(word, dict(word, xpos="g", deprel="IS")) * 20
    text += lines(word, word, comments=["text = 今天天气"]) * 4
    (tmp_path / "in.conllu").write_text(text, encoding="utf-8")
    result = run_script(
        "create_pretraining_data.py", input_file=str(tmp_path / "in.conllu"), vocab_file=VOCAB,
        output_file=str(tmp_path / "o"), input_format="conllu", objective="lert", dupe_factor=1,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    places = ["{} line {}".format(tmp_path / "in.conllu", line) for line in (62, 66, 70)]
    assert "note: 4 sentences whose words do not join to their text" in result.stdout
    assert ", ".join(places) in result.stdout
    assert "tags outside the tag set count as unknown: DEP-IS (20), POS-g (20)" in result.stdout
    made = manifest.read_manifest(str(tmp_path / "_o.manifest.json"))
    assert made["unknown_tags"] == {"DEP-IS": 20, "POS-g": 20}
    assert made["unaligned_sentences"] == 4 and made["unaligned_examples"] == places
    counts = made["tag_counts"]
    # 4 sentences of 4 characters are masked singly
    assert (counts["POS-n"], counts["POS-_"], counts["NER-O"]) == (20, 36, 40)


def test_other_objectives_take_the_words_alone(tmp_path):
    for objective, prob in (("bert", 0.1), ("roberta", 0.0)):
        paths, result = make(
            tmp_path / objective, SAMPLE, input_format="conllu", objective=objective,
            short_seq_prob=prob,
        )  # fmt: skip
        assert "pos_labels" not in result["features"] and not result["tag_counts"]
        assert "(" in result["examples"][0] and "/n/" not in result["examples"][0]
        rows = read_shard(paths[0], 128, 20)
        assert rows["masked_lm_weights"].any()


def test_pieces_of_a_word_have_one_label_and_dynamic_records_the_same(tmp_path):
    (static,), _ = make(tmp_path / "s", SAMPLE, dupe_factor=1, **CONLLU)
    (dynamic,), result = make(tmp_path / "d", SAMPLE, dupe_factor=1, masking="dynamic", **CONLLU)
    assert result["features"] == [
        "input_ids", "input_mask", "segment_ids", "word_groups", "pos_tags", "ner_tags", "dep_tags",
    ]  # fmt: skip
    rows = read_shard(static, 128, 20, FEATURES)
    stored = read_shard(dynamic, 128, 20, result["features"])
    assert (stored["input_ids"] == restored(rows)).all()
    for kind, name in zip(KINDS, LABELS):
        at = np.nonzero(rows["masked_lm_weights"])
        places = rows["masked_lm_positions"][at]
        assert (stored[kind + "_tags"][at[0], places] - 1 == rows[name][at]).all()
        same_word = (np.diff(stored["word_groups"], axis=1) == 0) & (stored["word_groups"] > 0)[
            :, 1:
        ]
        assert (np.diff(stored[kind + "_tags"], axis=1)[same_word] == 0).all()
        assert (stored[kind + "_tags"][stored["word_groups"] == 0] == 0).all()


def test_labels_of_masks_drawn_in_training(tmp_path):
    (path,), result = make(tmp_path, SAMPLE, dupe_factor=1, masking="dynamic", **CONLLU)
    rows = read_shard(path, 128, 20, result["features"])
    vocabulary = Vocabulary(VOCAB)
    rule = Drawing(Masks(MaskingSpec(unit="ngram")), tokens_of(vocabulary, True), 1)
    with tf.Graph().as_default(), tf.Session() as session:
        features = {name: tf.constant(values.astype(np.int32)) for name, values in rows.items()}
        drawn = session.run(draw(features, tf.constant(3, tf.int64), rule))
    assert sorted(drawn) == sorted(FEATURES)
    real = drawn["masked_lm_weights"] > 0
    at = np.nonzero(real)
    for kind, name in zip(KINDS, LABELS):
        assert drawn[name].dtype == np.int32
        assert (drawn[name][~real] == -1).all()
        expected = rows[kind + "_tags"][at[0], drawn["masked_lm_positions"][at]] - 1
        assert (drawn[name][at] == expected).all() and (expected >= 0).any()


def test_dynamic_records_train(tmp_path, run_script):
    (path,), _ = make(tmp_path, SAMPLE, masking="dynamic", **CONLLU)
    trained = run_script(
        "run_pretraining.py", input_file=path, output_dir=str(tmp_path / "model"),
        bert_config_file=CONFIG, vocab_file=VOCAB,
        max_seq_length=128, max_predictions_per_seq=20, do_train=True, train_batch_size=8,
        num_train_steps=3, num_warmup_steps=1,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert "objective: lert" in trained.stdout


def test_the_command_of_lerts_script(tmp_path, run_script):
    """As its run.pretrain.sh prints it, but for paths and the TPU; two small steps of it."""
    made = run_script(
        "create_pretraining_data.py", input_file=",".join(SAMPLE), input_format="conllu",
        objective="lert", vocab_file=VOCAB, output_file=str(tmp_path / "tf_examples.tfrecord.*"),
        num_shards=2, max_seq_length=512, max_predictions_per_seq=75, dupe_factor=1,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    names = ["tf_examples.tfrecord.0000{}".format(i) for i in range(2)]
    assert sorted(os.listdir(str(tmp_path))) == ["_tf_examples.tfrecord.manifest.json", *names]
    command = (
        "run_pretraining.py --input_file={data}/tf_examples.tfrecord.* --output_dir={model} "
        "--do_train=True --bert_config_file={config} --train_batch_size=1024 "
        "--eval_batch_size=1024 --max_seq_length=512 --max_predictions_per_seq=75 "
        "--num_train_steps=2000000 --num_warmup_steps=10000 --save_checkpoints_steps=50000 "
        "--learning_rate=1e-4 --do_lower_case=True --use_tpu=False --tpu_name=tpu --tpu_zone=zone"
    ).format(data=tmp_path, model=tmp_path / "model", config=CONFIG)
    trained = run_script(command, train_batch_size=2, stop_step=2)
    assert trained.returncode == 0, trained.stderr
    assert "objective: lert" in trained.stdout and "step 2/2000000" in trained.stdout
    assert (tmp_path / "model" / "model.ckpt-2.index").exists()


class TestFlags:
    @pytest.fixture
    def fail(self, run_script, one_line_error, tmp_path):
        def run(*words, content=None, **flags):
            source = tmp_path / "in.conllu"
            source.write_text(content or lines({"form": "好"}), encoding="utf-8")
            chosen = {
                "input_file": str(source), "output_file": str(tmp_path / "o"), "vocab_file": VOCAB,
                "input_format": "conllu", "objective": "lert", "num_workers": 1,
            }  # fmt: skip
            env = flags.pop("env", None)
            chosen.update(flags)
            one_line_error(run_script("create_pretraining_data.py", env=env, **chosen), *words)
            assert sorted(os.listdir(str(tmp_path))) == ["in.conllu"]

        return run

    @pytest.mark.parametrize("segmenter", ["rjieba", "jieba", "none"])
    def test_words_without_tags(self, fail, segmenter):
        words = ("--objective=lert needs words with tags", "annotate_corpus.py", "--segmenter=ltp")
        fail(*words, input_format="raw", segmenter=segmenter)

    @pytest.mark.parametrize(
        "flags, words",
        [
            ({"input_format": "presegmented"}, ["--objective=lert needs words with tags"]),
            ({"segmenter": "ltp"}, ["--segmenter cannot be combined with --input_format=conllu"]),
            ({"user_dict": VOCAB}, ["--user_dict cannot be combined with --input_format=conllu"]),
            ({"max_sentence_chars": 99}, ["--max_sentence_chars needs --input_format=raw"]),
            ({"short_seq_prob": 0.1}, ["--short_seq_prob does not fit --objective=lert"]),
            ({"input_format": "raw", "tag_set": "ud"}, ["--tag_set needs --input_format=conllu"]),
            ({"tag_set": "pku"}, ["--tag_set=pku"]),
            (
                {"input_format": "raw", "segmenter": "ltp"},
                ["--segmenter=ltp needs --ltp_model, a directory or a hub name"],
            ),
            (
                {"input_format": "raw", "segmenter": "ltp", "ltp_model": "/not/here"},
                ["LTP model directory /not/here does not exist"],
            ),
        ],
    )
    def test_flags_that_do_not_fit(self, fail, flags, words):
        fail(*words, **flags)

    def test_malformed_input(self, fail, tmp_path):
        content = lines({"form": "好"}) + "1\t好\n"
        fail(str(tmp_path / "in.conllu") + " line 3 is no CoNLL-U", content=content)
        fail("line 1 is no CoNLL-U", content="好的\n", num_workers=2)

    def test_hub_that_cannot_be_reached(self, fail, tmp_path_factory):
        folder = str(tmp_path_factory.mktemp("hub"))
        nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": folder}
        words = ("LTP/tiny", "cannot be fetched from the hub", "give its directory")
        flags = {"input_format": "raw", "segmenter": "ltp", "ltp_model": "LTP/tiny"}
        fail(*words, env=nowhere, **flags)


def test_the_corruption_of_a_recipe_must_make_its_targets():
    class Fewer(Masks):
        targets = MASKED_LM

    with pytest.raises(
        ValueError, match="recipe x: its corruption does not make the targets pos_labels"
    ):
        Recipe("x", None, ROW + MASKED_LM + TAG_LABELS, Fewer(MaskingSpec()))
