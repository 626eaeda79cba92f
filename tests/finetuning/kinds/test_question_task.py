"""Reading comprehension as a task: rows of windows, answers by place, scores, files."""

import collections
import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_questions import asked, entry, squad_file

import cmrc2018_drcd_evaluate
from common.errors import UserError
from data.tokenizers.wordpiece import Vocabulary
from finetuning import features
from finetuning.examples import Examples
from finetuning.kinds.question_row_options import QuestionRowOptions
from finetuning.kinds.questions import NO_ANSWER, Candidate, Prediction, QuestionTask
from finetuning.layouts.squad import (
    KINDS,
    NO,
    SPAN,
    UNANSWERABLE,
    YES,
    read_questions,
)
from finetuning.registry import TASK_NAMES, get_task

# Passages that overlap themselves, with English words of several pieces and blanks.
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"甲乙丙丁，。？", "ab", "##c", "##d"]
# File, its task -> questions; those whose answer begins or ends within a piece (once only with a
# mark, which scorers leave out).
FILES = {
    ("cmrc2018/squad-style-data/cmrc2018_train.json", "cmrc2018"): (1505, 0),
    ("cmrc2018/squad-style-data/cmrc2018_dev.json", "cmrc2018"): (1584, 1),
    ("cmrc2018/squad-style-data/cmrc2018_trial.json", "cmrc2018"): (1002, 0),
    ("cmrc2018/data/cmrc2018_dev.json", "cmrc2018"): (368, 0),
    ("cmrc2018/data/cmrc2018_trial.json", "cmrc2018"): (1002, 0),
    ("drcd/DRCD_dev.json", "drcd"): (3524, 2),
    ("drcd/DRCD_test.json", "drcd"): (507, 4),
    ("cjrc/small_train_data_excerpt.json", "cjrc"): (275, 1),
    ("cjrc/cail2021_mrc_small.json", "cjrc"): (320, 0),
}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("questions") / "vocab.txt"
    path.write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    return Vocabulary(str(path)).make_tokenizer(True)


@pytest.fixture(scope="module")
def chinese(shared):
    path = os.path.join(shared, "datasets", "vocab", "vocab.txt")
    return Vocabulary(path).make_tokenizer(True)


def true_outputs(task, rows, kind=SPAN):
    """What a perfect model would give: score 1 for the answer, less for spans around it."""
    outputs = []
    for row in rows:
        (start,), (end,) = row.features["start_positions"], row.features["end_positions"]
        length = len(row.features["input_ids"])
        starts = [start, max(0, start - 1), start, 0, length - 1]
        ends = [end, end, min(end + 1, length - 1), 0, length - 1]
        output = {
            "span_starts": np.array(starts, np.int32),
            "span_ends": np.array(ends, np.int32),
            "span_scores": np.array([float(start > 0), 0.5, 0.5, 0.9, 0.9], np.float32),
        }
        if task.kinds:
            output["kind_scores"] = np.log([0.7 if k == kind else 0.1 for k in task.kinds])
        outputs.append(output)
    return outputs


@pytest.mark.parametrize(("name", "task_name"), sorted(FILES))
def test_answers_of_a_file(shared, chinese, name, task_name):
    """Rows point at the pieces of the answers; perfect outputs give back perfect answers."""
    task = get_task(task_name)
    task.choose_labels(None, None, {})
    task.configure({"max_answer_length": 440})  # more than any answer has
    examples = task.read_file(os.path.join(shared, "datasets", name), "train")
    total, cut = FILES[name, task_name]
    assert len(examples) == total
    predictions, inexact = [], 0
    for example in examples:
        rows = task.rows(example, chinese, 512)
        kind = {row.features["answer_kinds"][0] for row in rows}
        assert kind == {KINDS.index(example.kind)}
        placed = [row for row in rows if row.features["start_positions"][0]]
        assert bool(placed) == (example.kind == SPAN)
        if placed:
            expected = spelled(chinese, chinese.tokenize(example.answers[0].text).ids)
            texts_of_pieces = {spelled(chinese, labelled_pieces(row)) for row in placed}
            assert len(texts_of_pieces) == 1
            inexact += texts_of_pieces != {expected}
        outputs = true_outputs(task, rows, example.kind)
        predictions.append(task.decode(example, rows, outputs))
        text = predictions[-1].text
        assert text in example.context or example.kind != SPAN
        assert all(len(row.features["input_ids"]) <= 512 for row in rows)
    assert inexact == cut
    references = [example._replace(answers=example.answers[:1]) for example in examples]
    figures = task.score(references, predictions)
    wrong = cut - (name == "drcd/DRCD_test.json")
    assert figures["eval_em"] == pytest.approx(1 - wrong / total, abs=1e-9)
    assert figures["eval_f1"] >= figures["eval_em"]
    if example.group:
        assert figures["eval_civil_em"] == figures["eval_em"]


