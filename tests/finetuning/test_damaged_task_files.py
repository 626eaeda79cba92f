"""Damaged task files: every reader returns examples or says in one sentence what is wrong."""

import functools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cmrc2018_drcd_evaluate
from common.errors import UserError
from finetuning.layouts import clue, squad, tagging
from finetuning.layouts.json_lines import read_json_lines
from finetuning.layouts.tables import read_table
from finetuning.layouts.xnli import read_xnli

WSC = {
    "target": {"span1_text": "王二", "span1_index": 0, "span2_text": "他", "span2_index": 3},
    "label": "true",
    "text": "王二说他来",
}
CAIL = {"fact": "事实", "meta": {"accusation": ["[盗]窃"]}}
CSL = {"abst": "摘要", "keyword": ["词", "字"], "label": 1}
NER = {"text": "王二在北京", "label": {"P": {"王二": [[0, 1]]}, "L": {"北京": [[3, 4]]}}}
QUESTION = {"id": 7, "question": "谁", "answers": [{"text": "王二", "answer_start": 1}]}
SQUAD = {"data": [{"paragraphs": [{"context": "王二来", "qas": [QUESTION]}]}]}
CMRC = [{"context_text": "王二", "qas": [{"query_id": "a", "query_text": "谁", "answers": ["王"]}]}]
XNLI = "language\tgold_label\tsentence1\tsentence2\nzh\tneutral\t好\t坏\nen\tneutral\ta\tb\n"
# Reader, ending of the file's name, a sound file.
SOUND = {
    "table": (read_table, ".tsv", "\ufefflabel\ttext_a\r\n1\t好\r\n0\t坏\n"),
    "commas": (read_table, ".csv", 'sentence1,sentence2,label\n"好,""a""",坏,1\n'),
    "xnli": (read_xnli, ".tsv", XNLI),
    "translated": (read_xnli, ".tsv", "premise\thypo\tlabel\n从 a b 上\t坏\tcontradictory\n"),
    "charges": (functools.partial(read_json_lines, make=clue.single_charge), ".json", CAIL),
    "coreference": (functools.partial(read_json_lines, make=clue.coreference), ".json", WSC),
    "keywords": (
        functools.partial(read_json_lines, make=clue.keywords_and_abstract),
        ".json",
        CSL,
    ),
    "columns": (tagging.read_columns, ".txt", "王 B-P\n二\tE-P\n\n在\tO\n"),
    "places": (
        functools.partial(tagging.read_tagged, has_places=True),
        ".txt",
        "王0\tB-P\n二1\tI-P\n",
    ),
    "joined": (tagging.read_tagged, ".tsv", "text_a\tlabel\n王\x02二\tB-P\x02I-P\n"),
    "words": (tagging.read_tagged, ".txt", "王二/nr 来/o\n"),
    "spans": (tagging.read_tagged, ".json", NER),
    "squad": (squad.read_questions, ".json", SQUAD),
    "cmrc": (squad.read_questions, ".json", CMRC),
    "references": (cmrc2018_drcd_evaluate.read_references, ".json", SQUAD),
    "predictions": (cmrc2018_drcd_evaluate.read_predictions, ".json", {"a": "王", "b": 7}),
}
DAMAGE = st.lists(
    st.tuples(
        st.floats(0, 0.999),
        st.integers(0, 3),
        st.sampled_from(
            [b"", b"\x00", b"\t", b"\n", b"\r", b'"', b"{", b"]", b"-1", b"1e9", b"\xff"]
        )
        | st.sampled_from([b"null", b"true", b"[[", b"\\ud800", b"\xef\xbb\xbf", b"9" * 5000]),
    ),
    max_size=3,
)


@pytest.mark.parametrize("name", sorted(SOUND))
@settings(max_examples=40, deadline=None)
@given(damage=DAMAGE)
def test_damaged_files(tmp_path_factory, name, damage):
    read, ending, content = SOUND[name]
    if not isinstance(content, str):
        content = json.dumps(content, ensure_ascii=False)
    content = content.encode("utf-8")
    for place, removed, inserted in damage:
        at = int(place * len(content))
        content = content[:at] + inserted + content[at + removed :]
    path = tmp_path_factory.getbasetemp() / ("damaged_" + name + ending)
    path.write_bytes(content)
    try:
        examples = read(str(path))
    except UserError as error:
        assert damage and str(path) in str(error) and len(str(error)) < 600
    else:
        assert examples or name == "predictions"
