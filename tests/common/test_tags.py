"""The tag sets against the label lists of LERT's repository."""

import golden_cases
from golden_cases import needs_golden

from common.tags import TAGS


@needs_golden
def test_tags_are_in_the_order_of_the_released_heads():
    lists = golden_cases.settings("lert", "label_lists.json")
    for kind, tags in TAGS.items():
        assert list(tags) == [label.split("-", 1)[-1] for label in lists[kind]]
