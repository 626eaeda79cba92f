"""Questions for a model that has learnt a corpus: its sentences, each with one word masked.

python -m sample.masked_words --input_file='sample/corpus/*.txt' --user_dict=sample/terms.txt \\
    --output_file=questions.txt --answers_file=answers.jsonl --seeds=1,2 --count=40

The sentences and words are drawn by seeds, so nobody has picked those that come out well.
"""

import json
import random
from typing import NamedTuple

import numpy as np
from absl import flags

from cli.app import require, run_script
from common import files
from common.errors import UserError
from common.terminal import say
from data.text.characters import is_cjk
from data.text.segmentation import make_segmenter
from data.text.sentences import split_sentences

LENGTH = 2  # characters of the masked words
_SHORTEST, _LONGEST = 8, 60  # characters of the sentences


class Question(NamedTuple):
    """A sentence with a masked word.

    Attributes:
      text: str, "明天下[MASK][MASK]开会。"
      at: offset of the word.
      word: the word that stood there.
    """

    text: str
    at: int
    word: str


def questions(text, count, seed, user_dict=None):
    """Questions about sentences of a raw text, one about each.

        questions(open("news.txt").read(), 40, seed=1)[0].text

    Args:
      text: str, paragraphs.
      count: int, how many.
      seed: int.
      user_dict: path of a dictionary for the default segmenter, or None.

    Returns:
      list of Question.

    Raises:
      UserError: the text has fewer sentences with a word of two Chinese characters.
    """
    starts, ends = split_sentences(text)
    marks = make_segmenter("rjieba", user_dict=user_dict).words(text, starts, ends, lambda _: None)
    possible = {}  # in the order of the text
    for start, end in zip(starts.tolist(), ends.tolist()):
        sentence = text[start:end]
        borders = np.flatnonzero(np.append(marks.starts[start:end], True)).tolist()
        words = [a for a, b in zip(borders, borders[1:]) if _is_asked_for(sentence[a:b])]
        if _SHORTEST <= len(sentence) <= _LONGEST and words:
            possible[sentence] = words
    if len(possible) < count:
        raise UserError(
            "{} sentences with a word of two characters are too few for --count={}".format(
                len(possible), count
            )
        )
    rng = random.Random(seed)
    return [_masked(s, rng.choice(possible[s])) for s in rng.sample(list(possible), count)]


def _is_asked_for(word):
    return len(word) == LENGTH and all(is_cjk(ord(character)) for character in word)


def _masked(sentence, at):
    masks = LENGTH * "[MASK]"
    masked = sentence[:at] + masks + sentence[at + LENGTH :]
    return Question(masked, at, sentence[at : at + LENGTH])


def main(argv):
    del argv
    options = flags.FLAGS
    require(options, "input_file", "output_file", "answers_file")
    text = ""
    for path in files.matching(options.input_file, "--input_file"):
        with open(path, encoding="utf-8") as f:
            text += f.read() + "\n\n"
    asked = [
        (int(seed), question)
        for seed in options.seeds
        for question in questions(text, options.count, int(seed), options.user_dict)
    ]
    with files.create(options.output_file) as f:
        f.write("".join(question.text + "\n" for _, question in asked).encode("utf-8"))
    with files.create(options.answers_file) as f:
        for seed, question in asked:
            line = dict(question._asdict(), seed=seed)
            f.write((json.dumps(line, ensure_ascii=False) + "\n").encode("utf-8"))
    say("{} questions: {}, {}".format(len(asked), options.output_file, options.answers_file))


if __name__ == "__main__":
    flags.DEFINE_string("input_file", None, "Raw text: names or globs, a comma between them.")
    flags.DEFINE_string("user_dict", None, "Dictionary of words that must be known, a line each.")
    flags.DEFINE_string("output_file", None, "Texts with masks, a line each, for fill_mask.")
    flags.DEFINE_string("answers_file", None, "Words that stood there, as JSON lines.")
    flags.DEFINE_integer("count", 40, "Questions of each seed.", lower_bound=1)
    flags.DEFINE_list("seeds", ["1"], "Numbers that the draws follow from.")
    run_script(main)
