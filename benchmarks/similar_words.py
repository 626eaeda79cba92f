"""Tables of similar words made of published vectors and trained on a corpus: cost, coverage, and
neighbours side by side.

python benchmarks/similar_words.py --vectors words.vector --corpus law.txt --vocab_file vocab.txt

Downloads nothing. MacBERT's authors took their similar words from the package `synonyms`, whose
source distribution 3.10.2 has synonyms/data/words.vector, 125,796 words with 100 values each:

pip download --no-deps --no-binary :all: synonyms==3.10.2

A table in Markdown: words of the vectors, words of the table, neighbours of each, coverage, wall
and CPU seconds (user + system) and the peak memory of python -m data.similar_words. Coverage is the
share of the words of the corpus, by rjieba and without signs, that have neighbours. Below it, for
some words, the neighbours in both tables. --words names them; else they are the most frequent words
of two or more letters that both tables have.
"""

import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from common.terminal import printable  # noqa: E402
from data.similarity.table import read_table  # noqa: E402

_WORDS, _NEIGHBOURS = 10, 6
_READ = re.compile(r"^([\d,]+) words read", re.MULTILINE)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--vectors", required=True, help="in word2vec's text or binary format")
    parser.add_argument("--corpus", required=True, help="raw text in UTF-8")
    parser.add_argument("--vocab_file", required=True)
    parser.add_argument("--min_similarity", default="0.6", help="of the vectors")
    parser.add_argument("--trained_similarity", default="0.6", help="of the trained ones")
    parser.add_argument("--words", nargs="+", help="to show")
    arguments = parser.parse_args()
    for name in ("vectors", "corpus", "vocab_file"):  # the program runs in ROOT
        setattr(arguments, name, os.path.abspath(getattr(arguments, name)))
    counts = counted_words(arguments.corpus)
    sources = {
        "published": ["--vectors=" + arguments.vectors],
        "trained": ["--train_on=" + arguments.corpus],
    }
    tables = {}
    print("| vectors | words | in the table | neighbours | coverage | seconds | CPU s | peak MB |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="similar-words-") as folder:
        for name, flags in sources.items():
            least = arguments.trained_similarity if name == "trained" else arguments.min_similarity
            flags += ["--vocab_file=" + arguments.vocab_file, "--min_similarity=" + least]
            path = os.path.join(folder, name)
            read, *cost = made(flags, path)
            found = read_table(path)
            tables[name] = dict(zip(found.words, found.neighbours))
            print(row(name, read, tables[name], counts, cost), flush=True)
    print("\n| word | published | trained |\n|---|---|---|")
    for word in arguments.words or shared_words(counts, *tables.values()):
        near = [" ".join(table.get(word, ("-",))[:_NEIGHBOURS]) for table in tables.values()]
        print("| {} | {} |".format(word, " | ".join(map(printable, near))))


def counted_words(path):
    """{word: how often it is in a file}, the most frequent first, without signs."""
    import rjieba

    counts = collections.Counter()
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            counts.update(word for word in rjieba.cut(line) if any(map(str.isalnum, word)))
    return dict(counts.most_common())


def made(flags, path):
    """(words of the vectors, wall seconds, CPU seconds, peak MB) of a table that is made."""
    command = [sys.executable, "-m", "data.similar_words", "--output_file=" + path, *flags]
    with open(path + ".log", "w+", encoding="utf-8") as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        output = log.read()
    if process.returncode:
        sys.exit(output)
    read = int(_READ.search(output).group(1).replace(",", ""))
    return read, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def row(name, read, table, counts, cost):
    """A line of the table of tables."""
    covered = sum(count for word, count in counts.items() if word in table)
    return "| {} | {:,} | {:,} | {:.1f} | {:.1%} | {:.0f} | {:.0f} | {:.0f} |".format(
        name,
        read,
        len(table),
        sum(map(len, table.values())) / len(table),
        covered / max(1, sum(counts.values())),
        *cost,
    )


def shared_words(counts, *tables):
    """The most frequent words that all tables have."""
    shared = (w for w in counts if len(w) > 1 and w.isalpha() and all(w in t for t in tables))
    return [word for word, _ in zip(shared, range(_WORDS))]


if __name__ == "__main__":
    main()