def spelled(tokenizer, ids):
    """Pieces as text, whether they begin a word or not: an answer may begin within one."""
    return "".join(tokenizer.vocabulary.spelling(i).text for i in ids)


def labelled_pieces(row):
    (start,), (end,) = row.features["start_positions"], row.features["end_positions"]
    assert row.features["segment_ids"][start : end + 1] == [1] * (end - start + 1)
    return row.features["input_ids"][start : end + 1]


def test_rows(tokenizer):
    task = QuestionTask(
        "q", options=QuestionRowOptions(doc_stride=3, max_answer_length=2, max_query_length=2)
    )
    example = asked("甲abc 乙。丙ab丁", ("丙ab", 7), question="丙？")
    first, second = task.rows(example, tokenizer, 10)
    ids = [tokenizer.vocabulary.ids[t] for t in TOKENS]
    assert ids == list(range(len(TOKENS)))
    question = [2, 7, 11, 3]
    assert first.features["input_ids"] == [*question, 5, 12, 13, 6, 10, 3]
    assert second.features["input_ids"] == [*question, 6, 10, 7, 12, 8, 3]
    assert second.features["segment_ids"] == [0] * 4 + [1] * 6
    for row, start, end in ((first, 0, 0), (second, 6, 7)):
        assert row.features["start_positions"] == [start]
        assert row.features["end_positions"] == [end]
        assert row.features["answer_kinds"] == [0] and not row.is_truncated
    assert list(first.place.is_best) == [True, True, True, True, False]
    assert list(second.place.is_best) == [False, True, True, True, True]
    longer = task.rows(example._replace(question="丙？？"), tokenizer, 10)
    assert [row.features for row in longer] == [first.features, second.features]
    assert longer[0].is_truncated
    # The same window without its answer, for there is none, or it is no span.
    for other in (asked(example.context), asked(example.context, ("YES", None), kind=YES)):
        rows = task.rows(other._replace(question="丙？"), tokenizer, 10)
        assert rows[1].features["start_positions"] == [0]
        assert rows[1].features["answer_kinds"] == [KINDS.index(other.kind)]
    unknown = task.rows(asked("", kind=None), tokenizer, 10)
    assert [row.features["input_ids"] for row in unknown] == [[2, 5, 11, 3, 3]]
    with pytest.raises(UserError, match=r"q\.json, question 1: a row has room for 1 pieces"):
        task.rows(example, tokenizer, 6)


@st.composite
def decodings(draw):
    """(passage, random spans for as many windows as it may have, longest answer)."""
    context = "".join(
        draw(st.lists(st.sampled_from(["甲", "乙", "丙", " ", "abc ", "。"]), max_size=30))
    )
    spans = st.tuples(st.integers(0, 14), st.integers(0, 14), st.integers(-9, 9))
    windows = draw(st.lists(st.lists(spans, min_size=1, max_size=8), min_size=40, max_size=40))
    return context, windows, draw(st.integers(1, 5))


