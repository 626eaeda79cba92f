"""Turns text in the format of PKU's People's Daily corpus into CoNLL-U with LTP's tags.

python benchmarks/pku_to_conllu.py --input=199801.txt --output=train.conllu \\
    --hold_out_every=20 --held_out=test.conllu

A sentence is a line of `word/tag`, blanks between them; HEAD and DEPREL stay empty. Then

python -m sample.train_ltp --annotations=train.conllu --eval_annotations=test.conllu \\
    --kind=legacy --output_dir=ltp

* Tags: the table TAGS. A line with another tag is skipped; such tags are counted and printed.
* Names: PKU writes surname and given name apart (邓/nr 小平/nr), LTP together. Neighbouring nr are
  joined in pairs; in an odd number of them only a surname of one character is joined with the next.
* Entities (MISC, NER=): persons nr, places ns and organisations nt, and brackets
  with ns or nt ([中央/n 电视台/n]nt), in LTP's scheme: S-, or B- I- E- over several words.
* Digits and Latin letters of full width become those of ASCII, as text is written today.
* Dates in front of a line (19980101-01-001-001/m) are dropped.
"""

import argparse
import collections
import re
import sys
from typing import NamedTuple, Optional

# PKU's tags -> the 863 tags of LTP. Small morphemes (Ng, Vg, ...) are words of their class.
TAGS = {
    **dict.fromkeys(["n", "Ng"], "n"),
    "nr": "nh",  # persons
    "ns": "ns",
    "nt": "ni",  # organisations
    "nz": "nz",
    **dict.fromkeys(["nx", "x"], "ws"),  # strings of foreign letters
    **dict.fromkeys(["t", "Tg"], "nt"),  # time
    "s": "nl",  # places without a name: 境内
    "f": "nd",  # directions: 上, 之间
    **dict.fromkeys(["v", "Vg", "vn", "vd"], "v"),  # also as nouns and adverbs
    **dict.fromkeys(["a", "Ag", "an", "ad"], "a"),
    **dict.fromkeys(["b", "Bg"], "b"),
    "z": "z",
    **dict.fromkeys(["r", "Rg"], "r"),
    **dict.fromkeys(["m", "Mg"], "m"),
    **dict.fromkeys(["q", "Qg"], "q"),
    **dict.fromkeys(["d", "Dg"], "d"),
    "p": "p",
    "c": "c",
    **dict.fromkeys(["u", "y"], "u"),  # the 863 set has no class for particles of mood
    "e": "e",
    "o": "o",
    **dict.fromkeys(["i", "l"], "i"),  # idioms and set phrases
    "j": "j",
    "h": "h",
    "k": "k",
    "w": "wp",
}
ENTITIES = {"nr": "Nh", "ns": "Ns", "nt": "Ni"}

_ITEM = re.compile(r"(\[?)(\S+)/([A-Za-z]+)(?:\]([A-Za-z]+))?$")
_DATE = re.compile(r"\d{8}(-\d+)+/m\s*")
# Full-width digits and letters, and the signs of numbers: ．％．
_NARROW = {c + 0xFEE0: c for c in map(ord, "0123456789.%")}
_NARROW.update({c + 0xFEE0: c for c in range(ord("A"), ord("z") + 1) if chr(c).isalpha()})


class Word(NamedTuple):
    """A word of a line.

    Attributes:
      word: its text.
      pos: LTP's tag.
      kind: type of its entity, None outside of entities.
      part: number of its entity in the line, None outside of entities.
    """

    word: str
    pos: str
    kind: Optional[str]
    part: Optional[int]


class UnknownTag(Exception):
    """A tag that the table lacks, or an item that is no word/tag."""


def parse_line(line):
    """The words of a line.

    Args:
      line: str, `word/tag` with blanks between them.

    Returns:
      list of Word.

    Raises:
      UnknownTag: with the tag or item.
    """
    items, group = [], None
    for number, text in enumerate(_DATE.sub("", line).split()):
        match = _ITEM.match(text)
        if not match:
            raise UnknownTag(text)
        opens, word, tag, closes = match.groups()
        if tag not in TAGS:
            raise UnknownTag(tag)
        group = len(items) if opens else group
        items.append((word.translate(_NARROW), tag, ENTITIES.get(tag), number))
        if closes:
            items[group:] = _grouped(items[group:], ENTITIES.get(closes))
            group = None
    return [Word(word, TAGS[tag], kind, part) for word, tag, kind, part in _join_names(items)]


def _grouped(items, kind):
    """The words in brackets, as one entity if the brackets are tagged as one."""
    if kind is None:
        return items
    return [(word, tag, kind, items[0][3]) for word, tag, _, _ in items]


def _join_names(items):
    """Surnames and given names as one word."""
    joined, at = [], 0
    while at < len(items):
        end = at
        while end < len(items) and items[end][1] == "nr":
            end += 1
        joined += _names(items[at:end]) if end > at else items[at : at + 1]
        at = max(end, at + 1)
    return joined


def _names(run):
    """Persons of neighbouring parts of names."""
    names = []
    while run:
        joins = len(run) > 1 and (len(run) % 2 == 0 or len(run[0][0]) == 1)
        first, run = run[: 1 + joins], run[1 + joins :]
        names.append(("".join(word for word, *_ in first), *first[0][1:]))
    return names


def entity_tags(words):
    """LTP's tags: O, S-Nh, or B-Ni I-Ni E-Ni over several words.

    Args:
      words: list of Word.
    """
    tags = []
    for i, word in enumerate(words):
        begins = i == 0 or words[i - 1].part != word.part
        ends = i + 1 == len(words) or words[i + 1].part != word.part
        place = {(True, True): "S", (True, False): "B", (False, True): "E"}.get((begins, ends), "I")
        tags.append("O" if word.kind is None else "{}-{}".format(place, word.kind))
    return tags


def conllu(words, name):
    """The CoNLL-U lines of a sentence."""
    lines = ["# sent_id = {}".format(name), "# text = {}".format("".join(w.word for w in words))]
    for number, (word, ner) in enumerate(zip(words, entity_tags(words)), 1):
        misc = "NER={}|SpaceAfter=No".format(ner)
        columns = [str(number), word.word, "_", "_", word.pos, "_", "_", "_", "_", misc]
        lines.append("\t".join(columns))
    return "\n".join(lines) + "\n\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--input", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--hold_out_every", type=int, default=0, help="0: nothing is held out")
    parser.add_argument("--held_out", help="where every n-th line goes")
    arguments = parser.parse_args()
    if bool(arguments.hold_out_every) != bool(arguments.held_out):
        parser.error("--hold_out_every and --held_out go together")
    kept, held_out, unknown = [], [], collections.Counter()
    with open(arguments.input, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if not line.strip():
                continue
            is_out = arguments.hold_out_every and number % arguments.hold_out_every == 0
            try:
                sentence = conllu(parse_line(line), "line-{}".format(number))
            except UnknownTag as error:
                unknown[str(error)] += 1
                continue
            (held_out if is_out else kept).append(sentence)
    for path, sentences in ((arguments.output, kept), (arguments.held_out, held_out)):
        if path:
            with open(path, "w", encoding="utf-8") as f:
                f.writelines(sentences)
            print("{}: {:,} sentences".format(path, len(sentences)))
    print("lines skipped for tags that the table lacks: {}".format(dict(unknown)))


if __name__ == "__main__":
    sys.exit(main())
