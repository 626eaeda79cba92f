"""MRPC, CoLA and MNLI, made up in the layouts of their downloads."""

import pytest

from common.errors import UserError
from finetuning.registry import get_task

MRPC = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String"
MNLI = "\t".join(
    [
        *("index", "promptID", "pairID", "genre"),
        *("sentence1_binary_parse", "sentence2_binary_parse", "sentence1_parse", "sentence2_parse"),
        *("sentence1", "sentence2", "label1", "gold_label"),
    ]
)


def write(path, *lines):
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def contents(examples):
    return [(e.text_a, e.text_b, e.label) for e in examples]


def test_mrpc(tmp_path):
    """Quotes have no meaning, whichever of the two packagings it is."""
    write(
        tmp_path / "msr_paraphrase_train.txt", "\ufeff" + MRPC, '1\t70\t71\tHe said "go.\tGo "now".'
    )
    task = get_task("MRPC")
    train = task.read(str(tmp_path), "train")
    assert contents(train) == [('He said "go.', 'Go "now".', "1")]
    write(tmp_path / "train.tsv", MRPC, "0\t1\t2\ta\tb")
    assert contents(task.read(str(tmp_path), "train")) == [("a", "b", "0")]
    write(tmp_path / "test.tsv", MRPC.replace("Quality", "index"), "0\t1\t2\tc\td")
    assert contents(task.read(str(tmp_path), "test")) == [("c", "d", None)]
    assert (task.labels, task.metric) == (["0", "1"], "eval_accuracy")


def test_cola(tmp_path):
    write(tmp_path / "train.tsv", "gj04\t1\t\tOur friends won't buy this.", "gj04\t0\t*\tThey it.")
    write(tmp_path / "test.tsv", "index\tsentence", "0\tBill ate.")
    task = get_task("CoLA")
    assert contents(task.read(str(tmp_path), "train")) == [
        ("Our friends won't buy this.", None, "1"),
        ("They it.", None, "0"),
    ]
    assert contents(task.read(str(tmp_path), "test")) == [("Bill ate.", None, None)]
    assert (task.metric, task.headline) == ("eval_mcc", ("mcc",))


def mnli_row(first, second, label):
    return "\t".join(["0", "1n", "1", "fiction", "(", "(", "(", "(", first, second, label, label])


def test_mnli(tmp_path):
    write(tmp_path / "train.tsv", MNLI, mnli_row("a b", "c", "neutral"), mnli_row("d", "e", "-"))
    write(tmp_path / "dev_matched.tsv", MNLI, mnli_row("a", "b", "entailment"))
    unlabelled = [line.rsplit("\t", 2)[0] for line in (MNLI, mnli_row("a", "b", "x"))]
    write(tmp_path / "test_matched.tsv", *unlabelled)
    task = get_task("MNLI")
    train = task.read(str(tmp_path), "train")
    assert contents(train) == [("a b", "c", "neutral")] and train.skipped == {"labels -": 1}
    assert contents(task.read(str(tmp_path), "dev")) == [("a", "b", "entailment")]
    assert contents(task.read(str(tmp_path), "test")) == [("a", "b", None)]


@pytest.mark.parametrize(
    ("task", "lines", "message"),
    [
        ("mrpc", [MRPC.replace("#2 String", "x"), "1\t1\t1\ta\tb"], "header names no #2 string"),
        ("mrpc", [MRPC, "1\t1\t1\ta"], "line 2: 4 columns, where 5 are expected"),
        ("cola", ["gj04\t1\tsentence"], r"CoLA has the columns source, label \(0 or 1\)"),
        ("cola", ["gj04\tx\t\tsentence"], "line 1: CoLA has the columns"),
        ("mnli", ["index\tsentence1", "0\ta"], "header names no sentence2"),
    ],
)
def test_wrong_files(tmp_path, task, lines, message):
    write(tmp_path / "train.tsv", *lines)
    with pytest.raises(UserError, match=message):
        get_task(task).read(str(tmp_path), "train")
