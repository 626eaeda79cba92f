"""Speed of LTP's annotation, in characters a second of one core.

python benchmarks/annotation.py --corpus corpus.txt

Models, made in a temporary folder: tiny ones, trained on sample/annotations in seconds (legacy and
neural), and networks of the shape of LTP/tiny (3 layers of 256) and LTP/small (12 layers of 256)
with random weights, which take as long as trained ones. --ltp_model measures your own.

loop: a call of LTP.pipeline for each sentence. annotate: data.text.ltp.annotator, which is what
annotate_corpus.py and create_pretraining_data.py use; bf16: the same with --ltp_precision=bf16. All
are asked for the same tasks of the same sentences in one process with one thread; user + system
time without loading, the median of --repeat runs in turn. differ: share of the words of fp32 that
bf16 cuts otherwise or gives another tag; in networks with random weights every word is near a
decision.
"""

import argparse
import glob
import json
import os
import statistics
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("USE_TF", "0")

from common.tags import DEP, NER, POS  # noqa: E402
from data.text.ltp.annotator import LtpAnnotator, tags_of_words  # noqa: E402
from data.text.ltp.precision import BF16  # noqa: E402
from data.text.sentences import split_sentences  # noqa: E402
from sample import conllu_files, train_ltp  # noqa: E402

LEGACY, BOTH = "tiny, legacy", ("loop", "annotate")
LTP_LAYERS = {"LTP/tiny's shape": 3, "LTP/small's shape": 12}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    sample = sorted(glob.glob(os.path.join(ROOT, "sample", "corpus", "*.txt")))
    parser.add_argument("--corpus", nargs="+", default=sample, help="raw text")
    parser.add_argument("--characters", type=int, default=20000, help="of it, for a slow model")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--ltp_model", action="append", default=[], help="measured too")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    text = "\n\n".join(map(read, arguments.corpus))
    names = ("model", "tasks", "loop", "annotate", "ratio", "bf16", "ratio to annotate", "differ")
    lines = ["| " + " | ".join(names) + " |", "| --- " * len(names) + "|"]
    with tempfile.TemporaryDirectory(prefix="annotation-") as folder:
        models = dict(make_models(folder), **{path: path for path in arguments.ltp_model})
        for name, path in models.items():
            lines.append(measure(name, path, text, arguments))
    print("\n".join(lines))


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def make_models(folder):
    """{name: directory}."""
    paths = sorted(glob.glob(os.path.join(ROOT, "sample", "annotations", "*.conllu")))
    sentences = conllu_files.read(paths)
    tokens = train_ltp.read_tokens(os.path.join(ROOT, "sample", "vocab.txt"))
    models = {}
    for kind in train_ltp.KINDS:
        models["tiny, " + kind] = path = os.path.join(folder, kind)
        os.mkdir(path)
        train_ltp.train(kind, sentences, path, vocab_tokens=tokens)
    for name, layers in LTP_LAYERS.items():
        models[name] = path = os.path.join(folder, str(layers))
        os.mkdir(path)
        write_random_model(path, layers, os.path.join(folder, "neural", "vocab.txt"))
    return models


def write_random_model(folder, layers, vocab_file):
    """An ELECTRA of LTP's width with heads for words and tags, with initial weights."""
    import torch
    from ltp_core.models.utils import instantiate

    part = "ltp_core.models."
    tokens = read(vocab_file)
    size = {"input_size": 256}
    vocabs = {"cws": ["I-W", "B-W"], "pos": list(POS), "ner": list(NER), "dep": list(DEP)}
    backbone = {
        "model_type": "electra",
        "vocab_size": tokens.count("\n"),
        "embedding_size": 128,
        "hidden_size": 256,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "intermediate_size": 1024,
    }
    readers = {"cws": "TokenOnly", "pos": "WordsOnly", "ner": "WordsOnly", "dep": "WordsWithHead"}
    heads = dict.fromkeys(["cws", "pos", "ner"], part + "components.token.MLPTokenClassifier")
    heads["dep"] = part + "components.graph.BiaffineClassifier"
    model = {
        "_ltp_target_": part + "ltp_model.LTPModule",
        "backbone": {"_ltp_target_": part + "utils.load_transformers", "config": backbone},
        "heads": {
            task: dict(size, _ltp_target_=target, num_labels=len(vocabs[task]))
            for task, target in heads.items()
        },
        "processor": {
            task: {"_ltp_target_": part + "processor." + name} for task, name in readers.items()
        },
    }
    torch.manual_seed(1)
    torch.save(instantiate(model).state_dict(), os.path.join(folder, "pytorch_model.bin"))
    write(folder, "config.json", json.dumps({"nerual": True, "model": model, "vocabs": vocabs}))
    write(folder, "tokenizer_config.json", json.dumps({"do_lower_case": True}))
    write(folder, "vocab.txt", tokens)


def write(folder, name, content):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        f.write(content)


def measure(name, path, text, arguments):
    """A line of the table."""
    annotator = LtpAnnotator(path, tagged=True)
    text = text[: arguments.characters * (20 if name == LEGACY else 1)]
    starts, ends = split_sentences(text)
    spans = list(zip(starts.tolist(), ends.tolist()))
    # The same text for both: LTP would include blanks in its words.
    sentences = ["".join(text[a:b].split()) for a, b in spans]
    characters = sum(map(len, sentences))
    ways = {
        "loop": lambda: [one_call(annotator, sentence) for sentence in sentences],
        "annotate": lambda: annotator.annotate(text, starts, ends, lambda share: None),
    }
    if name != LEGACY:
        fast = LtpAnnotator(path, tagged=True, precision=BF16)
        ways["bf16"] = lambda: fast.annotate(text, starts, ends, lambda share: None)
    seconds, results = {way: [] for way in ways}, {}
    for _ in range(arguments.repeat):
        for way, run in ways.items():
            began = time.process_time()
            results[way] = run()
            seconds[way].append(time.process_time() - began)
    rates = {way: characters / statistics.median(seconds[way]) for way in ways}
    print("{}: {:,} characters".format(name, characters), file=sys.stderr)
    cells = [name, " ".join(annotator.tasks), *("{:,.0f}".format(rates[w]) for w in BOTH)]
    cells.append("{:.1f}".format(rates["annotate"] / rates["loop"]))
    if "bf16" in ways:
        cells.append("{:,.0f}".format(rates["bf16"]))
        cells.append("{:.1f}".format(rates["bf16"] / rates["annotate"]))
        cells.append("{:.2%}".format(share_that_differs(results["annotate"], results["bf16"])))
    else:
        cells += [""] * 3
    return "| " + " | ".join(cells) + " |"


def share_that_differs(plain, fast):
    """Share of the words of the first annotations, with their tags, that the others do not have."""
    mine, its = (
        {(stretch.start, *word) for stretch in annotations for word in _tagged(stretch)}
        for annotations in (plain, fast)
    )
    return 1.0 - len(mine & its) / len(mine)


def _tagged(stretch):
    """(start, end, tags) of the words of a Stretch."""
    at = 0
    for word, tags in zip(stretch.words, tags_of_words(stretch)):
        yield at, at + len(word), tags
        at += len(word)


def one_call(annotator, sentence):
    """A script that annotates one sentence at a time."""
    return annotator._ltp.pipeline([sentence], tasks=annotator.tasks, raw_format=True)


if __name__ == "__main__":
    main()
