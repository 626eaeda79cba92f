"""Tiny LTP models, legacy and neural, trained in seconds on the sentences below.

The official weights are downloads of 100 MB and more; these models have the same files and run
through the same code of the `ltp` package. They know the sentences by heart and nothing else.
"""

import collections
import json
import os

from data.tokenization import SPECIAL_TOKENS

# words, pos, ner: lists of str, one entry per word; LTP's tag sets.
Sentence = collections.namedtuple("Sentence", ["words", "pos", "ner"])

# A word, its POS tag and, unless it is O, its NER tag.
_SENTENCES = """
他/r 在/p 北京/ns/S-Ns 工作/v 。/wp
我/r 爱/v 自然/n 语言/n 处理/v
小明/nh/S-Nh 昨天/nt 去/v 了/u 上海/ns/S-Ns 。/wp
哈尔滨/ns/B-Ni 工业/n/I-Ni 大学/n/E-Ni 位于/v 黑龙江省/ns/S-Ns 。/wp
她/r 喜欢/v 喝/v 绿茶/n ，/wp 不/d 喜欢/v 咖啡/n 。/wp
张伟/nh/S-Nh 是/v 一/m 名/q 医生/n 。/wp
今天/nt 的/u 天气/n 很/d 好/a ！/wp
你/r 知道/v 这/r 本/q 书/n 吗/u ？/wp
使用/v 语言/n 模型/n 来/v 预测/v 下/nd 一个/m 词/n
长江/ns/S-Ns 是/v 中国/ns/S-Ns 最/d 长/a 的/u 河流/n 。/wp
公司/n 计划/v 明年/nt 扩大/v 生产/v 规模/n 。/wp
李华/nh/S-Nh 和/c 王芳/nh/S-Nh 一起/d 学习/v 数学/n 。/wp
这/r 家/q 银行/n 提供/v 贷款/n 服务/v 。/wp
法院/n 作出/v 了/u 判决/n ；/wp 被告/n 没有/d 上诉/v 。/wp
患者/n 服用/v 药物/n 三/m 天/q 后/nd 退烧/v 。/wp
猫/n 在/p 桌子/n 下面/nd 睡觉/v 。/wp
中国/ns/B-Ni 科学院/n/E-Ni 发布/v 报告/n 。/wp
我们/r 应该/v 保护/v 环境/n ，/wp 节约/v 用水/n 。/wp
孩子/n 们/k 在/p 公园/n 里/nd 放/v 风筝/n 。/wp
老师/n 说/v ：/wp “/wp 请/v 安静/a 。/wp ”/wp
研究/v 人员/n 用/p BERT/ws 模型/n 做/v 实验/n 。/wp
2019年/nt 夏天/nt 非常/d 热/a 。/wp
机器/n 翻译/v 越来越/d 准确/a 了/u 。/wp
南京/ns/S-Ns 市/n 长江/ns/S-Ns 大桥/n
红/a 苹果/n 、/wp 黄/a 香蕉/n 和/c 绿/a 葡萄/n
"""

TASKS = ("cws", "pos", "ner")
_HIDDEN = 64
_STEPS = 60
_SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def _parse(line):
    fields = [item.split("/") for item in line.split()]
    words, pos = [f[0] for f in fields], [f[1] for f in fields]
    return Sentence(words, pos, [f[2] if len(f) > 2 else "O" for f in fields])


SENTENCES = [_parse(line) for line in _SENTENCES.strip().split("\n")]


def _labels(column):
    """All labels of "pos" or "ner", sorted."""
    return sorted({label for sentence in SENTENCES for label in getattr(sentence, column)})


def build_legacy(directory):
    """Writes an LTP directory with perceptron models for words, POS and NER.

    Args:
      directory: str, made if it is not there.

    Returns:
      str, the directory.
    """
    from ltp_extension import perceptron

    os.makedirs(directory, exist_ok=True)
    trainers = {
        "cws": perceptron.CWSTrainer(),
        "pos": perceptron.POSTrainer(_labels("pos")),
        "ner": perceptron.NERTrainer(_labels("ner")),
    }
    for depth, (task, trainer) in enumerate(trainers.items(), 1):
        data = os.path.join(directory, task + ".txt")
        with open(data, "w", encoding="utf-8") as f:
            for sentence in SENTENCES:
                # word, word/pos or word/pos/ner
                f.write(" ".join(map("/".join, zip(*sentence[:depth]))) + "\n")
        _train_perceptron(trainer, data).save(os.path.join(directory, task + "_model.bin"))
        os.remove(data)
    models = {task: task + "_model.bin" for task in TASKS}
    _write_json(directory, "config.json", {"nerual": False, "tasks": models})  # spelled so
    return directory


def _train_perceptron(trainer, data):
    from ltp_extension.perceptron import Algorithm

    trainer.epoch = 20
    trainer.shuffle = False
    trainer.verbose = False
    trainer.algorithm = Algorithm("AP", 1)
    trainer.eval_threads = 1
    trainer.compress = False
    trainer.load_train_data(data)
    trainer.load_eval_data(data)
    return trainer.train()


