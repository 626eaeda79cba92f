"""A reference for data creation: pre-training records the way google-research/bert makes them.

One process, pure Python, TensorFlow for the records: the corpus becomes lists of token strings,
every character passes through `unicodedata`, every instance is masked token by token and written
as a tf.train.Example that Python fills. The choices are google-research/bert's (documents of
lines, next-sentence pairs with put-back, candidates shuffled and masked 80/10/10), the code is
not; nothing is slowed down on purpose and nothing is cached (google-research/bert even reads an
absl flag for every token, which is skipped here). --words=jieba adds what the public
Chinese whole-word scripts do on top: jieba's words, marked for the masking code by a `##` before
every Chinese character that does not begin a word.

python benchmarks/creation/reference.py --input_file=sample/corpus/law.txt \\
    --output_file=/tmp/law.tfrecord --vocab_file=vocab.txt
"""

import argparse
import collections
import itertools
import random
import time
import unicodedata
from typing import List, NamedTuple

import tensorflow as tf

MAX_CHARS_PER_WORD = 200


class Instance(NamedTuple):
    """A masked training row; positions and labels are the masked tokens' indexes and originals."""

    tokens: List[str]
    segment_ids: List[int]
    is_random_next: bool
    positions: List[int]
    labels: List[str]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--input_file", required=True, help="files, a comma between them")
    parser.add_argument("--output_file", required=True)
    parser.add_argument("--vocab_file", required=True)
    parser.add_argument("--max_seq_length", type=int, default=128)
    parser.add_argument("--max_predictions_per_seq", type=int, default=20)
    parser.add_argument("--masked_lm_prob", type=float, default=0.15)
    parser.add_argument("--short_seq_prob", type=float, default=0.1)
    parser.add_argument("--dupe_factor", type=int, default=1)
    parser.add_argument("--random_seed", type=int, default=12345)
    parser.add_argument("--do_whole_word_mask", action="store_true", help="words by their ##")
    parser.add_argument("--words", choices=("none", "jieba"), default="none")
    return parser.parse_args()


# Tokenisation.


def is_space(char):
    return char in " \t\n\r" or unicodedata.category(char) == "Zs"


def is_control(char):
    return char not in "\t\n\r" and unicodedata.category(char) in ("Cc", "Cf")


def is_punctuation(char):
    code = ord(char)
    if 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126:
        return True
    return unicodedata.category(char).startswith("P")


def is_chinese(code):
    return (
        0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0x20000 <= code <= 0x2A6DF
        or 0x2A700 <= code <= 0x2B73F
        or 0x2B740 <= code <= 0x2B81F
        or 0x2B820 <= code <= 0x2CEAF
        or 0xF900 <= code <= 0xFAFF
        or 0x2F800 <= code <= 0x2FA1F
    )


