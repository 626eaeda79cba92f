"""--keep_text_private: nothing of the corpus in what is printed, kept or said of errors; and copies
of documents, which the report counts."""

import json
import re

import pytest
from creation_runs import VOCAB, make

from common.errors import UserError
from data.text import conllu_text, privacy, user_dictionary
from data.text.fingerprints import SAMPLED, copies_share, sample
from data.text.ltp.annotator import example_of

# As it is, or as a terminal without it shows it.
CJK = re.compile("[\u3400-\u9fff]|\\\\u[3-9]")
TEXT = "甲患者咳嗽三天。龘龘病？\n\n乙患者发热。\n\n甲患者咳嗽三天。\n龘龘病？\n\n"


@pytest.fixture
def public():
    yield
    privacy.keep_text_private(False)


def written(folder, **changes):
    (folder / "in.txt").write_text(TEXT, encoding="utf-8")
    (folder / "words.txt").write_text("咳嗽三天\n从不出现\n龘龘龘\n", encoding="utf-8")
    return dict(
        input_file=folder / "in.txt",
        input_format="raw",
        vocab_file=VOCAB,
        user_dict=folder / "words.txt",
        dupe_factor=1,
        num_workers=1,
        short_seq_prob=0,
        **changes,
    )


def test_a_run_says_and_keeps_nothing_of_the_text(tmp_path, run_in_one, one_line_error):
    flags = written(tmp_path)
    runs = [
        dict(flags, output_file=tmp_path / "open"),
        dict(flags, output_file=tmp_path / "kept", keep_text_private=True),
    ]
    (tmp_path / "bad.txt").write_text("甲 3.5\n", encoding="utf-8")
    runs.append(dict(runs[1], user_dict=tmp_path / "bad.txt"))
    shown, kept, bad = run_in_one("create_pretraining_data.py", runs)
    one_line_error(bad, "bad.txt line 1: the frequency must be", "found (text kept private)")
    manifests = {
        name: (tmp_path / "_{}.manifest.json".format(name)).read_text(encoding="utf-8")
        for name in ("open", "kept")
    }
    assert CJK.search(shown.stdout) and CJK.search(manifests["open"])
    assert kept.returncode == 0 and not CJK.search(kept.stdout + kept.stderr + manifests["kept"])
    assert "of the pieces (not shown)" in kept.stdout
    assert "words.txt: 1 of 3 words occur; 2 never do, as they are written" in kept.stdout
    assert json.loads(manifests["kept"])["flags"]["keep_text_private"] is True
    # The same records, and the same note on the copy.
    assert (tmp_path / "open").read_bytes() == (tmp_path / "kept").read_bytes()
    for done in (shown, kept):
        assert (
            "note: 33.3% of the documents are copies of others; python -m data.scan" in done.stdout
        )


def test_messages(tmp_path, public):
    privacy.keep_text_private(True)
    (tmp_path / "d.txt").write_text("甲\n甲\n##乙\n", encoding="utf-8")
    dictionary = user_dictionary.read_user_dictionary(str(tmp_path / "d.txt")).usable("rjieba")
    assert [note.split(": ", 1)[1] for note in dictionary.notes()] == [
        "repeated: line 2",
        "not used, since ## is a mark of vocabularies and in no text: line 3",
    ]
    (tmp_path / "d.txt").write_text("甲 3.5\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"must be a whole number, found \(text kept private\)"):
        user_dictionary.read_user_dictionary(str(tmp_path / "d.txt"))
    with pytest.raises(UserError) as error:
        list(conllu_text.parse("病\t病\t_\t_\tn\t_\t0\tHED\t_\t_\n\n", "line {}".format))
    assert not CJK.search(str(error.value))
    assert example_of("甲患者", 0, 3) == privacy.HIDDEN
    privacy.keep_text_private(False)
    assert example_of("甲患者", 0, 3) == "'甲患者'"


def test_copies_are_counted_over_units(tmp_path):
    """Exactly for a small corpus; by a sample of the different documents for a large one."""
    (tmp_path / "in.txt").write_text(TEXT * 300, encoding="utf-8")
    names = ["a", "b"]  # units are smaller than with one shard
    _, manifest = make(tmp_path, [str(tmp_path / "in.txt")], names=names, segmenter="none")
    assert manifest["documents"] == 900 and manifest["duplicate_share"] == round(898 / 900, 6)
    counts = {"{:016x}".format(i * 7919 % 10007): 1 + i % 2 for i in range(10000)}
    assert copies_share(counts) == pytest.approx(1 / 3)
    few = sample(counts)
    assert len(few) == SAMPLED and few.items() <= counts.items()
    assert copies_share(few) == pytest.approx(1 / 3, abs=0.03)
