"""How often `run_prediction.py --task=tags` predicts the tags of a CoNLL-U file.

python -m benchmarks.tag_accuracy --conllu=dev.conllu --text=dev.txt       writes the sentences
python run_prediction.py --task=tags --input_file=dev.txt --output_file=tags.jsonl ...
python -m benchmarks.tag_accuracy --conllu=dev.conllu --tags=tags.jsonl    compares

Only words on which file and segmenter agree are compared.
"""

import collections
import json

from absl import app, flags

from data.text import conllu_text

FLAGS = flags.FLAGS
flags.DEFINE_string("conllu", None, "Annotated sentences.", required=True)
flags.DEFINE_string("text", None, "Write their texts to this file, a line each.")
flags.DEFINE_string("tags", None, "Results for that file.")


def main(argv):
    """Writes the texts, or compares."""
    del argv
    sentences = list(read_sentences(FLAGS.conllu))
    if FLAGS.text:
        with open(FLAGS.text, "w", encoding="utf-8") as writer:
            writer.writelines(text + "\n" for text, _ in sentences)
        return
    with open(FLAGS.tags, encoding="utf-8") as reader:
        results = [json.loads(line) for line in reader]
    assert [r["text"] for r in results] == [text for text, _ in sentences]
    words = sum(len(words) for _, words in sentences)
    pairs = list(_pairs(sentences, results))
    print("{:,} words in {:,} sentences, {:,} compared".format(words, len(sentences), len(pairs)))
    for kind in ("pos", "ner"):
        report(kind, [(gold[kind], predicted[kind]["tag"]) for gold, predicted in pairs])


def read_sentences(path):
    """Yields (text, [{"place": (start, length), "pos", "ner"}]) of a CoNLL-U file."""
    with open(path, encoding="utf-8") as reader:
        content = reader.read()
    sentences = conllu_text.read(content, "line {}".format, conllu_text.as_given)
    for text, starts, tags, _, _ in sentences:
        ends = [*starts[1:], len(text)] if starts else []
        yield (
            text,
            [
                {"place": (start, len(text[start:end].rstrip())), "pos": pos, "ner": ner}
                for start, end, (pos, ner, _) in zip(starts or (), ends, tags)
            ],
        )


def _pairs(sentences, results):
    for (_, words), result in zip(sentences, results):
        predicted = {(w["position"], len(w["word"])): w for w in result["words"]}
        for word in words:
            if word["place"] in predicted:
                yield word, predicted[word["place"]]


def report(kind, pairs):
    """Prints accuracy, the share of the largest class, and recall of the classes."""
    gold = collections.Counter(expected for expected, _ in pairs)
    right = collections.Counter(expected for expected, tag in pairs if expected == tag)
    told = collections.Counter(tag for _, tag in pairs)
    accuracy = sum(right.values()) / len(pairs)
    largest, count = gold.most_common(1)[0]
    text = "{}: {:.1%} right, largest class {} {:.1%}"
    print(text.format(kind, accuracy, largest, count / len(pairs)))
    for tag, count in gold.most_common(12):
        print(
            "  {:5} {:6,} recall {:.1%} precision {:.1%}".format(
                tag, count, right[tag] / count, right[tag] / max(1, told[tag])
            )
        )


if __name__ == "__main__":
    app.run(main)