class Tokenizer:
    """Basic tokenizer and greedy WordPiece, a line at a time, optionally with jieba's words."""

    def __init__(self, vocab_file, words="none"):
        with open(vocab_file, encoding="utf-8") as f:
            self.ids = {line.strip(): i for i, line in enumerate(f)}
        self._cut = None
        if words == "jieba":
            import jieba

            self._cut = jieba.lcut

    def tokenize(self, line):
        """Pieces of a line; with words, a Chinese character inside a word gets a `##`."""
        basic = self.basic_tokens(line)
        if self._cut is not None:
            return self._marked(basic, self._word_starts(line, basic))
        pieces = []
        for token in basic:
            pieces.extend(self.word_pieces(token))
        return pieces

    def basic_tokens(self, text):
        tokens = []
        for token in self._space_chinese(self._clean(text)).split():
            tokens.extend(self._split_punctuation(self._strip_accents(token.lower())))
        return " ".join(tokens).split()

    def _clean(self, text):
        kept = []
        for char in text:
            code = ord(char)
            if code == 0 or code == 0xFFFD or is_control(char):
                continue
            kept.append(" " if is_space(char) else char)
        return "".join(kept)

    def _space_chinese(self, text):
        spaced = []
        for char in text:
            if is_chinese(ord(char)):
                spaced.append(" ")
                spaced.append(char)
                spaced.append(" ")
            else:
                spaced.append(char)
        return "".join(spaced)

    def _strip_accents(self, token):
        kept = []
        for char in unicodedata.normalize("NFD", token):
            if unicodedata.category(char) != "Mn":
                kept.append(char)
        return "".join(kept)

    def _split_punctuation(self, token):
        words, inside = [], False
        for char in token:
            if is_punctuation(char):
                words.append([char])
                inside = False
            elif inside:
                words[-1].append(char)
            else:
                words.append([char])
                inside = True
        return ["".join(word) for word in words]

    def word_pieces(self, token):
        """Longest vocabulary entry first, from the left; [UNK] where none fits."""
        if len(token) > MAX_CHARS_PER_WORD:
            return ["[UNK]"]
        pieces, start = [], 0
        while start < len(token):
            end = len(token)
            while end > start:
                piece = token[start:end] if start == 0 else "##" + token[start:end]
                if piece in self.ids:
                    break
                end -= 1
            if end == start:
                return ["[UNK]"]
            pieces.append(piece)
            start = end
        return pieces

    def _word_starts(self, line, basic):
        """Where words begin, counted in characters of the basic tokens."""
        words = self._cut(line)
        lengths = [len(word) for word in words if not word.isspace()]
        if sum(lengths) != sum(map(len, basic)):  # accents or control characters went
            lengths = [sum(map(len, self.basic_tokens(word))) for word in words]
        return {0, *itertools.accumulate(lengths)}

    def _marked(self, basic, starts):
        marked, at = [], 0
        for token in basic:
            pieces = self.word_pieces(token)
            if at not in starts and pieces[0] == token and is_chinese(ord(token[0])):
                pieces = ["##" + token]
            marked.extend(pieces)
            at += len(token)
        return marked


def without_marks(tokens):
    """Removes the `##` of _marked: Chinese rows with ## are never trained elsewhere."""
    return [
        token[2:] if len(token) == 3 and token[:2] == "##" and is_chinese(ord(token[2])) else token
        for token in tokens
    ]


def read_documents(paths, tokenizer):
    """[[tokens of a line, ...] of a document, ...]; blank lines part documents."""
    documents = [[]]
    for path in paths:
        with open(path, encoding="utf-8") as f:
            for line in f:
                line = line.strip()
                if not line:
                    documents.append([])
                    continue
                tokens = tokenizer.tokenize(line)
                if tokens:
                    documents[-1].append(tokens)
        documents.append([])
    return [document for document in documents if document]


# Instances.


def create_instances(documents, options, vocabulary_words, rng):
    """All instances of all dupes, shuffled."""
    rng.shuffle(documents)
    instances = []
    for _ in range(options.dupe_factor):
        for index in range(len(documents)):
            instances.extend(document_instances(documents, index, options, vocabulary_words, rng))
    rng.shuffle(instances)
    return instances


def document_instances(documents, index, options, vocabulary_words, rng):
    """One pass over one document: pairs of segments, half of them with a random second."""
    document, room = documents[index], options.max_seq_length - 3
    target = room
    if rng.random() < options.short_seq_prob:
        target = rng.randint(2, room)
    instances, chunk, chunk_length, at = [], [], 0, 0
    while at < len(document):
        chunk.append(document[at])
        chunk_length += len(document[at])
        at += 1
        if chunk_length < target and at < len(document):
            continue
        a_sentences = rng.randint(1, len(chunk) - 1) if len(chunk) > 1 else 1
        tokens_a, tokens_b = [], []
        for sentence in chunk[:a_sentences]:
            tokens_a.extend(sentence)
        is_random_next = len(chunk) == 1 or rng.random() < 0.5
        if is_random_next:
            tokens_b = random_segment(documents, index, target - len(tokens_a), rng)
            at -= len(chunk) - a_sentences  # what it replaces is used again
        else:
            for sentence in chunk[a_sentences:]:
                tokens_b.extend(sentence)
        truncate_pair(tokens_a, tokens_b, room, rng)
        instances.append(
            make_instance(tokens_a, tokens_b, is_random_next, options, vocabulary_words, rng)
        )
        chunk, chunk_length = [], 0
    return instances


def random_segment(documents, index, wanted, rng):
    """Sentences of another document from a random one on, until `wanted` tokens."""
    for _ in range(10):
        other = rng.randint(0, len(documents) - 1)
        if other != index:
            break
    document, tokens = documents[other], []
    for sentence in document[rng.randint(0, len(document) - 1) :]:
        tokens.extend(sentence)
        if len(tokens) >= wanted:
            break
    return tokens


