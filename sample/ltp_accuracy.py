"""How well an LTP model repeats the annotation of sentences."""

from data.text.ltp.loading import load_ltp


def measure(directory, sentences, tasks):
    """Compares the output of a model with the annotation.

    The model segments the texts; its other tasks get the annotated words.

    Args:
      directory: str, of the model.
      sentences: list of sample.conllu_files.Sentence.
      tasks: list of str, those that are both annotated and trained.

    Returns:
      dict, percentages by name: "cws" and "ner" are F1 of words and of entities, "pos",
      "dep heads" and "dep labels" shares of words.

    Raises:
      UserError: the model cannot be loaded.
    """
    ltp = load_ltp(directory)
    # One by one: in a batch of given words LTP treats the padding of a short sentence as a word.
    words = [ltp.pipeline([s.text], tasks=["cws"]).cws[0] for s in sentences]
    scores = {"cws": _f1((_spans(w), _spans(s.words)) for w, s in zip(words, sentences))}
    others = [task for task in tasks if task != "cws"]
    if not others:
        return scores
    outputs = [ltp.pipeline([s.words], tasks=others, raw_format=True) for s in sentences]
    if "pos" in others:
        scores["pos"] = _share((d.pos[0], s.pos) for d, s in zip(outputs, sentences))
    if "ner" in others:
        scores["ner"] = _f1(
            (_entities(d.ner[0]), _entities(s.ner)) for d, s in zip(outputs, sentences)
        )
    if "dep" in others:
        trees = [d.dep[0] for d in outputs]
        scores["dep heads"] = _share((t["head"], s.heads) for t, s in zip(trees, sentences))
        scores["dep labels"] = _share((t["label"], s.labels) for t, s in zip(trees, sentences))
    return scores


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
    """F1 in percent of pairs (predicted set, annotated set)."""
    both = size = 0
    for predicted, right in pairs:
        both += 2 * len(predicted & right)
        size += len(predicted) + len(right)
    return 100.0 * both / size if size else 100.0


def _share(pairs):
    """Percentage of equal entries in pairs of lists."""
    equal = [a == b for predicted, right in pairs for a, b in zip(predicted, right)]
    return 100.0 * sum(equal) / len(equal)