def build_neural(directory):
    """Writes an LTP directory with a two-layer BERT for words, POS and NER.

    Args:
      directory: str, made if it is not there.

    Returns:
      str, the directory.
    """
    os.environ.setdefault("USE_TF", "0")  # transformers need not import TensorFlow
    import torch
    from ltp_core.models.utils import instantiate
    from transformers import BertTokenizerFast

    torch.set_num_threads(1)
    os.makedirs(directory, exist_ok=True)
    tokens = _SPECIAL_TOKENS + sorted({c for s in SENTENCES for c in "".join(s.words).lower()})
    tokens += ["bert", "2019"]
    with open(os.path.join(directory, "vocab.txt"), "w", encoding="utf-8") as f:
        f.write("\n".join(tokens) + "\n")
    _write_json(
        directory, "tokenizer_config.json", {"do_lower_case": True, "model_max_length": 512}
    )
    vocabs = {"cws": ["I-W", "B-W"], "pos": _labels("pos"), "ner": _labels("ner")}
    config = {"nerual": True, "model": _neural_model(len(tokens), vocabs), "vocabs": vocabs}
    _write_json(directory, "config.json", config)
    tokenizer = BertTokenizerFast(os.path.join(directory, "vocab.txt"), do_lower_case=True)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = instantiate(config["model"])
        _train_neural(model, _neural_batch(tokenizer, vocabs))
    torch.save(model.state_dict(), os.path.join(directory, "pytorch_model.bin"))
    return directory


def _neural_model(vocab_size, vocabs):
    """The "model" part of config.json."""
    part = "ltp_core.models."
    backbone = {
        "model_type": "bert",
        "vocab_size": vocab_size,
        "hidden_size": _HIDDEN,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 2 * _HIDDEN,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    head = {"_ltp_target_": part + "components.token.MLPTokenClassifier", "input_size": _HIDDEN}
    processors = {"cws": "TokenOnly", "pos": "WordsOnly", "ner": "WordsOnly"}
    return {
        "_ltp_target_": part + "ltp_model.LTPModule",
        "backbone": {"_ltp_target_": part + "utils.load_transformers", "config": backbone},
        "heads": {task: dict(head, num_labels=len(labels)) for task, labels in vocabs.items()},
        "processor": {
            task: {"_ltp_target_": part + "processor." + name, "dropout": 0.0}
            for task, name in processors.items()
        },
    }


def _neural_batch(tokenizer, vocabs):
    """All sentences as one batch: (inputs of the backbone and the processors, labels by task)."""
    import torch

    def pad(rows):
        return torch.nn.utils.rnn.pad_sequence([torch.tensor(r) for r in rows], batch_first=True)

    encoded = tokenizer(["".join(s.words) for s in SENTENCES], padding=True, return_tensors="pt")
    word_index, labels = [], {task: [] for task in TASKS}
    for sentence, encoding in zip(SENTENCES, encoded.encodings):
        offsets = [start for start, end in encoding.offsets[1:-1] if end]
        ends = [len("".join(sentence.words[:i])) for i in range(len(sentence.words))]
        word_index.append([offsets.index(end) for end in ends])
        labels["cws"].append([int(start in ends) for start in offsets])
        for task in ("pos", "ner"):
            labels[task].append([vocabs[task].index(tag) for tag in getattr(sentence, task)])
    words = {
        "word_index": pad(word_index),
        "word_attention_mask": pad([[True] * len(row) for row in word_index]),
    }
    inputs = dict(encoded, **words)
    return inputs, {task: pad(rows) for task, rows in labels.items()}


def _train_neural(model, batch):
    import torch
    from ltp_core.models.criterion.token import TokenLoss

    inputs, labels = batch
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(_STEPS):
        optimizer.zero_grad()
        loss = sum(TokenLoss()(model(task, **inputs), labels[task]) for task in TASKS)
        loss.backward()
        optimizer.step()


def _write_json(directory, name, content):
    with open(os.path.join(directory, name), "w", encoding="utf-8") as f:
        json.dump(content, f, ensure_ascii=False, indent=1)


GOLD = {"".join(sentence.words): sentence.words for sentence in SENTENCES}


def write_vocabulary(path, extra=()):
    """A vocab.txt of the characters of the sentences and some pieces more."""
    characters = sorted({c for text in GOLD for c in text.lower()})
    tokens = [*SPECIAL_TOKENS, *characters, "的", "2019", "bert", *extra]
    path.write_text("\n".join(dict.fromkeys(tokens)) + "\n", encoding="utf-8")
    return str(path)


def raw_text(copies):
    """Documents of a few sentences each that raw text's sentence splitter leaves whole."""
    sentences = [text for text in GOLD if "；" not in text]
    documents = ["\n".join(sentences[at : at + 6]) for at in range(0, len(sentences), 6)]
    return "\n\n".join(documents * copies) + "\n"
