"""Named entities: tasks from their files to rows, entities, scores and files for scorers."""

import functools
import json
import os

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from data.records import RecordLayout
from data.tfrecord import read_records
from data.tokenization import SPECIAL_TOKENS, Vocabulary, WordPieceTokenizer
from data.vocabularies import read_vocabulary
from errors import UserError
from finetuning import audit, submissions
from finetuning.examples import Example, Examples
from finetuning.features import write_features
from finetuning.layouts.tagging import TaggedExample, read_columns, read_span_objects
from finetuning.spans import Span, spans_of_tags, tags_of_spans, without_overlaps
from finetuning.tagging import Tagged, TaggingTask
from finetuning.tasks import get_task

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
    found = Examples(path="f")
    for i, (tokens, spans) in enumerate(sentences):
        found.append(TaggedExample(tuple(tokens), spans, "f, line {}".format(i + 1), i))
    return found


def task_of(types=TYPES, **options):
    task = TaggingTask("t", types=types, **options)
    task.choose_labels(None, "", {})
    return task


def perfect_outputs(rows, length):
    """Outputs of a model that knows the tags of what counts, and is wrong elsewhere."""
    found = []
    for row in rows:
        tags = np.full(length, 1, np.int32)
        known = np.array(row.features["tag_ids"])
        tags[: len(known)] = np.where(known < 0, 1, known)
        found.append({"tags": tags, "tag_probabilities": np.full(length, 0.5, np.float32)})
    return found


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
        ids, found = row.features["input_ids"], np.array(row.features["tag_ids"])
        assert len(ids) == len(found) == len(row.features["segment_ids"]) <= length
        assert (ids[0], ids[-1], row.is_truncated) == (vocabulary.cls, vocabulary.sep, False)
        at += (max(1, (length - 2) // 2)) if number else 0
        assert ids[1:-1] == text[at : at + length - 2]
        assert len(rows) == 1 or number == len(rows) - 1 or len(ids) == length
        for position in np.flatnonzero(found >= 0):
            counted.append((at + position - 1, found[position]))
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
    found = task.decode(example, rows, outputs)
    assert found.tags == ["B-PER", "I-PER", "I-PER", "I-LOC"]
    assert found.spans == [Span(0, 3, "PER"), Span(3, 4, "LOC")]
    assert found.probabilities == [pytest.approx((0.5 + 0.25 + 0.75) / 3), 1.0]
    (empty,) = task.rows(TaggedExample((), None, "f", None), tokenizer, 5)
    assert len(empty.features["input_ids"]) == 2
    assert task.decode(TaggedExample((), None, "f", None), [empty], outputs[:1]) == ([], [], [])


def test_records(tmp_path, tokenizer):
    task, examples = task_of(), examples_of(("天ab地天", None), (["地"], (Span(0, 1, "LOC"),)))
    path = str(tmp_path / "rows")
    found = write_features(path, task, examples, tokenizer, 5)
    assert (found.rows, found.truncated) == (4, 0)
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
        in [text for _, text in audit.describe(task, {"dev": examples}, {"dev": found}, 5)][2]
    )


any_tags = st.lists(
    st.sampled_from(["O", *("{}-{}".format(b, t) for b in "BI" for t in TYPES)]), max_size=9
)


@settings(max_examples=60, deadline=None)
@given(pairs=st.lists(st.tuples(any_tags, any_tags), min_size=1, max_size=6))
def test_scores_are_seqevals(pairs):
    metrics = pytest.importorskip("seqeval.metrics")
    expected, predicted = [], []
    for one, other in pairs:
        length = max(len(one), len(other))
        expected.append(one + ["O"] * (length - len(one)))
        predicted.append(other + ["O"] * (length - len(other)))
    examples = examples_of(*(("天" * len(t), tuple(spans_of_tags(t)[0])) for t in expected))
    found = task_of().score(
        examples, [Tagged(t, spans_of_tags(t)[0], []) for t in predicted], "test"
    )
    assert list(found) == ["test_f1", "test_precision", "test_recall", "test_macro_f1"]
    if not any(tag != "O" for tags in expected + predicted for tag in tags):
        assert set(found.values()) == {0.0}
        return
    assert list(found.values()) == pytest.approx(
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
    found = read_columns(str(tmp_path / "dev_predictions.txt"))
    assert [list(e.spans) for e in found] == [p.spans for p in predictions]
    assert found[0].tokens == ("天", " ", " ", " ", " ", "ab", "\u200b", " ", "#", "-")
    assert [e.tokens for e in found[1:]] == [("地",), (" ",)]


def test_submission_of_cluener(tmp_path):
    """Several of a type, none, and an entity that comes twice."""
    text = "天地协会会长兼主编王小明"
    label = {
        "organization": {"天地协会": [[0, 3]]},
        "position": {"会长": [[4, 5]], "主编": [[7, 8]]},
        "name": {"王小明": [[9, 11]]},
    }
    rows = [
        {"id": 7, "text": text, "label": label},
        {"id": 9, "text": "你我", "label": {}},
        {"id": 11, "text": "你和你", "label": {"name": {"你": [[0, 0], [2, 2]]}}},
    ]
    (tmp_path / "test.json").write_text("".join(json.dumps(r) + "\n" for r in rows))
    task = get_task("cluener")
    examples = task.read(str(tmp_path), "test")
    predictions = [Tagged(tags_of_spans(e.spans, len(e.tokens)), e.spans, []) for e in examples]
    task.save_predictions(str(tmp_path), "test", examples, predictions)
    lines = (tmp_path / "cluener_predict.json").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": row["id"], "label": row["label"]} for row in rows
    ]
    assert lines[2] == '{"id": 11, "label": {"name": {"你": [[0, 0], [2, 2]]}}}'
    (tmp_path / "dev").mkdir()
    task.save_predictions(str(tmp_path / "dev"), "dev", examples, predictions)
    assert os.listdir(str(tmp_path / "dev")) == ["dev_predictions.txt"]


def test_submission_of_a_whole_file_is_read_back(shared, tmp_path):
    path = os.path.join(shared, "datasets", "cluener", "dev.json")
    task = get_task("cluener")
    examples = task.read_file(path, "dev")
    assert [example.id for example in examples] == list(range(len(examples)))
    written = submissions.save_entities(
        str(tmp_path / "p.json"), examples, [example.spans for example in examples]
    )
    again = tmp_path / "again.json"
    with open(written, encoding="utf-8") as reader, open(path, encoding="utf-8") as texts:
        merged = [dict(json.loads(a), **json.loads(b)) for a, b in zip(texts, reader)]
    again.write_text("".join(json.dumps(row) + "\n" for row in merged))
    found = read_span_objects(str(again))
    assert [(e.tokens, e.spans) for e in found] == [(e.tokens, e.spans) for e in examples]
    # Nothing overlaps here: the file's own labels, but for the order of places.
    with open(path, encoding="utf-8") as texts:
        expected = [json.loads(line)["label"] for line in texts]
    for entities in (found for label in expected for found in label.values()):
        entities.update({entity: sorted(places) for entity, places in entities.items()})
    assert [row["label"] for row in merged] == expected


NAMES = {
    ("afqmc", "test.json"): "afqmc_predict.json",
    ("cmnli", "test.json"): "cmnli_predict.json",
    ("ocnli", "test.json"): "ocnli_50k_predict.json",
    ("iflytek", "test.json"): "iflytek_predict.json",
    ("csl", "test.json"): "csl_predict.json",
    ("tnews", "test.json"): "tnews11_predict.json",
    ("tnews", "test1.0.json"): "tnews10_predict.json",
    ("cluewsc2020", "test1.1.json"): "cluewsc11_predict.json",
    ("cluewsc2020", "test1.0.json"): "cluewsc10_predict.json",
    ("cluewsc2020", "test.json"): "cluewsc2020_predict.json",
    ("lcqmc", "test.tsv"): None,
    ("tsv", "test.tsv"): None,
}


@pytest.mark.parametrize(("task", "path"), sorted(NAMES))
def test_names_of_submissions(task, path):
    assert submissions.name_for(task, "some/folder/" + path) == NAMES[task, path]


def numbered(path, ids):
    found = Examples(path=path)
    found += [Example("a", None, None, "f", i) for i in ids]
    return found


def test_submissions_of_classes(tmp_path):
    folder = str(tmp_path)
    written = submissions.save_classes(
        folder, "ocnli", numbered("d/test.json", [0, 5]), ["b", "中"]
    )
    assert written == str(tmp_path / "ocnli_50k_predict.json")
    with open(written, encoding="utf-8") as reader:
        assert reader.read() == '{"id": 0, "label": "b"}\n{"id": 5, "label": "中"}\n'
    labels = get_task("tnews").labels
    examples = numbered("d/test.json", range(15))
    with open(submissions.save_classes(folder, "tnews", examples, labels)) as reader:
        rows = [json.loads(line) for line in reader]
    assert rows[3] == {"id": 3, "label": "103", "label_desc": "news_sports"}
    assert [list(row) for row in rows] == [["id", "label", "label_desc"]] * 15
    assert submissions.save_classes(folder, "lcqmc", examples, labels) is None


def test_topics_of_tnews(shared, tmp_path):
    with open(os.path.join(shared, "datasets", "tnews", "labels.json")) as reader:
        expected = [json.loads(line) for line in reader]
    examples = numbered("d/test.json", range(len(expected)))
    labels = [row["label"] for row in expected]
    with open(submissions.save_classes(str(tmp_path), "tnews", examples, labels)) as reader:
        assert [dict(json.loads(line), id=None) for line in reader] == [
            dict(row, id=None) for row in expected
        ]


def test_no_submission_out_of_step(tmp_path):
    """The site compares line by line."""
    examples = numbered("d/test.json", [0, 2])
    examples.skipped["empty lines"] = 1
    assert submissions.notes("csl", examples) == []
    assert submissions.save_classes(str(tmp_path), "csl", examples, ["0", "1"])
    examples.skipped["spans that are not in their place"] = 1
    assert submissions.save_classes(str(tmp_path), "afqmc", examples, ["0", "1"]) is None
    assert os.listdir(str(tmp_path)) == ["csl_predict.json"]
    ((is_warning, text),) = submissions.notes("afqmc", examples)
    assert is_warning and "afqmc_predict.json would not match d/test.json line by line" in text
    assert submissions.notes("lcqmc", examples) == []


def test_ids(tmp_path):
    path = tmp_path / "a.json"
    rows = [{"text": "王", "id": 5}, {"text": "王", "id": "x"}, {"text": ""}, {"text": "二"}]
    rows.append({"text": "二", "id": True})
    path.write_text("\n".join(json.dumps(row) for row in rows))
    assert [example.id for example in read_span_objects(str(path))] == [5, "x", 3, 4]


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
    task = get_task("msra_ner")
    assert task.choose_labels(["PER", "LOC", "ORG"], "", {}) == "of the task"
    assert task.labels == ["O"] + [b + t for t in ("LOC", "ORG", "PER") for b in ("B-", "I-")]
    assert task.objective(None).num_tags == 7 and task.metric == "eval_f1"


@pytest.mark.parametrize(
    ("name", "given", "splits", "message"),
    [
        ("msra_ner", ["PER"], {}, "--labels=PER, but task msra_ner has the types LOC,ORG,PER; lea"),
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
    found = {split: task.read(folder, split) for split in ("train", "dev", "test")}
    # MSRA has no development part; of People's Daily the training file is in another packaging.
    missing = {"msra_ner": "dev", "peopledaily_ner": "train"}.get(name)
    assert [split for split, examples in found.items() if examples is None] == (
        [missing] if missing else []
    )
    inner = os.path.join(folder, "ymcui_peopledaily_zip")
    if name == "peopledaily_ner":
        assert len(task.read(inner, "train")) == 1000 and len(task.read(inner, "dev")) == 500
    assert os.path.exists(os.path.join(ROOT, "configs", "finetuning", name + ".json"))
