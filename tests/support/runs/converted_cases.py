"""Converts small random models of every family and writes what transformers 4 reads of them.

python -m converted_cases FOLDER      (scripts/test_transformers5.sh runs it)

FOLDER gets a Hugging Face directory for each case, models.json with what is expected of it, its
outputs in CASE.npz, lines.json with the texts whose ids are in CASE.ids.npz, and a model of LTP.
"""

import json
import os
import pathlib
import shutil
import sys
from typing import NamedTuple

import numpy as np
import transformers
import transformers_readings as readings
from conversion_cases import SIZES, write
from ltp_models import build_neural
from places import ROOT, SHARED
from sentencepiece_models import write_sample_model

from cli import conversion
from cli.app import prepare_tensorflow
from common import pytorch
from data.text.ltp.loading import load_ltp
from data.tokenizers.huggingface_files import AWKWARD
from data.tokenizers.vocabularies import read_vocabulary
from modeling.conversion import families, network

LABELS = 5

pytorch.keep_triton_out()


class Case(NamedTuple):
    """A checkpoint to convert.

    Attributes:
      family: of families.
      components: names of the components that it has.
      auto: the Auto class that reads it, after AutoModel.
      head: as for --head.
      pieces: "wordpiece" or "sentencepiece".
      do_lower_case: of the tokenizer.
      has_tags: whether LERT's tag heads are there as well.
      changes: dict of what the config has in another way than SIZES.
    """

    family: families.Family
    components: list
    auto: str
    head: str = "auto"
    pieces: str = "wordpiece"
    do_lower_case: bool = True
    has_tags: bool = False
    changes: dict = {}


BERT_TAGS = families.google_task(families.BERT, None, "tagging")
ALBERT_TAGS = families.google_task(families.ALBERT, None, "tagging")
BERT_CHOICES = families.google_task(families.BERT, None, "multiple_choice")
ALBERT_CHOICES = families.google_task(families.ALBERT, None, "multiple_choice")
PRETRAINING = ["pooler", "masked_lm", "sentence_pair"]
SEQUENCES, TOKENS = "ForSequenceClassification", "ForTokenClassification"
CHOICES = "ForMultipleChoice"
BLOCKS = {"num_hidden_layers": 4, "num_hidden_groups": 2, "inner_group_num": 2}
CASES = {
    "bert": Case(families.BERT, PRETRAINING, "ForPreTraining"),
    "bert_cased": Case(families.BERT, ["masked_lm"], "ForMaskedLM", do_lower_case=False),
    "bert_next": Case(families.BERT, ["pooler", "sentence_pair"], "ForNextSentencePrediction"),
    "bert_bare": Case(families.BERT, ["pooler"], ""),
    "bert_classes": Case(families.BERT, ["pooler", "classifier"], SEQUENCES),
    "bert_tags": Case(BERT_TAGS, ["pooler", "tagger"], TOKENS, "tagging"),
    "bert_choices": Case(BERT_CHOICES, ["pooler", "chooser"], CHOICES, "multiple_choice"),
    "bert_answers": Case(families.BERT, ["answers"], "ForQuestionAnswering"),
    "lert": Case(families.BERT, ["pooler", "masked_lm"], "ForMaskedLM", has_tags=True),
    "albert": Case(families.ALBERT, PRETRAINING, "ForPreTraining", pieces="sentencepiece"),
    "albert_cased": Case(
        families.ALBERT,
        ["masked_lm"],
        "ForMaskedLM",
        pieces="sentencepiece",
        do_lower_case=False,
    ),
    "albert_wordpiece": Case(families.ALBERT, PRETRAINING, "ForPreTraining"),
    "albert_blocks": Case(families.ALBERT, PRETRAINING, "ForPreTraining", changes=BLOCKS),
    "albert_bare": Case(families.ALBERT, ["pooler"], "", pieces="sentencepiece"),
    "albert_classes": Case(families.ALBERT, ["pooler", "classifier"], SEQUENCES),
    "albert_tags": Case(ALBERT_TAGS, ["tagger"], TOKENS, "tagging", "sentencepiece"),
    "albert_choices": Case(ALBERT_CHOICES, ["pooler", "chooser"], CHOICES, "multiple_choice"),
    "albert_answers": Case(
        families.ALBERT, ["answers"], "ForQuestionAnswering", pieces="sentencepiece"
    ),
    "electra": Case(families.ELECTRA, ["replaced"], "ForPreTraining"),
    "electra_bare": Case(families.ELECTRA, [], ""),
    "electra_generator": Case(families.ELECTRA_GENERATOR, ["masked_lm"], "ForMaskedLM"),
    "electra_tags": Case(families.electra_task("tagging", "ner"), ["tagger"], TOKENS, "tagging"),
    "electra_answers": Case(
        families.electra_task("qa", "drcd"), ["answers"], "ForQuestionAnswering", "qa"
    ),
}


