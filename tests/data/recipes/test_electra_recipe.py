"""ELECTRA's records: the two original constructions, and what training makes of them."""

import os
import random

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from creation_runs import CORPUS, VOCAB, contents, make
from golden_cases import arrays, needs_golden, path, settings
from hypothesis import given
from hypothesis import settings as runs
from hypothesis import strategies as st
from random_units import Ids, make_unit
from record_checks import read_shard

from data import inspection
from data.creation import RecordWork
from data.creation_settings import CreationSettings
from data.input import pipeline
from data.input.drawn_corruption import Drawing
from data.recipes import electra
from data.records import manifest
from data.records.checks import record_contents
from data.rows import instances
from data.rows.corruptions.corruption import tokens_of
from data.rows.corruptions.masking import MaskingSpec, Masks, predictions_limit
from data.text import corpus, documents
from data.tokenizers.wordpiece import Vocabulary, WordPieceTokenizer

FEATURES = ("input_ids", "input_mask", "segment_ids")
builders = pytest.mark.parametrize("builder", ["google", "zh"])


def assemble(unit, rows, length):
    return instances.assemble(unit, instances.group_numbers(unit.group_starts), rows, length, Ids)


@needs_golden
@builders
def test_with_the_originals_draws_the_rows_are_the_originals(builder):
    """The golden files were made with Python's generator seeded by random_seed."""
    made_with = settings("electra", "records_settings.json")
    length = made_with["max_seq_length"]
    vocab_file = path("electra", "vocab.txt")
    made_for = CreationSettings(vocab_file, objective="electra", masking="dynamic")
    processor = RecordWork(made_for).make_processor()
    with open(path("electra", "corpus.txt"), encoding="utf-8") as f:
        source = corpus.Source(f.read().encode(), "corpus.txt", lambda: 0)
    text = documents.read_documents([source], processor.settings)
    unit, numbers = processor.prepare(text, processor.empty_statistics(), lambda share: None)
    rng = random.Random(made_with["random_seed"])
    rows = electra.build_rows(unit, length, 0.05, electra.BUILDERS[builder], rng, False)
    batch = instances.assemble(unit, numbers, rows, length, processor.vocabulary)
    expected = arrays("electra", "records_" + builder, "records.npz")
    assert (batch.ids == expected["input_ids"]).all()
    assert (batch.segment_ids == expected["segment_ids"]).all()
    assert (np.arange(length) < batch.lengths[:, None]).tolist() == (
        expected["input_mask"] == 1
    ).tolist()


@needs_golden
@builders
def test_the_original_programs_files_are_read(builder):
    """By the pipeline, with masks drawn by google's rule, and by data.inspect."""
    file = path("electra", "records_" + builder, "pretrain_data.tfrecord-0-of-1")
    vocabulary = Vocabulary(path("electra", "vocab.txt"))
    drawing = rule(vocabulary, 0.25, 24)
    batch = first_batch([file], drawing, 24, 23)
    expected = arrays("electra", "records_" + builder, "records.npz")
    assert all((batch[name] == expected[name]).all() for name in FEATURES)
    assert (batch["masked_input_ids"] != batch["input_ids"]).any(axis=1).all()
    rows = list(inspection.read_rows(file, len(vocabulary)))
    assert inspection.show_row(rows[0], vocabulary, None).startswith("[CLS] 清 晨 的 小 [UNK] 下")
    report = inspection.summarize(rows, vocabulary)
    single = (expected["segment_ids"].max(axis=1) == 0).mean()
    assert "rows of one segment: {:.1%}".format(single) in report
    assert "masked: nothing" in report and "sentence labels" not in "".join(report)


def rule(vocabulary, share, length, unit="wordpiece", replacement=(0.85, 0.0, 0.15)):
    room = predictions_limit(share, length)
    spec = MaskingSpec(share, unit, (1.0,), room, replacement, unit == "wordpiece")
    return Drawing(Masks(spec), tokens_of(vocabulary, True)._replace(random_ids=[5]), 1, True)


def first_batch(files, drawing, length, size):
    names = [*FEATURES, "masked_input_ids", "masked_lm_positions", "masked_lm_ids"]
    room = drawing.spec.max_predictions
    make_input = pipeline.make_input_fn(
        files, [*names, "masked_lm_weights"], length, room, drawing=drawing
    )
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = make_input({"batch_size": size})
        return session.run(tf.data.make_one_shot_iterator(dataset).get_next())


