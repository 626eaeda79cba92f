"""Texts with masks in them, as rows."""

import collections
import re

from common.errors import UserError
from prediction.prediction_task import Task

MASK = "[MASK]"


class Blanks(collections.namedtuple("Blanks", ["parts", "row"])):
    """A text with masks. parts: the texts around them, one more than masks; row: for the predictor,
    with the masks' places as `positions`; None where there is no mask."""

    __slots__ = ()

    def offsets(self):
        """Where each mask begins, in characters."""
        offsets, at = [], 0
        for part in self.parts[:-1]:
            offsets.append(at + len(part))
            at = offsets[-1] + len(MASK)
        return offsets


class TextWithMasks(Task):
    """Tasks that ask what stands at the masks of a text.

    Only [MASK], in capitals, is a mask. Of a text longer than a row the model sees the masks and
    what is around them.
    """

    feature_names = Task.feature_names + ("positions",)

    def read(self, line):
        """Blanks of a line; an empty line has no mask, which is no fault.

        Raises:
          UserError: the line has no mask, or masks too far apart for a row.
        """
        parts = line.text.split(MASK)
        ids, places = self.pieces(parts[0]), []
        for part in parts[1:]:
            places.append(len(ids))
            ids += [self.vocabulary.mask] + self.pieces(part, is_inner=True)
        if not ids:
            self.notes.see(line, ids, self.vocabulary, False)
            return Blanks(parts, None)
        start = self._window(line, len(ids), places)
        row = self.make_row(line, ids, start=start)
        row["positions"] = [1 + place - start for place in places]
        return Blanks(parts, row)

    def _window(self, line, count, places):
        """Which of `count` pieces is the first that the model sees, for masks at `places`."""
        if not places:
            found = re.search(re.escape(MASK), line.text, re.IGNORECASE)
            hint = "put it where a word is missing, or take the line out"
            if found:
                hint = "{} must be written in capitals".format(found.group(0))
            raise UserError("{} has no {}; {}".format(line.where, MASK, hint))
        room, apart = self.max_seq_length - 2, places[-1] - places[0]
        if apart >= room:
            raise UserError(
                "the masks of {} lie {} tokens apart, more than --max_seq_length={} takes; raise "
                "that or split the line".format(line.where, apart, self.max_seq_length)
            )
        middle = (places[0] + places[-1] + 1) // 2
        return max(0, min(middle - room // 2, count - room))
