"""LTP's neural model (a small BERT with a head per task) from sentences.

LTP's own parts throughout: modules, processors, losses.
"""

import json
import os

from common.errors import UserError
from data.text.characters import is_punctuation
from data.tokenizers.wordpiece import SPECIAL_TOKENS

_HIDDEN = 64
_HEADS = 2
_LAYERS = 2
_BATCH = 8  # sentences
_LEARNING_RATE = 5e-3
_INITIALIZER_RANGE = 0.1  # with BERT's 0.02 so narrow a model learns slowly
_LONGEST = 510  # pieces; LTP cuts what is longer
# Each task's input from the encoder, its head and, where they differ from LTP's, its sizes.
_PROCESSORS = {
    "cws": "TokenOnly",
    "pos": "WordsOnly",
    "ner": "WordsOnly",
    "dep": "WordsWithHead",
}
_TAGGER = {"_ltp_target_": "ltp_core.models.components.token.MLPTokenClassifier"}
_PARSER = {
    "_ltp_target_": "ltp_core.models.components.graph.BiaffineClassifier",
    "dropout": 0.0,
    "arc_hidden_size": 64,
    "rel_hidden_size": 32,
}


def train(sentences, tasks, directory, epochs, progress, vocab_tokens, seed):
    """Writes an LTP directory.

    Args:
      sentences: list of sample.conllu_files.Sentence.
      tasks: what to train, of "cws", "pos", "ner" and "dep".
      directory: str, is there.
      epochs: int.
      progress: called with a line for the user.
      vocab_tokens: of these, single characters go into the vocabulary besides those of the
        sentences, so that other text is not all [UNK].
      seed: int; the same seed, the same model.

    Returns:
      list of str, the tasks.

    Raises:
      UserError: a sentence is too long for LTP.
    """
    os.environ.setdefault("USE_TF", "0")  # transformers need not import TensorFlow
    import torch
    from ltp_core.models.utils import instantiate

    torch.set_num_threads(1)  # several only lose time on matrices of this size
    vocabs = {task: _labels(sentences, task) for task in tasks}
    tokenizer = _write_tokenizer(directory, _vocabulary(sentences, vocab_tokens))
    config = {"nerual": True, "model": _model_config(len(tokenizer), vocabs), "vocabs": vocabs}
    _write_json(directory, "config.json", config)
    examples = [_example(sentence, tokenizer, vocabs) for sentence in sentences]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = instantiate(config["model"])
        _fit(model, examples, epochs, progress)
    torch.save(model.state_dict(), os.path.join(directory, "pytorch_model.bin"))
    return tasks


def _labels(sentences, task):
    """A task's labels in the order of their ids."""
    if task == "cws":
        return ["I-W", "B-W"]
    column = "labels" if task == "dep" else task
    return sorted({label for sentence in sentences for label in getattr(sentence, column)})


def _vocabulary(sentences, vocab_tokens):
    """Tokens: single characters, and with ## those that BERT's tokenizer does not separate."""
    from tokenizers.normalizers import BertNormalizer

    normalize = BertNormalizer(lowercase=True).normalize_str
    known = "".join(token for token in vocab_tokens if len(token) == 1)
    text = normalize(known + "".join(sentence.text for sentence in sentences))
    characters = sorted(set(text.replace(" ", "")))
    # The normalizer puts blanks around Chinese characters.
    inner = ["##" + c for c in characters if not is_punctuation(c) and normalize(c) == c]
    return list(dict.fromkeys([*SPECIAL_TOKENS, *characters, *inner]))


def _write_tokenizer(directory, tokens):
    from transformers import BertTokenizerFast

    path = os.path.join(directory, "vocab.txt")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(tokens) + "\n")
    settings = {"do_lower_case": True, "model_max_length": _LONGEST + 2}
    _write_json(directory, "tokenizer_config.json", settings)
    return BertTokenizerFast(path, do_lower_case=True)


def _write_json(directory, name, content):
    with open(os.path.join(directory, name), "w", encoding="utf-8") as f:
        json.dump(content, f, ensure_ascii=False, indent=1)