@settings(max_examples=60, deadline=None)
@given(case=decodings())
def test_predictions_are_parts_of_the_passage(tokenizer, case):
    """Against a search over all spans by the rules as they are written down."""
    context, spans, longest = case
    task = QuestionTask(
        "q", options=QuestionRowOptions(doc_stride=3, max_answer_length=longest, n_best_size=4)
    )
    example = asked(context)
    rows = task.rows(example, tokenizer, 14)
    outputs = [
        dict(zip(("span_starts", "span_ends", "span_scores"), np.array(spans_of_row).T))
        for spans_of_row in spans[: len(rows)]
    ]
    prediction = task.decode(example, rows, outputs)
    allowed, starts = [], []
    for row, candidates in zip(rows, spans):
        for start, end, score in candidates:
            first, last = start - row.place.first, end - row.place.first
            if not 0 <= first < len(row.place.is_best):
                continue
            first_piece = row.place.window.start + first
            starts.append((score, first_piece, first_piece))
            is_span = first <= last < len(row.place.is_best) and last - first < longest
            last_piece = row.place.window.start + last
            best_ends = [
                other.place.window.end
                for other in rows
                if other.place.window.start <= first_piece < other.place.window.end
                and other.place.is_best[first_piece - other.place.window.start]
            ]
            assert len(best_ends) == 1
            if is_span and (row.place.is_best[first] or last_piece >= best_ends[0]):
                allowed.append((score, first_piece, last_piece))
    allowed = allowed or starts
    assert prediction.kind == SPAN and len(prediction.n_best) <= 4
    if not allowed:
        assert prediction == Prediction("", SPAN, None, None, None, [])
        return
    offsets = rows[0].place.offsets
    texts = collections.defaultdict(set)
    for score, first, last in allowed:
        texts[score].add(context[offsets[first, 0] : offsets[last, 1]])
    assert prediction.score == max(texts) and prediction.text in texts[prediction.score]
    assert prediction.text and prediction.text == context[prediction.start : prediction.end]
    assert prediction.n_best[0][:2] == (prediction.text, prediction.score)
    assert len({other.text for other in prediction.n_best}) == len(prediction.n_best)
    for better, worse in zip(prediction.n_best, prediction.n_best[1:]):
        assert better.score >= worse.score
        assert worse.text == context[worse.start : worse.end]


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.integers(1, 40), room=st.integers(1, 12), stride=st.integers(1, 15), data=st.data()
)
def test_every_answer_can_be_found(tokenizer, pieces, room, stride, data):
    """Even where windows are so short that its start has more context in one that cuts it."""
    context = "".join("甲乙丙丁"[i * i % 7 % 4] for i in range(pieces))
    longest = data.draw(st.integers(1, room))
    task = QuestionTask(
        "q", options=QuestionRowOptions(doc_stride=stride, max_answer_length=longest)
    )
    start = data.draw(st.integers(0, pieces - 1))
    end = min(pieces, start + longest)
    example = asked(context, (context[start:end], start))
    rows = task.rows(example, tokenizer, room + 5)
    prediction = task.decode(example, rows, true_outputs(task, rows))
    assert (prediction.start, prediction.end, prediction.score) == (start, end, 1.0)


def kind_output(*shares):
    ones = np.ones(1, np.int32)
    return {
        "span_starts": 4 * ones,
        "span_ends": 4 * ones,
        "span_scores": ones.astype(np.float32),
        "kind_scores": np.log(shares),
    }


@pytest.mark.parametrize(
    ("shares", "kind", "text", "score"),
    [
        ([(0.7, 0.1, 0.1, 0.1), (0.1, 0.1, 0.1, 0.7)], SPAN, "甲", 1.0),
        ([(0.2, 0.1, 0.1, 0.6), (0.2, 0.3, 0.1, 0.4)], UNANSWERABLE, "", np.log(0.4)),
        ([(0.2, 0.1, 0.1, 0.6), (0.1, 0.5, 0.3, 0.1)], YES, "YES", np.log(0.5)),
        ([(0.2, 0.1, 0.1, 0.6), (0.1, 0.1, 0.7, 0.1)], NO, "NO", np.log(0.7)),
    ],
)
def test_kinds(tokenizer, shares, kind, text, score):
    """Largest share in any window; of having no answer the smallest."""
    task = QuestionTask(
        "q", kinds=KINDS, options=QuestionRowOptions(doc_stride=4, max_answer_length=1)
    )
    example = asked("甲乙丙丁甲乙")
    rows = task.rows(example, tokenizer, 9)
    assert len(rows) == 2
    prediction = task.decode(example, rows, [kind_output(*one) for one in shares])
    assert (prediction.kind, prediction.text) == (kind, text)
    assert prediction.score == pytest.approx(score)
    assert (prediction.start, prediction.end) == ((0, 1) if kind == SPAN else (None, None))
    assert [other.text for other in prediction.n_best] == ["甲"]


