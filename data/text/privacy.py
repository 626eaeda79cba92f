"""Whether this process may show text of a corpus, or words of a user dictionary, in messages.

Programs and worker processes say so once, by the settings of their job (--keep_text_private).
"""

from common.errors import quoted

HIDDEN = "(text kept private)"
_STATE = {"is_private": False}


def keep_text_private(is_private):
    """Sets it for this process."""
    _STATE["is_private"] = bool(is_private)


def shown(value, limit=200):
    """A value from the corpus for messages: as errors.quoted, or HIDDEN."""
    return HIDDEN if _STATE["is_private"] else quoted(value, limit)


def shown_at(line, value):
    """`line 3 '词'`, or the line alone."""
    return "line {}".format(line) + ("" if _STATE["is_private"] else " " + quoted(value))