def main(folder):
    if not transformers.__version__.startswith("4."):
        sys.exit("transformers 4 is wanted here, not " + transformers.__version__)
    prepare_tensorflow()
    source = os.path.join(folder, "tf")
    os.makedirs(source)
    vocabularies = {
        "wordpiece": wordpieces(),
        "sentencepiece": write_sample_model(pathlib.Path(source)),
    }
    lines = readings.task_lines(SHARED) if os.path.isdir(SHARED) else []
    facts = {}
    for seed, (name, case) in enumerate(CASES.items()):
        vocabulary = read_vocabulary(vocabularies[case.pieces])
        directory = os.path.join(folder, name)
        files = checkpoint(os.path.join(source, name), case, vocabulary, seed)
        conversion.to_hugging_face(files, directory, case.head, do_lower_case=case.do_lower_case)
        facts[name] = expected(directory, "AutoModel" + case.auto)
        ours = vocabulary.make_tokenizer(case.do_lower_case)
        facts[name]["awkward"] = [ours.tokenize(text).ids.tolist() for text in AWKWARD]
        if name in readings.READERS_OF_LINES:
            write_ids(directory, ours if case.pieces == "wordpiece" else None, lines)
    build_neural(os.path.join(folder, readings.LTP))
    tagged = readings.ltp_tags(load_ltp(os.path.join(folder, readings.LTP)))
    shutil.rmtree(source)
    versions = {"transformers": transformers.__version__}
    write_json(folder, readings.MODELS, {"versions": versions, "cases": facts, "ltp": tagged})
    write_json(folder, readings.LINES, {"awkward": AWKWARD, "lines": lines})


def wordpieces():
    """Path of a vocabulary that knows what awkward strings are made of; without it the sample's."""
    large = os.path.join(SHARED, "datasets", "vocab", "vocab.txt")
    return large if os.path.exists(large) else os.path.join(ROOT, "sample", "vocab.txt")


def checkpoint(folder, case, vocabulary, seed):
    """conversion.ModelFiles of random values."""
    sizes = dict(SIZES, vocab_size=len(vocabulary), max_position_embeddings=64, **case.changes)
    sizes["model_type"] = case.family.model_type
    config = case.family.network_config(case.family.config_class(sizes))
    fine_tuned = case.family.task and case.family.task.network
    shapes = dict(network.shapes(config, case.components, LABELS, fine_tuned))
    if case.has_tags:
        for kind, tags in (("pos", 28), ("ner", 13), ("dep", 14)):
            layer = "cls/predictions/output_{}_layer/".format(kind)
            shapes.update({layer + "kernel": [sizes["hidden_size"], tags], layer + "bias": [tags]})
    rng = np.random.RandomState(seed)
    variables = {
        name: (rng.standard_normal(shape) * 0.3).astype(np.float32)
        for name, shape in shapes.items()
        if "pooler" in case.components or "/pooler/" not in name
    }
    files = write(folder, variables, sizes)
    return conversion.ModelFiles(
        files["tf_checkpoint_path"],
        files["config_file"],
        vocabulary.path,
        network=case.family.network,
    )


def expected(directory, auto_class):
    """What transformers 4 makes of a directory; its outputs are written beside it."""
    class_name, outputs = readings.read_model(directory, auto_class)
    np.savez(directory + ".npz", **outputs)
    return {
        "auto": auto_class,
        "class": class_name,
        "tokenizer": readings.facts_of(readings.read_tokenizer(directory)),
    }


def write_ids(directory, ours, lines):
    """Writes the ids of lines in transformers 4, which are those of our tokenizer, if given.

    SentencePiece is left out there: of cuts that are equally probable the libraries may choose
    different ones.
    """
    ids = readings.ids_of(readings.read_tokenizer(directory), lines) if lines else []
    for line, theirs in zip(lines if ours else [], ids):
        assert ours.tokenize(line).ids.tolist() == theirs, line
    flat = np.array([i for row in ids for i in row], np.int32)
    np.savez(directory + ".ids.npz", ids=flat, lengths=np.array([len(row) for row in ids]))


def write_json(folder, name, values):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as writer:
        json.dump(values, writer, ensure_ascii=False)


if __name__ == "__main__":
    main(sys.argv[1])
