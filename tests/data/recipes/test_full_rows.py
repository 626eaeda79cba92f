"""Rows of one sentence each."""

import pytest
from creation_runs import VOCAB, make
from record_checks import read_shard

from common.errors import UserError
from data.creation_settings import CreationSettings
from data.recipes.full_rows import Options
from data.tokenizers.vocabularies import read_vocabulary

SHORT = ["今天天气很好。", "我们去公园散步。"]
LONG = 3 * "他把书放下，又拿起来，再放下，"
SENTENCES = {"options": Options(rows="sentences")}


def test_a_sentence_is_a_row(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("\n".join(SHORT) + "\n\n" + LONG + "\n", encoding="utf-8")
    settings = dict(
        SENTENCES,
        objective="roberta",
        short_seq_prob=0.0,
        max_seq_length=24,
        max_predictions_per_seq=8,
        dupe_factor=1,
    )
    (shard,), _ = make(tmp_path, [str(text)], **settings)
    rows, tokens = read_shard(shard, 24, 8), read_vocabulary(VOCAB).tokens
    assert not rows["segment_ids"].any()
    found = []
    for number, ids in enumerate(rows["input_ids"]):
        real = rows["masked_lm_weights"][number] > 0
        ids[rows["masked_lm_positions"][number][real]] = rows["masked_lm_ids"][number][real]
        found.append("".join(tokens[i] for i in ids if tokens[i] != "[PAD]"))
    assert all(row.startswith("[CLS]") and row.endswith("[SEP]") for row in found)
    texts = [row[5:-5] for row in found]
    assert set(SHORT) < set(texts)
    # The long one is parted, and nothing of it is lost.
    parts = [text for text in texts if text not in SHORT]
    assert len(parts) > 1 and sorted("".join(parts)) == sorted(LONG)


def test_only_families_of_full_rows_have_the_choice():
    settings = CreationSettings(VOCAB, objective="bert", **SENTENCES)
    with pytest.raises(UserError, match="the options of --objective=bert must be of the class"):
        settings.check()
