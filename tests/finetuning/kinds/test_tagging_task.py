"""Named entities: tasks from their files to rows, entities, scores and files for scorers."""

import functools
import os

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from tag_sequences import any_tags, scored_sentences

from common.errors import UserError
from data.records.encoding import RecordLayout
from data.records.tfrecord import read_records
from data.tokenizers.vocabularies import read_vocabulary
from data.tokenizers.wordpiece import SPECIAL_TOKENS, Vocabulary, WordPieceTokenizer
from finetuning import audit, loading
from finetuning.examples import Examples
from finetuning.features import write_features
from finetuning.kinds.spans import Span, spans_of_tags, tags_of_spans, without_overlaps
from finetuning.kinds.tagging import Tagged, TaggingTask
from finetuning.layouts.tagging import TaggedExample, read_columns
from finetuning.registry import get_task

TYPES = ("PER", "LOC")
# A character, several pieces, unknown, and what has no piece at all.
TOKENS = ("天", "地", "ab", "abb", "猫", " ", "\u3000", "\u200b", "X")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    tokens = [*SPECIAL_TOKENS, "天", "地", "a", "##b", "x"]
    path.write_text("\n".join(tokens) + "\n", encoding="utf-8")
    return WordPieceTokenizer(Vocabulary(str(path)), do_lower_case=True)


def examples_of(*sentences):
    """Examples of (tokens, spans)."""
    examples = Examples(path="f")
    for i, (tokens, spans) in enumerate(sentences):
        examples.append(TaggedExample(tuple(tokens), spans, "f, line {}".format(i + 1), i))
    return examples


def task_of(types=TYPES, **options):
    task = TaggingTask("t", types=types, **options)
    task.choose_labels(None, "", {})
    return task


def perfect_outputs(rows, length):
    """Outputs of a model that knows the tags of what counts, and is wrong elsewhere."""
    outputs = []
    for row in rows:
        tags = np.full(length, 1, np.int32)
        known = np.array(row.features["tag_ids"])
        tags[: len(known)] = np.where(known < 0, 1, known)
        outputs.append({"tags": tags, "tag_probabilities": np.full(length, 0.5, np.float32)})
    return outputs


@functools.lru_cache(maxsize=None)
def pieces_of(tokenizer, token):
    return tokenizer.tokenize(token).ids.tolist() or [tokenizer.vocabulary.unk]