def _model_config(vocab_size, vocabs):
    """The "model" part of config.json."""
    backbone = {
        "model_type": "bert",
        "vocab_size": vocab_size,
        "hidden_size": _HIDDEN,
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": _HEADS,
        "intermediate_size": 2 * _HIDDEN,
        "initializer_range": _INITIALIZER_RANGE,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    heads = {
        task: dict(
            _PARSER if task == "dep" else _TAGGER, input_size=_HIDDEN, num_labels=len(labels)
        )
        for task, labels in vocabs.items()
    }
    processors = {
        task: {"_ltp_target_": "ltp_core.models.processor." + _PROCESSORS[task], "dropout": 0.0}
        for task in vocabs
    }
    load = "ltp_core.models.utils.load_transformers"
    return {
        "_ltp_target_": "ltp_core.models.ltp_model.LTPModule",
        "backbone": {"_ltp_target_": load, "config": backbone},
        "heads": heads,
        "processor": processors,
    }


def _example(sentence, tokenizer, vocabs):
    """A sentence as lists of numbers by the names of LTP's arguments, labels by task."""
    encoding = tokenizer(sentence.text, return_offsets_mapping=True)
    starts = [start for start, _ in encoding["offset_mapping"][1:-1]]
    if len(starts) > _LONGEST:
        raise UserError(
            "{} has {} pieces; LTP's neural models read {}, cut it".format(
                sentence.where, len(starts), _LONGEST
            )
        )
    words = _word_pieces(sentence, starts)
    example = {"input_ids": encoding["input_ids"], "word_index": words}
    firsts = set(words)
    example["cws"] = [int(piece in firsts) for piece in range(len(starts))]
    for task in vocabs:
        if task != "cws":
            tags = sentence.labels if task == "dep" else getattr(sentence, task)
            example[task] = [vocabs[task].index(tag) for tag in tags]
    if "dep" in vocabs:
        example["heads"] = sentence.heads
    return example


def _word_pieces(sentence, starts):
    """The number of the piece that each word begins with or in."""
    numbers, at, piece = [], 0, 0
    for word in sentence.words:
        at = sentence.text.index(word, at)
        while piece + 1 < len(starts) and starts[piece + 1] <= at:
            piece += 1
        numbers.append(piece)
        at += len(word)
    return numbers


def _fit(model, examples, epochs, progress):
    import torch

    examples = sorted(examples, key=lambda e: len(e["input_ids"]))  # equal lengths: less padding
    batches = [_batch(examples[i : i + _BATCH]) for i in range(0, len(examples), _BATCH)]
    optimizer = torch.optim.Adam(model.parameters(), lr=_LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, _LEARNING_RATE, total_steps=epochs * len(batches), cycle_momentum=False
    )
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for number in torch.randperm(len(batches)).tolist():
            optimizer.zero_grad()
            loss = _loss(model, *batches[number])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        progress("epoch {} of {}, loss {:.3f}".format(epoch + 1, epochs, total / len(batches)))


def _batch(examples):
    """(inputs of the model, numbers to learn by name), padded with zeros."""
    import torch

    def pad(rows):
        return torch.nn.utils.rnn.pad_sequence([torch.tensor(r) for r in rows], batch_first=True)

    columns = {name: pad([e[name] for e in examples]) for name in examples[0]}
    inputs = {name: columns.pop(name) for name in ("input_ids", "word_index")}
    inputs["attention_mask"] = pad([[1] * len(e["input_ids"]) for e in examples])
    inputs["word_attention_mask"] = pad([[True] * len(e["word_index"]) for e in examples])
    return inputs, columns


def _loss(model, inputs, columns):
    """The sum of the tasks' losses; LTPModule itself would run the encoder once per task."""
    from ltp_core.models.criterion.graph import DEPLoss
    from ltp_core.models.criterion.token import TokenLoss

    outputs = model.backbone(inputs["input_ids"], inputs["attention_mask"])
    words = inputs["attention_mask"], inputs["word_index"], inputs["word_attention_mask"]
    total = 0.0
    for task, head in model.task_heads.items():
        result = head(*model.processor[task](outputs, *words))
        if task == "dep":
            total += DEPLoss()(result, columns["heads"], columns["dep"])
        else:
            total += TokenLoss()(result, columns[task])
    return total
