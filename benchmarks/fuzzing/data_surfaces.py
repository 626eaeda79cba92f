"""Data creation: texts of every format, vocabularies, dictionaries, similar words and the vectors
that they are made of, files of an interrupted run.
"""

import glob
import json
import os
import struct
from unittest import mock

from fuzzing.message_bytes import mutate_message
from fuzzing.mutations import mutate_bytes, mutate_cells, mutate_gzip, mutate_json, mutate_text
from fuzzing.surface import Surface, change_file, copy_tree, flags_of, get, get_json, put

KIND, BUILD, SIMILAR = "create_pretraining_data", "data.build_vocab", "data.similar_words"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_SENTENCES, _MODEL_PIECES = 30, 2000


def prepare(seeds):
    """Valid inputs below the folder `seeds`."""
    from data.tokenizers.building.sentencepiece_training import train_model

    lines = []
    for path in sorted(glob.glob(os.path.join(ROOT, "sample", "corpus", "*.txt"))):
        lines += get(path).decode("utf-8").splitlines()[:_SENTENCES]
    records = [{"title": a, "text": b, "id": i} for i, (a, b) in enumerate(zip(lines, lines[1:]))]
    texts = {
        "raw": "\n".join(lines),
        "text": "\n".join(line + ("\n" if i % 4 == 3 else "") for i, line in enumerate(lines)),
        "jsonl": "\n".join(json.dumps(r, ensure_ascii=i % 2 > 0) for i, r in enumerate(records)),
        "presegmented": "\n".join(
            " ".join(line[i : i + 2] for i in range(0, len(line), 2)) for line in lines
        ),
    }
    for name, text in texts.items():
        put(os.path.join(seeds, name), (text + "\n").encode("utf-8"))
    annotated = get(os.path.join(ROOT, "sample", "annotations", "news.conllu"))
    put(os.path.join(seeds, "conllu"), b"\n\n".join(annotated.split(b"\n\n")[:_SENTENCES]) + b"\n")
    characters = sorted(set("".join(lines)))
    tokens = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "[unused1]",
        *characters,
        "##ing",
        "the",
    ]
    put(os.path.join(seeds, "vocab.txt"), ("\n".join(tokens) + "\n").encode("utf-8"))
    words = ["{} {} n".format(line[i : i + 3], i) for i, line in enumerate(lines) if line.strip()]
    put(os.path.join(seeds, "words"), "\n".join(words[:40]).encode("utf-8"))
    _put_similar_words(seeds, [word.split()[0] for word in words[:200]])
    model = train_model([os.path.join(seeds, "raw")], _MODEL_PIECES, do_lower_case=True)
    put(os.path.join(seeds, "spiece.model"), model)
    _leave_unfinished(seeds)


def _put_similar_words(seeds, words):
    """A table, and vectors in both formats; three values have many neighbours."""
    words = list(dict.fromkeys(words))
    table = ["{}\t{}:0.5 {}".format(*three) for three in zip(words, words[1:], words[2:])]
    put(os.path.join(seeds, "similar"), "\n".join(table).encode("utf-8"))
    vectors = [(i % 7 - 3.5, i % 5 - 2.5, i % 3 - 1.5) for i in range(len(words))]
    header = "{} 3\n".format(len(words)).encode("utf-8")
    lines = ["{} {} {} {}\n".format(word, *v).encode() for word, v in zip(words, vectors)]
    put(os.path.join(seeds, "vectors.text"), header + b"".join(lines))
    parts = [word.encode() + b" " + struct.pack("<3f", *v) for word, v in zip(words, vectors)]
    put(os.path.join(seeds, "vectors.binary"), header + b"\n".join(parts) + b"\n")


def _leave_unfinished(seeds):
    """A finished run in seeds/whole, one stopped before its manifest in seeds/stopped, and one with
    tags in seeds/tagged."""
    from data.jobs.job import Job

    _create(seeds, "whole", "raw")
    _create(seeds, "tagged", "conllu", objective="lert", segmenter="rjieba", short_seq_prob=0.0)
    with mock.patch.object(Job, "finish", mock.Mock(side_effect=OSError)):
        try:
            _create(seeds, "stopped", "raw")
        except OSError:
            return
    raise AssertionError("the run was not stopped")


def _create(seeds, name, form, **changes):
    """Runs data creation on the valid input of a format: two shards in seeds/NAME."""
    from data.creation import RecordWork
    from data.creation_settings import CreationSettings
    from data.jobs import runner

    values = {"input_format": form, "segmenter": "none", "dupe_factor": 1, **changes}
    settings = CreationSettings(os.path.join(seeds, "vocab.txt"), **values)
    os.mkdir(os.path.join(seeds, name))
    paths = [os.path.join(seeds, name, "r-{:05d}-of-00002".format(i)) for i in range(2)]
    work = RecordWork(settings)
    runner.create(work, [os.path.join(seeds, form)], paths, say=lambda line: None)


def _flags(seeds, folder, **changes):
    values = {
        "output_file": os.path.join(folder, "out"),
        "vocab_file": os.path.join(seeds, "vocab.txt"),
        "segmenter": "none",
        "dupe_factor": 1,
        "max_seq_length": 32,
        "max_predictions_per_seq": 5,
        "num_workers": 1,
    }
    values.update(changes)
    return flags_of(**values)


