"""Questions that may have no answer, by --version_2_with_negative: SQuAD 2.0's."""

import json

import numpy as np
import pytest
from made_questions import asked, entry, squad_file

from common.errors import UserError
from data.tokenizers.wordpiece import Vocabulary
from finetuning.examples import Examples
from finetuning.kinds.questions import Prediction
from finetuning.layouts.squad import SPAN, UNANSWERABLE
from finetuning.registry import get_task
from modeling.task_heads import ElectraHeads, GoogleHeads

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"甲乙丙"]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("unanswerable") / "vocab.txt"
    path.write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    return Vocabulary(str(path)).make_tokenizer(True)


def output(score, null):
    """The third piece of the passage with a score, and the score of no answer."""
    return {
        "span_starts": np.array([5], np.int32),
        "span_ends": np.array([5], np.int32),
        "span_scores": np.array([score], np.float32),
        "null_scores": np.float32(null),
    }


@pytest.mark.parametrize(
    ("threshold", "null", "expected"),
    [(None, 1.5, "丙"), (None, 2.5, ""), (1.0, 2.5, "丙"), (-1.0, 1.5, "")],
)
def test_the_threshold_decides(tokenizer, threshold, null, expected):
    """The score of no answer less that of the best span, 2; null_score_diff_threshold is 0."""
    task = get_task("squad")
    task.configure({} if threshold is None else {"null_score_diff_threshold": threshold})
    task.objective(GoogleHeads())
    example = asked("甲乙丙", question="乙")
    rows = task.rows(example, tokenizer, 40)
    prediction = task.decode(example, rows, [output(2.0, null)])
    assert (prediction.text, prediction.null_odds) == (expected, pytest.approx(null - 2.0))
    assert prediction.kind == (SPAN if expected else UNANSWERABLE)
    assert [span.text for span in prediction.n_best] == ["丙"]


def test_the_classifiers_odds_decide_alone(tokenizer):
    task = get_task("squad")
    task.objective(ElectraHeads("squad"))
    example = asked("甲乙丙", question="乙")
    rows = task.rows(example, tokenizer, 40)
    assert task.decode(example, rows, [output(9.0, 0.5)]).text == ""
    assert task.decode(example, rows, [output(-9.0, -0.5)]).text == "丙"


def test_training_keeps_unanswerable_questions(tmp_path, tokenizer):
    """As spans of the first token; without the option they are skipped, with the way out."""
    none = entry("2", is_impossible=True)
    path = squad_file(tmp_path / "train-v2.0.json", entry("1", ("丙", 2)), none)
    task = get_task("squad")
    examples = task.read(str(tmp_path), "train")
    assert [example.kind for example in examples] == [SPAN, UNANSWERABLE]
    assert all(map(task.is_labelled, examples))
    (row,) = task.rows(examples[1], tokenizer, 40)
    assert row.features["start_positions"] == row.features["end_positions"] == [0]
    plain = get_task("squadv1").read_file(path, "train")
    what = "questions without an answer (--version_2_with_negative trains on them)"
    assert len(plain) == 1 and plain.skipped == {what: 1}
    with pytest.raises(UserError, match="which predicts kinds of answers; remove it"):
        get_task("cjrc").configure({"version_2_with_negative": True})


def test_figures_and_files(tmp_path):
    """Against transformers' evaluation, together and for both groups; run_squad.py's names."""
    metrics = pytest.importorskip("transformers.data.metrics.squad_metrics")
    processors = pytest.importorskip("transformers.data.processors.squad")
    examples = Examples(
        [
            asked("x", ("the cat", 0), ("a cat sat", 0), identity="1"),
            asked("x", ("dog", 0), identity="2"),
            asked("x", ("", None), identity="3", kind=UNANSWERABLE),
            asked("x", ("", None), identity="4", kind=UNANSWERABLE),
        ]
    )
    texts = {"1": "Cat sat", "2": "", "3": "", "4": "dog"}
    predictions = [
        Prediction(text, SPAN if text else UNANSWERABLE, None, None, None, [], -1.0)
        for text in texts.values()
    ]
    theirs = metrics.squad_evaluate(
        [
            processors.SquadExample(
                e.id,
                "q",
                "x",
                None,
                None,
                "t",
                [{"text": a.text} for a in e.answers if a.text],
                e.kind == UNANSWERABLE,
            )
            for e in examples
        ],
        texts,
    )
    task = get_task("squad")
    figures = task.score(examples, predictions)
    for ours, name in (
        ("em", "exact"),
        ("f1", "f1"),
        ("has_answer_em", "HasAns_exact"),
        ("has_answer_f1", "HasAns_f1"),
        ("no_answer_f1", "NoAns_f1"),
    ):
        assert 100 * figures["eval_" + ours] == pytest.approx(theirs[name])
    names = task.save_predictions(str(tmp_path), "test", examples, predictions)
    google = ["predictions.json", "nbest_predictions.json", "null_odds.json"]
    assert names[-3:] == google
    assert json.loads((tmp_path / google[0]).read_text()) == texts
    assert json.loads((tmp_path / google[2]).read_text()) == dict.fromkeys(texts, -1.0)
    names = task.save_predictions(str(tmp_path), "dev", examples, predictions)
    assert not set(google) & set(names) and "squad_dev_null_odds.json" in names
