"""Options of tasks whose texts have any number of labels."""

import dataclasses

from common.errors import UserError
from common.options import option
from finetuning.kinds.table_options import TableOptions


@dataclasses.dataclass(frozen=True)
class MultiLabelOptions(TableOptions):
    """The options, beside those of tables.

    Attributes:
      label_separator: what stands between the labels of a text in tables, and in files of
        predictions.
      decision_threshold: least probability of a label that is predicted.
    """

    title = "Multi-label classification"

    label_separator: str = option(
        ",", "Separator of the labels of a text in tables.", of_model=True
    )
    decision_threshold: float = option(
        0.5, "Least probability of a predicted label.", above=0, below=1, of_model=True
    )

    def check(self):
        """See FamilyOptions."""
        super().check()
        if not self.label_separator or self.label_separator in "\t\r\n":
            raise UserError(
                "--label_separator={!r} must be a text without tab and line end".format(
                    self.label_separator
                )
            )