def sentences_of(unit, pieces):
    """Numbers of the sentences that pieces belong to, each once, in their order."""
    numbers = np.searchsorted(unit.sentences, pieces, "right") - 1
    return numbers[np.append(True, numbers[1:] != numbers[:-1])].tolist() if len(numbers) else []


@given(
    st.sampled_from(["google", "zh"]),
    st.integers(0, 10**6),
    st.integers(16, 64),
    st.sampled_from([0.0, 0.05, 0.9]),
    st.booleans(),
)
@runs(max_examples=200, deadline=None)
def test_rows_are_whole_sentences_of_one_document(builder, seed, length, short, whole):
    unit = make_unit(np.random.default_rng(seed))
    draw = random.Random(seed)
    rows = electra.build_rows(unit, length, short, electra.BUILDERS[builder], draw, whole)
    assert (np.sort(rows.order) == np.arange(len(unit.ids))).all()  # every piece once
    a_length, b_length = rows.a_end - rows.a_start, rows.b_end - rows.b_start
    assert (a_length >= 0).all() and (b_length >= 0).all() and (a_length + b_length > 0).all()
    total = a_length + b_length + 2 + (b_length > 0)
    assert (total <= length).all()
    first_of_document = unit.sentences[unit.documents]
    document = np.searchsorted(first_of_document, rows.order, "right")
    ends = np.append(rows.a_start[1:], len(rows.order))  # of both segments, before the cut
    for a, a_end, b, b_end, end in zip(*rows[:4], ends):
        assert len(set(document[a:end].tolist())) == 1
        first = sentences_of(unit, rows.order[a : max(a, b)])
        second = sentences_of(unit, rows.order[b:end])
        assert first == sorted(first) and second == sorted(second)
        everything = sorted(first + second)
        assert everything == list(range(everything[0], everything[-1] + 1))
        sizes = np.diff(unit.sentences)[everything]
        assert sizes[:-1].sum() < length  # the last one reaches the target
        if builder == "google":
            assert first and first[0] == everything[0]
        else:  # what comes before the first segment is the second
            assert not (first and second) or second[-1] < first[0] or first[-1] < second[0]
        if whole:
            borders = np.append(unit.group_starts, True)
            cut_inside = [
                end for start, end in ((a, a_end), (b, b_end))
                if end > start and not borders[rows.order[end - 1] + 1]
            ]  # fmt: skip
            assert not cut_inside
    batch = assemble(unit, rows, length)
    for i, order in enumerate(zip(*rows[:4])):
        a, a_end, b, b_end = order
        first, second = (unit.ids[rows.order[s:e]].tolist() for s, e in ((a, a_end), (b, b_end)))
        expected = [Ids.cls, *first, Ids.sep, *second, *[Ids.sep] * bool(second)]
        assert batch.ids[i].tolist() == expected + [Ids.pad] * (length - len(expected))
        segments = [0] * (len(first) + 2) + [1] * (len(expected) - len(first) - 2)
        assert batch.segment_ids[i].tolist() == segments + [0] * (length - len(expected))
        assert batch.lengths[i] == len(expected)


def test_shares_in_the_long_run():
    """One document without end, of sentences of 10: what the conditions say of it."""
    count, length = 60000, 64
    sentences = np.arange(0, count + 1, 10)
    unit = instances.UnitPieces(
        np.arange(count, dtype=np.int32), np.ones(count, bool), sentences,
        np.array([0, len(sentences) - 1]),
    )  # fmt: skip
    rows = electra.build_rows(
        unit, length, 0.05, electra.BUILDERS["google"], random.Random(1), False
    )
    single = rows.b_end == rows.b_start
    full = (rows.a_end - rows.a_start) + (rows.b_end - rows.b_start) + 3 - single == length
    error = 4 / np.sqrt(len(single))
    # a tenth by the draw, and short rows of a single sentence
    assert 0.1 - 0.3 * error < single.mean() < 0.1 + 0.05 * 15 / 60 + 0.3 * error
    assert abs(full.mean() - 0.95) < 0.05
    # The first segment aims at 30: two sentences (10 + 10 < 30), and a third in half of the rows.
    lengths = (rows.a_end - rows.a_start)[full & ~single]
    assert set(lengths.tolist()) <= {20, 30}
    assert abs((lengths == 30).mean() - 0.5) < error
    other = electra.build_rows(unit, length, 0.0, electra.BUILDERS["zh"], random.Random(1), False)
    assert (other.b_end == other.b_start).all()  # nothing but the first segment


