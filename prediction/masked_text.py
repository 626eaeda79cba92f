"""Texts with masks in them, as rows."""

import re
import typing

from common.errors import UserError
from prediction.prediction_task import PredictionTask

MASK = "[MASK]"


class MaskedText(typing.NamedTuple):
    """A text with masks.

    Attributes:
      texts: the texts around the masks, one more than there are masks.
      row: dict for the predictor, with the places of the masks as `positions`; None where there is
        no mask.
    """

    texts: list
    row: typing.Optional[dict]

    def offsets(self):
        """The beginning of each mask, in characters."""
        offsets, end = [], 0
        for text in self.texts[:-1]:
            offsets.append(end + len(text))
            end = offsets[-1] + len(MASK)
        return offsets


class MaskedTextTask(PredictionTask):
    """Tasks about the masks of a text.

    Only [MASK], in capitals, is a mask. Of a text longer than a row the model sees the masks and
    their surroundings.
    """

    feature_names = PredictionTask.feature_names + ("positions",)

    def read(self, line):
        """MaskedText of a line; an empty line has no mask, which is no error.

        Raises:
          UserError: the line has no mask, or masks too far apart for a row.
        """
        texts = line.text.split(MASK)
        ids, places = self.pieces(texts[0]), []
        for text in texts[1:]:
            places.append(len(ids))
            ids += [self.vocabulary.mask] + self.pieces(text, is_inner=True)
        if not ids:
            self.notes.add(line, ids, self.vocabulary, False)
            return MaskedText(texts, None)
        start = self._window(line, len(ids), places)
        row = self.make_row(line, ids, start=start)
        row["positions"] = [1 + place - start for place in places]
        return MaskedText(texts, row)

    def _window(self, line, count, places):
        """The first of `count` pieces that the model sees, for masks at `places`."""
        if not places:
            misspelled = re.search(re.escape(MASK), line.text, re.IGNORECASE)
            hint = "put it where a word is missing, or remove the line"
            if misspelled:
                hint = "{} must be written in capitals".format(misspelled.group(0))
            raise UserError("{} has no {}; {}".format(line.where, MASK, hint))
        room, apart = self.max_seq_length - 2, places[-1] - places[0]
        if apart >= room:
            raise UserError(
                "the masks of {} lie {} tokens apart, more than --max_seq_length={} takes; raise "
                "that or split the line".format(line.where, apart, self.max_seq_length)
            )
        middle = (places[0] + places[-1] + 1) // 2
        return max(0, min(middle - room // 2, count - room))
