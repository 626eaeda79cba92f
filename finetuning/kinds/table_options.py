"""Options of tasks that are read from tables or JSON objects: which columns or keys hold what."""

import dataclasses
from typing import Optional

from common.options import FamilyOptions, option
from finetuning.layouts.columns import ColumnChoice


@dataclasses.dataclass(frozen=True)
class TableOptions(FamilyOptions):
    """The options.

    Attributes:
      label_column: number of the column from 1, its name in the header line or the key in JSON
        objects; None: as the file looks.
      text_columns: the same of the text, or of both texts with a comma between.
    """

    title = "Tables"

    label_column: Optional[str] = option(
        None,
        "Column of the label, its number from 1 or its name in the first line; its key in JSON "
        "lines.",
        "text",
    )
    text_columns: Optional[str] = option(
        None,
        "Column of the text, or of both with a comma: numbers from 1 or names; keys in JSON lines.",
        "text",
    )

    def check(self):
        """See FamilyOptions."""
        ColumnChoice.of(self.label_column, self.text_columns)
