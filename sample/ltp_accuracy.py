"""How well an LTP model repeats the annotation of sentences."""

from data.text.ltp.loading import load_ltp


def measure(directory, sentences, tasks):
    """Compares what a model says with the annotation.

    Words are found in the text; the other tasks are given the right words.

    Args:
      directory: str, of the model.
      sentences: list of sample.conllu_files.Sentence.
      tasks: list of str, what is both annotated and trained.

    Returns:
      dict, percentages by name: "cws" and "ner" are F1 of words and of entities, "pos",
      "dep heads" and "dep labels" shares of words.

    Raises:
      UserError: the model cannot be loaded.
    """
    ltp = load_ltp(directory)
    # One by one: in a batch of given words LTP takes the padding of a short sentence for a word.
    words = [ltp.pipeline([s.text], tasks=["cws"]).cws[0] for s in sentences]
    found = {"cws": _f1((_spans(w), _spans(s.words)) for w, s in zip(words, sentences))}
    others = [task for task in tasks if task != "cws"]
    if not others:
        return found
    said = [ltp.pipeline([s.words], tasks=others, raw_format=True) for s in sentences]
    if "pos" in others:
        found["pos"] = _share((d.pos[0], s.pos) for d, s in zip(said, sentences))
    if "ner" in others:
        found["ner"] = _f1((_entities(d.ner[0]), _entities(s.ner)) for d, s in zip(said, sentences))
    if "dep" in others:
        trees = [d.dep[0] for d in said]
        found["dep heads"] = _share((t["head"], s.heads) for t, s in zip(trees, sentences))
        found["dep labels"] = _share((t["label"], s.labels) for t, s in zip(trees, sentences))
    return found


def _spans(words):
    """{(offset without blanks, word)} of words that follow each other."""
    spans, at = set(), 0
    for word in " ".join(words).split():
        spans.add((at, word))
        at += len(word)
    return spans


def _entities(tags):
    """{(type, first word, last word)} that tags such as B-Ni mean."""
    from ltp_extension.algorithms import get_entities

    return set(get_entities(tags))


def _f1(pairs):
    """F1 in percent of pairs (set that was found, set that is right)."""
    both = size = 0
    for found, right in pairs:
        both += 2 * len(found & right)
        size += len(found) + len(right)
    return 100.0 * both / size if size else 100.0


def _share(pairs):
    """Percentage of equal entries in pairs of lists."""
    equal = [a == b for found, right in pairs for a, b in zip(found, right)]
    return 100.0 * sum(equal) / len(equal)