def test_records_have_the_originals_schema_and_hold_the_corpus(tmp_path):
    settings = {"short_seq_prob": 0.05, "dupe_factor": 1, "max_seq_length": 512}
    paths, result = make(tmp_path, objective="electra", masking="dynamic", **settings)
    assert tuple(result["features"]) == FEATURES and result["objective"] == "electra"
    masking = dict(result["masking"])
    assert masking.pop("kind") == "dynamic" and masking.pop("with_replacement") is True
    assert not {"max_predictions", "max_predictions_per_seq"} & {*masking, *result}
    assert masking["unit"] == "wordpiece" and masking["replacement"] == (0.85, 0.0, 0.15)
    assert result["masked_share"] == 0 and result["ngram_distribution"] == {}
    (raw,) = record_contents.first_records(paths[0], 1)
    assert set(raw) == set(FEATURES)
    rows = read_shard(paths[0], 512, 20, FEATURES)
    vocabulary = Vocabulary(VOCAB)
    special = np.isin(rows["input_ids"], [vocabulary.pad, vocabulary.cls, vocabulary.sep])
    assert ((rows["input_ids"] == vocabulary.pad) == (rows["input_mask"] == 0)).all()
    # No document is longer than a row here: every piece of the corpus is there, once.
    text = b"\n\n".join(contents(CORPUS)).decode()
    expected = np.bincount(WordPieceTokenizer(vocabulary, True).tokenize(text).ids)
    found = np.bincount(rows["input_ids"][~special], minlength=len(expected))
    assert (found == expected).mean() > 0.999 and found.sum() > 0.99 * expected.sum()


@pytest.mark.parametrize("unit", ["word", "ngram"])
def test_whole_words_for_the_generator(tmp_path, unit):
    changes = {"objective": "electra", "masking": "dynamic", "masking_unit": unit}
    paths, result = make(tmp_path, short_seq_prob=0.05, dupe_factor=1, **changes)
    assert tuple(result["features"]) == (*FEATURES, "word_groups")
    assert result["masking"]["with_replacement"] is False
    vocabulary = Vocabulary(VOCAB)
    batch = first_batch(paths, rule(vocabulary, 0.15, 128, unit), 128, 150)
    groups = read_shard(paths[0], 128, 20, [*FEATURES, "word_groups"])["word_groups"][:150]
    assert "word_groups" not in batch
    changed = batch["masked_input_ids"] != batch["input_ids"]
    chosen = np.zeros_like(changed)
    row, rank = np.nonzero(batch["masked_lm_weights"])
    chosen[row, batch["masked_lm_positions"][row, rank]] = True
    assert (changed <= chosen).all() and 0.8 < changed.sum() / chosen.sum() < 0.9
    for taken, numbers in zip(chosen, groups):  # whole words, never a part of one
        assert np.isin(numbers, numbers[taken]).sum() == taken.sum()
    assert abs(chosen.sum() / batch["input_mask"].sum() - 0.15) < 0.01


def test_by_flags(tmp_path, run_script):
    """The job of build_pretraining_dataset.py: a folder of text to several files."""
    made = run_script(
        "create_pretraining_data.py", input_file=os.path.join(os.path.dirname(CORPUS[0]), "*.txt"),
        input_format="text", vocab_file=VOCAB, objective="electra", max_seq_length=64,
        output_file=str(tmp_path / "pretrain_data.tfrecord"), num_shards=4, num_workers=2,
        electra_builder="zh", random_seed=3,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert "masks are drawn in training" in made.stdout
    names = sorted(name for name in os.listdir(str(tmp_path)) if not name.startswith("_"))
    assert names == ["pretrain_data.tfrecord-0000{}-of-00004".format(i) for i in range(4)]
    settings = manifest.find_manifests([str(tmp_path / names[0])])
    assert [m["flags"]["dupe_factor"] for m in settings.values()] == [1]
    rows = [read_shard(str(tmp_path / name), 64, 20, FEATURES) for name in names]
    segments = np.concatenate([part["segment_ids"] for part in rows])
    assert (segments[:, 2] == 1).mean() > 0.01  # rows whose first segment is empty
