"""Rows for people."""


def bracketed(shown, original, starts, tokens):
    """A row as text: words of several pieces in brackets, masked pieces as new<-old.

    Args:
      shown: ids that the model reads, [pieces].
      original: ids without masks, -1 where the piece is not masked, [pieces].
      starts: truth values, True where a word begins, [pieces].
      tokens: list of str, the vocabulary.

    Returns:
      str.
    """
    words = []
    for new, old, start in zip(shown, original, starts):
        piece = tokens[new] if old < 0 else "{}<-{}".format(tokens[new], tokens[old])
        if start or not words:
            words.append([])
        words[-1].append(piece)
    return " ".join("(" + " ".join(w) + ")" if len(w) > 1 else w[0] for w in words)