def test_predictions_are_what_the_scorer_reads(tmp_path, capsys):
    path = squad_file(tmp_path / "dev.json", entry("1", ("甲乙", 0)), entry("二", ("丙", 2)))
    task = get_task("cmrc2018")
    examples = task.read_file(path, "dev")
    candidates = [("甲乙", 2.0, 0, 2), ("甲", 2.0 - np.log(3), 0, 1)]
    first = Prediction("甲乙", SPAN, 2.0, 0, 2, [Candidate(*c) for c in candidates])
    predictions = [first, Prediction("", SPAN, None, None, None, [])]
    task.save_predictions(str(tmp_path), "dev", examples, predictions)
    written = tmp_path / "cmrc2018_dev_preds.json"
    assert json.loads(written.read_text(encoding="utf-8")) == {"1": "甲乙", "二": ""}
    assert "甲乙" in written.read_text(encoding="utf-8")
    n_best = json.loads((tmp_path / "cmrc2018_dev_nbest.json").read_text(encoding="utf-8"))
    assert [(c["text"], c["score"]) for c in n_best["1"]] == [c[:2] for c in candidates]
    assert [c["probability"] for c in n_best["1"]] == pytest.approx([0.75, 0.25])
    assert n_best["二"] == [] and not (tmp_path / "cmrc2018_dev_result.json").exists()
    assert not (tmp_path / "cmrc2018_predict.json").exists()
    for name in ("cmrc2018", "drcd"):  # CLUE's names
        files = get_task(name).save_predictions(str(tmp_path), "test", examples, predictions)
        submission = name + "_predict.json"
        assert files[-1] == submission
        answers = json.loads((tmp_path / submission).read_text(encoding="utf-8"))
        assert answers == {"1": "甲乙", "二": ""}
    cmrc2018_drcd_evaluate.main([path, str(written)])
    printed = json.loads(capsys.readouterr().out)
    figures = task.score(examples, predictions)
    for name, figure in (("EM", "em"), ("F1", "f1"), ("AVERAGE", "average")):
        assert float(printed[name]) == pytest.approx(100 * figures["eval_" + figure], abs=1e-3)


def test_what_is_trained_on(tmp_path):
    """What cannot be trained on is counted; evaluation keeps it."""
    questions = [
        entry("span", ("丙", 2)),
        entry("elsewhere", ("丁", 0)),
        entry("yes", ("YES", -1)),
        entry("none", is_impossible="true"),
        {"id": "unknown", "question": "谁？"},
    ]
    path = squad_file(tmp_path / "train.json", *questions)
    spans, kinds = get_task("drcd"), get_task("cjrc")
    examples = spans.read_file(path, "train")
    assert [e.id for e in examples] == ["span"]
    assert sum(examples.skipped.values()) == 4
    assert examples.skipped["questions whose answer is no part of the passage"] == 1
    assert examples.skipped[NO_ANSWER] == 1
    assert [e.id for e in kinds.read_file(path, "train")] == ["span", "yes", "none"]
    dev = spans.read_file(path, "dev")
    assert [spans.is_labelled(e) for e in dev] == [True, True, True, False, False]
    assert [kinds.is_labelled(e) for e in dev] == [True, True, True, True, False]
    only = squad_file(tmp_path / "dev.json", questions[2])
    with pytest.raises(UserError, match=r"dev\.json"):
        spans.read_file(only, "train")


