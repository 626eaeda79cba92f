"""What transformers makes of a converted directory, for tests: the same code for any version.

Needs no TensorFlow. converted_cases.py writes what version 4 reads, tests/transformers5 compares.
"""

import os

import numpy as np

from modeling.conversion.pytorch_outputs import states_of_layers

MODELS, LINES, LTP = "models.json", "lines.json", "ltp"
# The cases whose tokenizers read lines: both kinds of vocabulary, lower-casing and not.
READERS_OF_LINES = ("bert", "bert_cased", "albert", "albert_cased")
PAIR = ("今天[MASK]很好 [MASK] 好", "GPT-4 说，1,000 [UNK] don't")
ROWS, LENGTH = 3, 14
TASKS = ["cws", "pos", "ner", "dep"]


def inputs_for(config):
    """Dict of int64 arrays [rows, length] for a model: padded rows, both token types."""
    rng = np.random.RandomState(0)
    lengths = np.array([LENGTH, LENGTH // 2, 3])
    mask = (np.arange(LENGTH) < lengths[:, None]).astype(np.int64)
    return {
        "input_ids": rng.randint(0, config.vocab_size, (ROWS, LENGTH)) * mask,
        "attention_mask": mask,
        "token_type_ids": rng.randint(0, config.type_vocab_size, (ROWS, LENGTH)) * mask,
    }


def ltp_tags(ltp):
    """What a model of LTP says of a few sentences, as lists of text and numbers."""
    output = ltp.pipeline(["今天天气很好，我们去图书馆。", "张三x 和 GPT-4"], tasks=TASKS)
    return {task: getattr(output, task) for task in TASKS}


def read_model(folder, auto_class):
    """Loads a directory with one of the Auto classes and computes all its outputs.

    Returns:
      (name of the class, dict output -> float array; hidden_states are [layers, ...]).
    """
    import torch
    import transformers

    model, info = getattr(transformers, auto_class).from_pretrained(
        folder, output_loading_info=True, local_files_only=True, attn_implementation="eager"
    )
    assert not info["missing_keys"] and not info["mismatched_keys"], info
    fed = {name: torch.from_numpy(value) for name, value in inputs_for(model.config).items()}
    if auto_class.endswith("ForMultipleChoice"):
        fed = {name: values[:, None] for name, values in fed.items()}
    with torch.no_grad():
        result = model.float().eval()(output_hidden_states=True, **fed)
    outputs = dict(result)
    states = states_of_layers(outputs.pop("hidden_states"), model.config)
    outputs = {name: value.numpy() for name, value in outputs.items()}
    return type(model).__name__, dict(outputs, hidden_states=np.stack(states))


def read_tokenizer(folder):
    import transformers

    return transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)


def facts_of(tokenizer):
    """JSON object of what a program finds out about a tokenizer, and of a pair that it encodes."""
    coded = dict(tokenizer(*PAIR, padding="max_length", max_length=60))
    names = ("pad", "unk", "cls", "sep", "mask")
    return {
        "pair": coded,
        "cut": dict(tokenizer(*PAIR, truncation="only_second", max_length=18)),
        "text": tokenizer.decode(coded["input_ids"]),
        "words": tokenizer.decode(coded["input_ids"], skip_special_tokens=True),
        "special": {name: getattr(tokenizer, name + "_token_id") for name in names},
        "size": len(tokenizer),
        "model_max_length": tokenizer.model_max_length,
        "model_input_names": tokenizer.model_input_names,
        "do_lower_case": tokenizer.init_kwargs["do_lower_case"],
        "is_fast": tokenizer.is_fast,
    }


def ids_of(tokenizer, texts):
    """List of lists of int, as data.tokenizers.huggingface_files.encode gives them."""
    return tokenizer(texts, add_special_tokens=False, split_special_tokens=True, verbose=False)[
        "input_ids"
    ]


def task_lines(shared, step=8, longest=400):
    """Lines of the task files of the reference data: each once, not empty, every `step`-th of them.

    Args:
      shared: the folder of reference data.
      step: int.
      longest: characters of a line that are kept.
    """
    root, lines = os.path.join(shared, "datasets"), {}
    for task in sorted(os.listdir(root)):
        if task in ("corpus", "treebank", "vocab") or not os.path.isdir(os.path.join(root, task)):
            continue
        for folder, _, names in sorted(os.walk(os.path.join(root, task))):
            for name in sorted(names):
                # Byte order marks and carriage returns are to be tokenised, too.
                with open(os.path.join(folder, name), encoding="utf-8", newline="\n") as reader:
                    lines.update(dict.fromkeys(line.rstrip("\n")[:longest] for line in reader))
    return [line for line in lines if line][::step]
