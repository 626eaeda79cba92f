"""Lines of CoNLL-U files, for tests."""


def lines(*words, comments=()):
    """A sentence; a word is a dict of columns by name."""
    names = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
    rows = []
    for number, word in enumerate(words, 1):
        columns = dict(dict.fromkeys(names, "_"), id=str(number), **word)
        rows.append("\t".join(columns[name] for name in names))
    return "\n".join(["# " + comment for comment in comments] + rows) + "\n\n"
