"""scripts/lert_example.sh: LERT from raw text with a toy LTP model."""

import pytest
import workplaces


@pytest.mark.slow
def test_most_tags_of_masked_words_are_right(tmp_path):
    with workplaces.workplace(tmp_path) as workplace:
        result = workplaces.run("bash scripts/lert_example.sh", workplace)
    assert result.returncode == 0, result.stderr
    for line in result.stdout.splitlines()[-3:]:
        kind, accuracy = line.split(" = ")
        assert kind in ("pos_accuracy", "ner_accuracy", "dep_accuracy")
        assert 0.5 < float(accuracy) <= 1