def test_answers_taken_out_by_the_organisers(tmp_path):
    blanked = entry("1", is_impossible="")
    (example,) = read_questions(squad_file(tmp_path / "data.json", blanked, domain=""))
    assert (example.answers, example.kind, example.group) == ((), None, "")
    assert not get_task("cjrc").is_labelled(example)
    wrong = entry("1", ("甲", 0), is_impossible="")
    with pytest.raises(UserError, match="is_impossible is , but must be true or false"):
        read_questions(squad_file(tmp_path / "data.json", wrong))


def test_files_and_labels(tmp_path):
    task = get_task("cmrc2018")
    folder = tmp_path / "squad-style-data"
    folder.mkdir()
    squad_file(folder / "cmrc2018_train.json", entry("1", ("丙", 2)))
    assert len(task.read(str(tmp_path), "train")) == 1
    assert task.read(str(tmp_path), "dev") is None
    squad_file(folder / "cmrc2018_trial.json", entry("1", ("丙", 2)))
    assert task.read(str(tmp_path), "test").path.endswith("cmrc2018_trial.json")
    assert task.choose_labels(None, str(tmp_path), {}) == "of the task" and task.labels == [SPAN]
    with pytest.raises(UserError, match="--labels=a,b, but the answers of task cmrc2018"):
        task.choose_labels(["a", "b"], str(tmp_path), {})
    law = get_task("cjrc")
    law.choose_labels(None, str(tmp_path), {})
    assert tuple(law.labels) == KINDS
    squad_file(tmp_path / "big_train_data.json", entry("1", ("丙", 2)))
    squad_file(tmp_path / "dev_ground_truth.json", entry("1", ("丙", 2)))
    assert len(law.read(str(tmp_path), "train")) == len(law.read(str(tmp_path), "dev")) == 1
    assert {"cmrc2018", "drcd", "cjrc"} <= set(TASK_NAMES)
    for name, rate in (("cmrc2018", 3e-5), ("drcd", 3e-5), ("cjrc", 4e-5)):
        flags = get_task(name).defaults.of("base")
        assert (flags["max_seq_length"], flags["num_train_epochs"]) == (512, 2)
        assert flags["learning_rate"] == rate


def test_notes_and_checks():
    task = get_task("cjrc")
    examples = Examples(
        [
            asked("甲" * 40, ("甲" * 31, 0), ("甲" * 35, 0)),
            asked(" ", ("YES", None), kind=YES, question=""),
            asked("甲", kind=None),
        ]
    )
    lines = task.notes("dev", examples)
    assert [is_warning for is_warning, _ in lines] == [True, True, False, False]
    text = " | ".join(line for _, line in lines)
    assert "dev: 1 questions have an empty question" in text
    assert "dev: 1 questions have an empty passage" in text
    assert "span 1 (33.3%), yes 1 (33.3%), no 0 (0.0%), unanswerable 0 (0.0%)" in text
    assert "the answers to 1 questions (33.3%) have more than 30 characters" in text
    assert task.texts(examples[0]) == ("甲？", "甲" * 40)
    Config = collections.namedtuple("Config", ["type_vocab_size", "source"])
    task.check(examples, Config(2, "c.json"))
    with pytest.raises(UserError, match=r"question 1 is a question .* but c\.json has token types"):
        task.check(examples, Config(1, "c.json"))


def test_records(tmp_path, tokenizer):
    """Rows that were made with other windows are made anew."""
    task = QuestionTask(
        "q", options=QuestionRowOptions(doc_stride=3, max_answer_length=2, max_query_length=2)
    )
    task.choose_labels(None, None, {})
    examples = Examples([asked("甲乙丙丁甲乙丙丁", ("丁", 3), question="谁谁？")])
    path = str(tmp_path / "q.tfrecord")

    def write():
        return features.write_features(path, task, examples, tokenizer, 10)

    first = write()
    assert (first.rows, first.truncated, first.is_kept) == (2, 1, False)
    assert write().is_kept
    task.configure({"doc_stride": 1})
    again = write()
    assert (again.rows, again.is_kept) == (4, False)