def check_rows(task, example, tokenizer, length):
    """Every token is counted once, on its first piece, among the pieces of its own; decoding what
    is in the rows gives the example's entities."""
    rows = task.rows(example, tokenizer, length)
    vocabulary = tokenizer.vocabulary
    alone = [pieces_of(tokenizer, token) for token in example.tokens]
    text = [i for ids in alone for i in ids]
    firsts = np.cumsum([0] + [len(ids) for ids in alone])
    tags = [task.labels.index(tag) for tag in tags_of_spans(example.spans, len(alone), "BIO")]
    counted, at = [], 0
    for number, row in enumerate(rows):
        ids, tag_ids = row.features["input_ids"], np.array(row.features["tag_ids"])
        assert len(ids) == len(tag_ids) == len(row.features["segment_ids"]) <= length
        assert (ids[0], ids[-1], row.is_truncated) == (vocabulary.cls, vocabulary.sep, False)
        at += (max(1, (length - 2) // 2)) if number else 0
        assert ids[1:-1] == text[at : at + length - 2]
        assert len(rows) == 1 or number == len(rows) - 1 or len(ids) == length
        for position in np.flatnonzero(tag_ids >= 0):
            counted.append((at + position - 1, tag_ids[position]))
    assert at + len(ids) - 2 == len(text)
    assert sorted(counted) == list(zip(firsts[:-1].tolist(), tags))
    decoded = task.decode(example, rows, perfect_outputs(rows, length))
    assert decoded.tags == [task.labels[tag] for tag in tags]
    assert tuple(decoded.spans) == tuple(example.spans)
    assert decoded.probabilities == [0.5] * len(decoded.spans)
    return rows


@settings(max_examples=200, deadline=None)
@given(
    tokens=st.lists(st.sampled_from(TOKENS), max_size=40),
    places=st.lists(st.tuples(st.integers(0, 39), st.integers(1, 12), st.sampled_from(TYPES))),
    length=st.integers(3, 30),
)
def test_no_token_is_lost(tokenizer, tokens, places, length):
    size = len(tokens)
    spans = [Span(a, min(size, a + n), kind) for a, n, kind in places if a < size]
    example = TaggedExample(tuple(tokens), tuple(without_overlaps(spans)[0]), "f, line 1", 0)
    check_rows(task_of(), example, tokenizer, length)


FILES = [
    ("msra_ner", "msra_ner/msra_test_bio.txt"),
    ("msra_ner", "msra_ner/dh_msra.txt"),
    ("msra_ner", "msra_ner/ernie_tsv/dev.tsv"),
    ("msra_ner", "msra_ner/clue_raw/testright1.txt"),
    ("peopledaily_ner", "peopledaily_ner/example.dev"),
    ("peopledaily_ner", "peopledaily_ner/example.test"),
    ("peopledaily_ner", "peopledaily_ner/ymcui_peopledaily_zip/train.txt"),
    ("weibo_ner", "weibo_ner/weiboNER_2nd_conll.train"),
    ("weibo_ner", "weibo_ner/weiboNER_2nd_conll.test"),
    ("cluener", "cluener/train.json"),
    ("cluener", "cluener/dev.json"),
]
# Of the longest files no more than so many sentences.
MOST = 300


@pytest.fixture(scope="module")
def bert(shared):
    path = os.path.join(shared, "datasets", "vocab", "vocab.txt")
    return read_vocabulary(path).make_tokenizer(True)


@pytest.mark.parametrize(("name", "path"), FILES)
def test_rows_of_every_file_hold_its_entities(shared, bert, name, path):
    task = get_task(name)
    examples = task.read_file(os.path.join(shared, "datasets", path), "train")
    task.choose_labels(None, "", {"train": examples})
    task.check(examples, None)
    several = 0
    for number, example in enumerate(examples[:MOST]):
        for length in (512, 24) if number % 4 == 0 else (512,):
            several += len(check_rows(task, example, bert, length)) > 1
    assert several > 20
    text = task.notes("train", examples)[0][1]
    total = sum(len(example.spans) for example in examples)
    assert text.startswith("train: {:,} entities: ".format(total))


def test_another_tokenizer_and_scheme(spiece, tokenizer):
    """SentencePiece reads a character as in the middle of a text, without the mark of a blank;
    tags of BIOES mean the same."""
    vocabulary = read_vocabulary(spiece)
    characters = [token for token in vocabulary.tokens[5:] if token.isalpha() and len(token) == 1]
    tokens = (*characters[:5], " ", "\U00020bb7")
    task = task_of(scheme="BIOES")
    assert task.labels[:5] == ["O", "B-PER", "I-PER", "E-PER", "S-PER"]
    example = TaggedExample(tokens, (Span(0, 2, "PER"), Span(6, 7, "LOC")), "f", 0)
    (row,) = task.rows(example, vocabulary.make_tokenizer(True), 32)
    names = [vocabulary.tokens[i] for i in row.features["input_ids"][1:-1]]
    unknown = vocabulary.tokens[vocabulary.unk]
    assert names == [*characters[:5], unknown, unknown]
    tags = [task.labels[i] for i in row.features["tag_ids"][1:-1]]
    assert tags == ["B-PER", "E-PER", "O", "O", "O", "O", "S-LOC"]
    assert task.decode(example, [row], perfect_outputs([row], 9)).spans == list(example.spans)
    # The same task object with another tokenizer.
    example = TaggedExample(("天", "猫"), None, "f", 0)
    for each in (tokenizer, vocabulary.make_tokenizer(True), tokenizer):
        (row,) = task.rows(example, each, 32)
        assert row.features["input_ids"][0] == each.vocabulary.cls
    assert row.features["input_ids"][1:3] == [tokenizer.tokenize("天").ids[0], 1]


def test_decoding_by_hand(tokenizer):
    """In windows of three pieces of 天 a ##b 地 天; probabilities are means."""
    task = task_of()
    assert task.labels == ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    example = TaggedExample(("天", "ab", "地", "天"), None, "f", None)
    rows = task.rows(example, tokenizer, 5)
    assert [row.features["tag_ids"] for row in rows] == [[-1] * 5] * 3
    assert [row.place.tokens.tolist() for row in rows] == [[0, 1], [], [2, 3]]
    assert [row.place.positions.tolist() for row in rows] == [[1, 2], [], [2, 3]]
    shares = np.array([0, 0.5, 0.25, 0, 0], np.float32)
    outputs = [
        {"tags": np.array([3, 1, 2, 3, 3]), "tag_probabilities": shares},
        {"tags": np.array([3, 3, 3, 3, 3]), "tag_probabilities": shares},
        {"tags": np.array([3, 3, 2, 4, 3, 3]), "tag_probabilities": np.float32([0, 0, 0.75, 1, 0])},
    ]
    prediction = task.decode(example, rows, outputs)
    assert prediction.tags == ["B-PER", "I-PER", "I-PER", "I-LOC"]
    assert prediction.spans == [Span(0, 3, "PER"), Span(3, 4, "LOC")]
    assert prediction.probabilities == [pytest.approx((0.5 + 0.25 + 0.75) / 3), 1.0]
    (empty,) = task.rows(TaggedExample((), None, "f", None), tokenizer, 5)
    assert len(empty.features["input_ids"]) == 2
    assert task.decode(TaggedExample((), None, "f", None), [empty], outputs[:1]) == ([], [], [])


def test_records(tmp_path, tokenizer):
    task, examples = task_of(), examples_of(("天ab地天", None), (["地"], (Span(0, 1, "LOC"),)))
    path = str(tmp_path / "rows")
    written = write_features(path, task, examples, tokenizer, 5)
    assert (written.rows, written.truncated) == (4, 0)
    names = ["input_ids", "input_mask", "segment_ids", "tag_ids"]
    assert list(task.feature_names) == names
    raw = list(read_records(path))
    layout = RecordLayout(names, 5, 0, len(tokenizer.vocabulary))
    assert {len(record) for record in raw} == {layout.size}
    vocabulary = tokenizer.vocabulary
    last = {
        "input_ids": [[vocabulary.cls, 6, vocabulary.sep, vocabulary.pad, vocabulary.pad]],
        "input_mask": [[1, 1, 1, 0, 0]],
        "segment_ids": [[0] * 5],
        "tag_ids": [[-1, 3, -1, -1, -1]],
    }
    assert raw[-1] == layout.encode({k: np.array(v) for k, v in last.items()})[0].tobytes()
    assert (
        "4 rows"
        in [text for _, text in audit.describe(task, {"dev": examples}, {"dev": written}, 5)][2]
    )


@pytest.mark.tf2_15
@settings(max_examples=60, deadline=None)
@given(sentences=scored_sentences(any_tags("BI", TYPES, 9)))
def test_scores_are_seqevals(sentences):
    metrics = pytest.importorskip("seqeval.metrics")
    expected, predicted = sentences
    examples = examples_of(*(("天" * len(t), tuple(spans_of_tags(t)[0])) for t in expected))
    figures = task_of().score(
        examples, [Tagged(t, spans_of_tags(t)[0], []) for t in predicted], "test"
    )
    assert list(figures) == ["test_f1", "test_precision", "test_recall", "test_macro_f1"]
    if not any(tag != "O" for tags in expected + predicted for tag in tags):
        assert set(figures.values()) == {0.0}
        return
    assert list(figures.values()) == pytest.approx(
        [
            metrics.f1_score(expected, predicted, zero_division=0),
            metrics.precision_score(expected, predicted, zero_division=0),
            metrics.recall_score(expected, predicted, zero_division=0),
            metrics.f1_score(expected, predicted, average="macro", zero_division=0),
        ]
    )


def test_predictions_are_read_back(tmp_path, tokenizer):
    """Whatever the tokens; blanks become one blank character."""
    tokens = ["天", " ", "\u3000", "\n", "\t", "a b", "\u200b", "\u2028", "#", "-"]
    spans = [Span(0, 2, "PER"), Span(3, 6, "LOC"), Span(9, 10, "PER")]
    examples = examples_of((tokens, None), (["地"], None), ([" "], None))
    task = task_of()
    tags = [tags_of_spans(s, n) for s, n in ((spans, 10), ([], 1), ([Span(0, 1, "LOC")], 1))]
    predictions = [Tagged(t, spans_of_tags(t)[0], None) for t in tags]
    task.save_predictions(str(tmp_path), "dev", examples, predictions)
    assert os.listdir(str(tmp_path)) == ["dev_predictions.txt"]
    read_back = read_columns(str(tmp_path / "dev_predictions.txt"))
    assert [list(e.spans) for e in read_back] == [p.spans for p in predictions]
    assert read_back[0].tokens == ("天", " ", " ", " ", " ", "ab", "\u200b", " ", "#", "-")
    assert [e.tokens for e in read_back[1:]] == [("地",), (" ",)]


def test_types_are_found_or_given():
    labelled = examples_of(("天地", (Span(0, 1, "PER"),)), ("天", (Span(0, 1, "LOC"),)))
    unlabelled = examples_of(("天地", ()))
    task = TaggingTask("t")
    assert task.labels is None
    assert task.choose_labels(None, "", {"train": labelled}) == "found in train"
    assert task.labels == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    task = TaggingTask("t")
    assert task.choose_labels(None, "", {"train": unlabelled, "dev": labelled}) == "found in dev"
    task = TaggingTask("t")
    assert task.choose_labels(["PER"], "", {"train": labelled}) == "--labels"
    assert task.labels == ["O", "B-PER", "I-PER"]
    with pytest.raises(UserError, match="f, line 2: unknown type 'LOC'; known are PER"):
        task.check(labelled, None)
    # Evaluated alone, a model brings the types that were found when it was trained.
    task, saved = TaggingTask("t"), {"labels": ["O", "B-PER", "I-PER", "B-GPE", "I-GPE"]}
    loading.choose_labels(task, {"test": unlabelled}, "", None, saved, False, "")
    task.check(unlabelled, None)
    assert task.labels == saved["labels"]
    with pytest.raises(UserError, match="f, line 2: unknown type 'LOC'; known are PER, GPE"):
        task.check(labelled, None)
    assert task.notes("dev", examples_of(("天", (Span(0, 1, "PER"),))))[1][1].endswith("is GPE")
    task.labels = ["O", "PER"]
    with pytest.raises(UserError, match="labels of t: 'PER' is no tag"):
        task.check(labelled, None)
    task = get_task("msra_ner")
    assert task.choose_labels(["PER", "LOC", "ORG"], "", {}) == "of the task"
    assert task.labels == ["O"] + [b + t for t in ("LOC", "ORG", "PER") for b in ("B-", "I-")]
    assert task.objective(None).num_tags == 7 and task.metric == "eval_f1"


@pytest.mark.parametrize(
    ("name", "given", "splits", "message"),
    [
        ("msra_ner", ["PER"], {}, "--labels=PER, but task msra_ner has the types LOC,ORG,PER; rem"),
        (
            "ner",
            ["O", "PER"],
            {},
            "--labels=O,PER: types of entities .PER. are expected, without O",
        ),
        ("ner", ["B-PER"], {}, "without O and without the B- and I- of tags"),
        ("ner", ["PER", "PER"], {}, "--labels=PER,PER: each type once, and none empty"),
        ("ner", ["PER", ""], {}, "--labels=PER,: each type once, and none empty"),
        ("ner", None, {}, "not known, for there are neither training nor development examples"),
        (
            "ner",
            None,
            {"train": [("天", ())]},
            "are not known, for f holds no entity; give --labels",
        ),
    ],
)
def test_wrong_labels(name, given, splits, message):
    splits = {split: examples_of(*sentences) for split, sentences in splits.items()}
    with pytest.raises(UserError, match=message):
        get_task(name).choose_labels(given, "", splits)


def test_notes_and_refusals(tokenizer):
    task = task_of()
    examples = examples_of(("天天天地", (Span(0, 1, "LOC"), Span(2, 3, "LOC"))), ("地", ()))
    assert task.notes("dev", examples) == [
        (False, "dev: 2 entities: LOC 2 (100.0%)"),
        (False, "dev: no entity is PER"),
    ]
    assert task.notes("dev", examples_of(("天", ()))) == [(True, "dev: 0 entities")]
    assert task.notes("test", examples_of(("天", None))) == []
    assert not task.is_labelled(examples_of(("天", None))[0]) and task.is_labelled(examples[1])
    assert task.texts(examples[0]) == ("天", "天", "天", "地")
    with pytest.raises(UserError, match=r"--max_seq_length=2 leaves no room .* at least 3"):
        task.rows(examples[0], tokenizer, 2)
    with pytest.raises(UserError, match="unknown type 'LOC'; known are PER"):
        task_of(types=("PER",)).check(examples, None)


@pytest.mark.parametrize("name", ["cluener", "msra_ner", "peopledaily_ner", "weibo_ner"])
def test_files_are_found_as_they_are_downloaded(shared, name):
    task = get_task(name)
    folder = os.path.join(shared, "datasets", name)
    read_back = {split: task.read(folder, split) for split in ("train", "dev", "test")}
    # MSRA has no development part; of People's Daily the training file is in another packaging.
    missing = {"msra_ner": "dev", "peopledaily_ner": "train"}.get(name)
    assert [split for split, examples in read_back.items() if examples is None] == (
        [missing] if missing else []
    )
    inner = os.path.join(folder, "ymcui_peopledaily_zip")
    if name == "peopledaily_ner":
        assert len(task.read(inner, "train")) == 1000 and len(task.read(inner, "dev")) == 500
    assert os.path.exists(os.path.join(ROOT, "configs", "finetuning", name + ".json"))
