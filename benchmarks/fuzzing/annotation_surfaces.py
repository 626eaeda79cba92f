"""Annotation: texts, and LTP models of both kinds."""

import json
import os

from fuzzing.mutations import mutate_bytes, mutate_json, mutate_text
from fuzzing.surface import Surface, copy_tree, flags_of, get, put

KIND = "annotate_corpus"
_SENTENCES = 6
_TARGETS = [
    "cws_model.bin",
    "ltp_core.models.processor.TokenOnly",
    "ltp_core.models.components.graph.BiaffineClassifier",
    "ltp_core.models.ltp_model.torch.os.abort",
    "electra",
    "gelu",
]


def prepare(seeds):
    """A little text, and small models in seeds/legacy and seeds/neural."""
    import ltp_models

    from sample import train_ltp

    lines = ltp_models.RAW_SENTENCES[:_SENTENCES]
    put(os.path.join(seeds, "raw"), ("\n\n".join(lines) + "\n").encode("utf-8"))
    records = [json.dumps({"text": line}, ensure_ascii=False) for line in lines]
    put(os.path.join(seeds, "jsonl"), ("\n".join(records) + "\n").encode("utf-8"))
    for kind in train_ltp.KINDS:
        directory = os.path.join(seeds, kind)
        os.mkdir(directory)
        train_ltp.train(kind, ltp_models.SENTENCES[:20], directory, epochs=2)


def _flags(folder, text, model, form="raw"):
    return flags_of(
        input_file=text,
        input_format=form,
        output_file=os.path.join(folder, "out.conllu"),
        ltp_model=model,
        num_workers=1,
    )


def _text(rng, seeds, folder):
    form = rng.choice(["raw", "raw", "jsonl"])
    content = mutate_text(rng, get(os.path.join(seeds, form)))
    model = os.path.join(seeds, rng.choice(["legacy", "legacy", "neural"]))
    return _flags(folder, put(os.path.join(folder, "in"), content), model, form)


def _model(rng, seeds, folder):
    from data.text.ltp.loading import load_ltp

    load_ltp.cache_clear()  # the last input's model lay in the same place
    kind = rng.choice(["legacy", "neural", "neural"])
    model = copy_tree(os.path.join(seeds, kind), os.path.join(folder, "ltp"))
    name = rng.choice(sorted(os.listdir(model)))
    path = os.path.join(model, name)
    content = get(path)
    if name.endswith(".json"):
        content = mutate_json(rng, json.loads(content.decode("utf-8")), _TARGETS)
    else:
        content = (mutate_text if name.endswith(".txt") else mutate_bytes)(rng, content)
    put(path, content)
    return _flags(folder, os.path.join(seeds, "raw"), model)


SURFACES = [
    Surface("text to annotate", KIND, 3, _text),
    Surface("LTP model", KIND, 4, _model),
]