def truncate_pair(tokens_a, tokens_b, room, rng):
    """Takes tokens from the longer list, at either end, until both fit."""
    while len(tokens_a) + len(tokens_b) > room:
        longer = tokens_a if len(tokens_a) > len(tokens_b) else tokens_b
        if rng.random() < 0.5:
            del longer[0]
        else:
            longer.pop()


def make_instance(tokens_a, tokens_b, is_random_next, options, vocabulary_words, rng):
    tokens, segment_ids = ["[CLS]"], [0]
    for token in tokens_a:
        tokens.append(token)
        segment_ids.append(0)
    tokens.append("[SEP]")
    segment_ids.append(0)
    for token in tokens_b:
        tokens.append(token)
        segment_ids.append(1)
    tokens.append("[SEP]")
    segment_ids.append(1)
    tokens, positions, labels = mask(tokens, options, vocabulary_words, rng)
    return Instance(tokens, segment_ids, is_random_next, positions, labels)


def mask(tokens, options, vocabulary_words, rng):
    """(tokens with masks, masked positions in order, the tokens that were there)."""
    candidates = []
    for i, token in enumerate(tokens):
        if token in ("[CLS]", "[SEP]"):
            continue
        if options.do_whole_word_mask and candidates and token.startswith("##"):
            candidates[-1].append(i)
        else:
            candidates.append([i])
    rng.shuffle(candidates)
    if options.words != "none":
        tokens = without_marks(tokens)
    masked = list(tokens)
    wanted = min(
        options.max_predictions_per_seq, max(1, round(len(tokens) * options.masked_lm_prob))
    )
    chosen = []
    for candidate in candidates:
        if len(chosen) >= wanted:
            break
        if len(chosen) + len(candidate) > wanted:
            continue
        for position in candidate:
            chosen.append((position, tokens[position]))
            masked[position] = replacement(tokens[position], vocabulary_words, rng)
    chosen.sort()
    return masked, [position for position, _ in chosen], [label for _, label in chosen]


def replacement(token, vocabulary_words, rng):
    if rng.random() < 0.8:
        return "[MASK]"
    if rng.random() < 0.5:
        return token
    return vocabulary_words[rng.randint(0, len(vocabulary_words) - 1)]


# Records.


def write_records(instances, ids, options, path):
    with tf.io.TFRecordWriter(path) as writer:
        for instance in instances:
            writer.write(example(instance, ids, options).SerializeToString())


def example(instance, ids, options):
    """tf.train.Example of an instance, padded."""
    padding = [0] * (options.max_seq_length - len(instance.tokens))
    unused = options.max_predictions_per_seq - len(instance.positions)
    features = collections.OrderedDict()
    features["input_ids"] = integers([ids[token] for token in instance.tokens] + padding)
    features["input_mask"] = integers([1] * len(instance.tokens) + padding)
    features["segment_ids"] = integers(instance.segment_ids + padding)
    features["masked_lm_positions"] = integers(instance.positions + [0] * unused)
    features["masked_lm_ids"] = integers([ids[t] for t in instance.labels] + [0] * unused)
    features["masked_lm_weights"] = floats([1.0] * len(instance.positions) + [0.0] * unused)
    features["next_sentence_labels"] = integers([1 if instance.is_random_next else 0])
    return tf.train.Example(features=tf.train.Features(feature=features))


def integers(values):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def floats(values):
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def main():
    options = parse_arguments()
    marks = [time.process_time()]
    rng = random.Random(options.random_seed)
    tokenizer = Tokenizer(options.vocab_file, options.words)
    documents = read_documents(options.input_file.split(","), tokenizer)
    marks.append(time.process_time())
    instances = create_instances(documents, options, list(tokenizer.ids), rng)
    marks.append(time.process_time())
    write_records(instances, tokenizer.ids, options, options.output_file)
    marks.append(time.process_time())
    print("{:,} records".format(len(instances)))
    seconds = [after - before for before, after in zip(marks, marks[1:])]
    print(
        "cpu seconds: start {:.2f}, tokenise {:.2f}, create {:.2f}, write {:.2f}".format(
            marks[0], *seconds
        )
    )


if __name__ == "__main__":
    main()
