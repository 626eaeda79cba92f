"""Training steps and inference of transformers' own classes in PyTorch."""

import platform

import numpy as np
import torch
import transformers
from transformers import BertConfig, BertForPreTraining, BertForSequenceClassification

from benchmarks.speed.shapes import VOCAB, Shape

CLASSES, IGNORED, FIRST_WORD = 2, -100, 106


def prepare(shape, threads, work, precision="fp32", lengths=None, batch=None, is_sorted=False):
    """A function that does a number of steps, or passes over texts.

    Args:
      shape: fields of a Shape.
      threads: of PyTorch.
      work: "pretraining", "classification", "inference".
      precision: "fp32"; "bf16": autocast in training, weights of bfloat16 in inference.
      lengths: inference: pieces of each text; None: full rows of one batch.
      batch: inference with lengths: texts of a batch.
      is_sorted: texts are sorted by length first.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    shape = Shape(*shape)
    config = BertConfig(**shape.config(), num_labels=CLASSES)
    rng = np.random.RandomState(1)
    if work == "inference":
        if lengths is None:
            lengths, batch = [shape.seq] * shape.batch, shape.batch
        return _inference(config, precision, rng, lengths, batch, is_sorted)
    ids = torch.tensor(rng.randint(FIRST_WORD, VOCAB, size=(shape.batch, shape.seq)))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    inputs["token_type_ids"] = (torch.arange(shape.seq) >= shape.seq // 2).long().expand_as(ids)
    if work == "pretraining":
        model = BertForPreTraining(config)
        labels = torch.full_like(ids, IGNORED)
        for row in labels:
            places = torch.randperm(shape.seq - 2)[: shape.predictions] + 1
            row[places] = torch.randint(FIRST_WORD, VOCAB, (shape.predictions,))
        inputs["labels"] = labels
        inputs["next_sentence_label"] = torch.randint(2, (shape.batch,))
    else:
        model = BertForSequenceClassification(config)
        inputs["labels"] = torch.randint(CLASSES, (shape.batch,))
    return _training(model, inputs, precision)


def versions():
    """What runs, for the report."""
    return "transformers {}, torch {}, Python {}".format(
        transformers.__version__, torch.__version__, platform.python_version()
    )


def _training(model, inputs, precision):
    model.train()
    plain = [p for n, p in model.named_parameters() if "LayerNorm" in n or n.endswith("bias")]
    others = [p for n, p in model.named_parameters() if "LayerNorm" not in n and "bias" not in n]
    groups = [{"params": others}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-4, weight_decay=0.01, eps=1e-6, fused=True)

    def run_steps(count):
        for _ in range(count):
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                loss = model(**inputs).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            float(loss.detach())

    return run_steps


def _inference(config, precision, rng, lengths, batch, is_sorted):
    model = BertForSequenceClassification(config).eval()
    if precision == "bf16":
        model = model.to(torch.bfloat16)
    texts = [rng.randint(FIRST_WORD, VOCAB, size=length) for length in lengths]
    if is_sorted:
        texts.sort(key=len)
    batches = []
    for begin in range(0, len(texts), batch):
        part = texts[begin : begin + batch]
        ids = np.zeros((len(part), max(map(len, part))), int)
        mask = np.zeros_like(ids)
        for row, text in enumerate(part):
            ids[row, : len(text)], mask[row, : len(text)] = text, 1
        batches.append({"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)})

    def run_passes(count):
        with torch.inference_mode():
            for _ in range(count):
                for inputs in batches:
                    torch.softmax(model(**inputs).logits.float(), -1).numpy()

    return run_passes