def _text(form):
    def write(rng, seeds, folder):
        content = get(os.path.join(seeds, form))
        if form == "jsonl" and rng.random() < 0.5:
            lines = content.splitlines()
            at = rng.randrange(len(lines))
            lines[at] = mutate_json(rng, json.loads(lines[at].decode("utf-8")))
            content = b"\n".join(lines)
        elif form == "conllu" and rng.random() < 0.6:
            content = mutate_cells(rng, content)
        else:
            content = mutate_text(rng, content)
        name, mutate = "in", lambda _, content: content
        if rng.random() < 0.3:
            name, mutate = "in.gz", mutate_gzip
        path = put(os.path.join(folder, name), mutate(rng, content))
        return _flags(
            seeds,
            folder,
            input_file=path,
            input_format=form,
            segmenter=None if form in ("presegmented", "conllu") else "none",
            tag_set=rng.choice(["ltp", "ltp", "ud"]) if form == "conllu" else None,
            text_fields="title,text" if form == "jsonl" else None,
            objective=rng.choice(["lert", "bert"] if form == "conllu" else ["bert", "roberta"]),
            short_seq_prob=0,
            masking=rng.choice(["static", "dynamic"]),
            do_lower_case=rng.choice(["true", "false"]),
            normalize_quotes=rng.choice(["true", "false"]),
        )

    return write


def _vocabulary(rng, seeds, folder):
    path = put(os.path.join(folder, "v"), mutate_text(rng, get(os.path.join(seeds, "vocab.txt"))))
    return _flags(
        seeds,
        folder,
        input_file=os.path.join(seeds, "text"),
        vocab_file=path,
        masking_unit=rng.choice(["wordpiece", "word"]),
    )


def _sentencepiece(rng, seeds, folder):
    mutate = rng.choice([mutate_bytes] + 4 * [mutate_message])
    content = mutate(rng, get(os.path.join(seeds, "spiece.model")))
    return _flags(
        seeds,
        folder,
        input_file=os.path.join(seeds, "text"),
        vocab_file=put(os.path.join(folder, "spiece.model"), content),
        tokenizer="sentencepiece",
        masking_unit=rng.choice(["wordpiece", "word"]),
    )


def _dictionary(rng, seeds, folder):
    path = put(os.path.join(folder, "words"), mutate_text(rng, get(os.path.join(seeds, "words"))))
    return _flags(
        seeds,
        folder,
        input_file=os.path.join(seeds, "text"),
        user_dict=path,
        segmenter=rng.choice(["rjieba"] * 3 + ["jieba"]),
    )


def _restart(rng, seeds, folder):
    out = copy_tree(os.path.join(seeds, rng.choice(["whole", "stopped", "stopped"])), folder + "/o")
    names = glob.glob(os.path.join(out, "*")) + glob.glob(os.path.join(out, "_*", "*"))
    records = [name for name in names if name.endswith(".json")]
    if rng.random() < 0.7 and records:
        path = rng.choice(sorted(records))
        put(path, mutate_json(rng, get_json(path)))
    else:
        change_file(rng, out, [n for n in names if os.path.isfile(n)], mutate_bytes)
    return _flags(
        seeds,
        folder,
        input_file=os.path.join(seeds, "raw"),
        input_format="raw",
        output_file=os.path.join(out, "r"),
        num_shards=2,
        max_seq_length=128,
        max_predictions_per_seq=20,
    )


def _similar_words(rng, seeds, folder):
    table = mutate_text(rng, get(os.path.join(seeds, "similar")))
    return _flags(
        seeds,
        folder,
        input_file=os.path.join(seeds, "text"),
        objective="macbert",
        similar_words=put(os.path.join(folder, "similar"), table),
        segmenter="rjieba",
    )


def _vectors(rng, seeds, folder):
    form = rng.choice(["text", "binary"])
    content = get(os.path.join(seeds, "vectors." + form))
    content = mutate_text(rng, content) if form == "text" else mutate_bytes(rng, content)
    name, mutate = "v", lambda _, content: content
    if rng.random() < 0.3:
        name, mutate = "v.gz", mutate_gzip
    return flags_of(
        vectors=put(os.path.join(folder, name), mutate(rng, content)),
        vectors_format=rng.choice([None, None, form]),
        vocab_file=rng.choice([None, os.path.join(seeds, "vocab.txt")]),
        output_file=os.path.join(folder, "out"),
    )


def _parts_of_speech(rng, seeds, folder):
    path = put(os.path.join(folder, "pos"), mutate_text(rng, get(os.path.join(seeds, "words"))))
    return flags_of(
        vectors=os.path.join(seeds, "vectors.text"),
        same_pos="true",
        pos_file=path,
        output_file=os.path.join(folder, "out"),
    )


def _corpus_of_vocabulary(rng, seeds, folder):
    path = put(os.path.join(folder, "in"), mutate_text(rng, get(os.path.join(seeds, "raw"))))
    return flags_of(
        input_file=path,
        output_file=os.path.join(folder, "v"),
        vocab_size=rng.choice([1200, 2000]),
        min_frequency=rng.choice([1, 3]),
    )


SURFACES = [
    Surface("text", KIND, 8, _text("text")),
    Surface("raw", KIND, 8, _text("raw")),
    Surface("jsonl", KIND, 10, _text("jsonl")),
    Surface("presegmented", KIND, 5, _text("presegmented")),
    Surface("conllu", KIND, 8, _text("conllu")),
    Surface("vocabulary", KIND, 8, _vocabulary),
    Surface("sentencepiece", KIND, 4, _sentencepiece),
    Surface("user dictionary", KIND, 3, _dictionary),
    Surface("restart", KIND, 6, _restart),
    Surface("corpus of a vocabulary", BUILD, 3, _corpus_of_vocabulary),
    Surface("similar words", KIND, 3, _similar_words),
    Surface("word vectors", SIMILAR, 3, _vectors),
    Surface("parts of speech", SIMILAR, 1, _parts_of_speech),
]
