"""What the conversion knows of a model family beside its names: a table per family."""

import collections
import re

from modeling.config import BertConfig
from modeling.config_families import AlbertConfig, AlbertZhConfig, ElectraConfig
from modeling.conversion import name_tables
from modeling.kernels import LAYER_NORM_EPSILON
from modeling.task_heads import ElectraHeads, GoogleHeads, QuestionOptions

# A part of a network that a checkpoint may lack. variables: pattern of its variables' names;
# output: what messages call what it computes.
Part = collections.namedtuple("Part", ["name", "variables", "output"])

# A class of transformers. parts: names of the parts without which it is not whole; logits: part
# -> the attribute of its result that holds the part's scores, or a list of them.
Architecture = collections.namedtuple("Architecture", ["name", "parts", "logits"])

# Names of a release's files: the checkpoint's prefix, and the config's.
Files = collections.namedtuple("Files", ["checkpoint", "config"])

# The fine-tuned head of a checkpoint. name: of the task that its variables are called by, None
# where they lie at the root; network: what computes it, see modeling.task_heads; counts: names of
# the variables that are as long as there are labels.
TaskHead = collections.namedtuple("TaskHead", ["name", "network", "counts"])

# ELECTRA's two networks, as --discriminator_or_generator has them.
DISCRIMINATOR, GENERATOR = NETWORKS = ("discriminator", "generator")


class Family(
    collections.namedtuple(
        "Family",
        [
            "title",
            "model_type",
            "config_class",
            "names",
            "parts",
            "heads",
            "architectures",
            "files",
            "asides",
            "settings",
            "network",
            "scopes",
            "task",
        ],
        defaults=[(), {}, None, (), None],
    )
):
    """One family.

    title: what messages call it; model_type: of config.json, None where Hugging Face has no such
    model; config_class: of its configs; names: NameMap; parts: list of Part; heads: ordered dict
    of the choices of --head -> names of their parts, the first that a checkpoint has is the
    default; architectures: list of Architecture, the first that parts suffice for is taken, the
    last needs none; files: Files; asides: list of name_tables.Aside; settings: dict of what the
    original's config file holds beside the config's keys; network: one of NETWORKS or None;
    scopes: of a generator's variables, see ElectraConfig.as_generator; task: TaskHead or None.
    """

    __slots__ = ()

    def parts_in(self, variables):
        """The Parts of which any of `variables` (names) is one."""
        return [p for p in self.parts if any(re.fullmatch(p.variables, v) for v in variables)]

    def part_of(self, variable):
        """Name of the part that a variable belongs to, None for embeddings and layers."""
        for part in self.parts:
            if re.fullmatch(part.variables, variable):
                return part.name
        return None

    def architecture(self, parts):
        """The Architecture for a network of these parts (names)."""
        return next(a for a in self.architectures if set(a.parts) <= set(parts))

    def has_part(self, name):
        """Whether there is a Part of that name."""
        return any(part.name == name for part in self.parts)

    def parts_beside(self, parts):
        """Names of those of the parts that asides hold, since the class has no place for them."""
        found = [a.part for a in self.asides if set(a.needs) & set(parts)]
        return [part for part in parts if part in found]

    def num_labels(self, shapes):
        """Number of labels of the fine-tuned head, by the shapes of a checkpoint's variables."""
        counts = self.task.counts if self.task else ()
        return next((shapes[name][0] for name in counts if shapes.get(name)), 1)

    def network_config(self, config):
        """`config` as that of this network: a generator's variables have scopes of their own."""
        return config.as_generator(*self.scopes) if self.network == GENERATOR else config


# What --head may ask for.
PRETRAINING, QUESTIONS, CLASSIFICATION, TAGGING, NONE = HEADS = (
    "pretraining",
    "qa",
    "classification",
    "tagging",
    "none",
)

_TAGGER = Part("tagger", r"output_(weights|bias)", "tag logits")
_BERT_PARTS = [
    Part("pooler", r"bert/pooler/.*", "pooled output"),
    Part("masked_lm", r"cls/predictions/(transform/.*|output_bias)", "masked-LM logits"),
    Part("sentence_pair", r"cls/seq_relationship/.*", "sentence-pair logits"),
    Part("classifier", r"output_(weights|bias)", "classifier logits"),
    Part("answers", r"cls/squad/output_(weights|bias)", "start and end logits"),
]
# Questions before classification: a checkpoint of CJRC's has a classifier for kinds of answers.
_BERT_HEADS = collections.OrderedDict(
    [
        (PRETRAINING, ["masked_lm", "sentence_pair"]),
        (QUESTIONS, ["answers"]),
        (CLASSIFICATION, ["classifier"]),
        (NONE, []),
    ]
)
_GOOGLE_COUNTS = ("output_weights", "output_bias")
_GOOGLE_TASK = TaskHead(None, GoogleHeads(), _GOOGLE_COUNTS)
_START_AND_END = ["start_logits", "end_logits"]

BERT = Family(
    title="a BERT model",
    model_type="bert",
    config_class=BertConfig,
    names=name_tables.BERT,
    parts=_BERT_PARTS,
    heads=_BERT_HEADS,
    task=_GOOGLE_TASK,
    architectures=[
        Architecture(
            "BertForPreTraining",
            ["pooler", "masked_lm", "sentence_pair"],
            {"masked_lm": "prediction_logits", "sentence_pair": "seq_relationship_logits"},
        ),
        Architecture("BertForMaskedLM", ["masked_lm"], {"masked_lm": "logits"}),
        Architecture(
            "BertForNextSentencePrediction",
            ["pooler", "sentence_pair"],
            {"sentence_pair": "logits"},
        ),
        Architecture(
            "BertForSequenceClassification", ["pooler", "classifier"], {"classifier": "logits"}
        ),
        Architecture("BertForQuestionAnswering", ["answers"], {"answers": _START_AND_END}),
        Architecture("BertModel", [], {}),
    ],
    files=Files("bert_model.ckpt", "bert_config.json"),
    asides=[name_tables.LERT_HEADS, name_tables.BERT_POOLER],
)

ALBERT = Family(
    title="an ALBERT model",
    model_type="albert",
    config_class=AlbertConfig,
    names=name_tables.ALBERT,
    parts=_BERT_PARTS,
    heads=_BERT_HEADS,
    task=_GOOGLE_TASK,
    architectures=[
        Architecture(
            "AlbertForPreTraining",
            ["pooler", "masked_lm", "sentence_pair"],
            {"masked_lm": "prediction_logits", "sentence_pair": "sop_logits"},
        ),
        Architecture("AlbertForMaskedLM", ["masked_lm"], {"masked_lm": "logits"}),
        Architecture(
            "AlbertForSequenceClassification", ["pooler", "classifier"], {"classifier": "logits"}
        ),
        Architecture("AlbertForQuestionAnswering", ["answers"], {"answers": _START_AND_END}),
        Architecture("AlbertModel", [], {}),
    ],
    files=Files("albert_model.ckpt", "albert_config.json"),
    asides=[name_tables.ALBERT_POOLER],
)

ALBERT_ZH = Family(
    title="albert_zh's own network, which Hugging Face does not have",
    model_type=None,
    config_class=AlbertZhConfig,
    names=name_tables.ALBERT_ZH,
    parts=_BERT_PARTS,
    heads=_BERT_HEADS,
    task=_GOOGLE_TASK,
    architectures=[],
    files=Files("albert_model.ckpt", "albert_config.json"),
)

# What Chinese-ELECTRA's files hold beside the sizes.
_ELECTRA_SETTINGS = {
    "layer_norm_eps": LAYER_NORM_EPSILON,
    "model_type": "electra",
    "pad_token_id": 0,
    "summary_activation": "gelu",
    "summary_last_dropout": 0.1,
    "summary_type": "first",
    "summary_use_proj": True,
}


def _electra(network, names, part, architecture, scopes=()):
    return Family(
        title="ELECTRA's " + network,
        model_type="electra",
        config_class=ElectraConfig,
        names=names,
        parts=[part],
        heads=collections.OrderedDict([(PRETRAINING, [part.name]), (NONE, [])]),
        architectures=[
            Architecture(architecture, [part.name], {part.name: "logits"}),
            Architecture("ElectraModel", [], {}),
        ],
        files=Files("electra_model.ckpt", network + ".json"),
        settings=_ELECTRA_SETTINGS,
        network=network,
        scopes=scopes,
    )


ELECTRA = _electra(
    DISCRIMINATOR,
    name_tables.ELECTRA_DISCRIMINATOR,
    Part("replaced", r"discriminator_predictions/.*", "replaced-token logits"),
    "ElectraForPreTraining",
)


def electra_generator(scope="generator", embedding_scope="electra"):
    """The Family of a generator; see ElectraConfig.as_generator."""
    return _electra(
        GENERATOR,
        name_tables.electra_generator(scope, embedding_scope),
        Part("masked_lm", r"generator_predictions/.*", "masked-LM logits"),
        "ElectraForMaskedLM",
        (scope, embedding_scope),
    )


ELECTRA_GENERATOR = electra_generator()

# The name tables by the scope of fine-tuned heads.
_GOOGLE_NAMES = {"bert": name_tables.bert, "albert": name_tables.albert}


def google_task(family, name, has_tags):
    """`family` with a head of Google's.

    Args:
      family: BERT or ALBERT.
      name: of the task of which the variables are named, None where they lie at the root.
      has_tags: whether output_weights stands on tokens.
    """
    scope = scope_of(name)
    names = _GOOGLE_NAMES[family.model_type](scope)
    parts = family.parts
    if has_tags:
        parts = [_TAGGER if p.name == "classifier" else p for p in parts]
        heads = [
            (TAGGING, ["tagger"]) if h == CLASSIFICATION else (h, p) for h, p in _BERT_HEADS.items()
        ]
        class_name = family.architectures[-1].name.replace("Model", "ForTokenClassification")
        tags = Architecture(class_name, ["tagger"], {"tagger": "logits"})
        family = family._replace(
            heads=collections.OrderedDict(heads), architectures=[tags, *family.architectures]
        )
    heads_of_task = ("classifier", "tagger", "answers")
    parts = [
        p._replace(variables=re.escape(scope) + p.variables) if p.name in heads_of_task else p
        for p in parts
    ]
    counts = tuple(scope + variable for variable in _GOOGLE_COUNTS)
    return family._replace(names=names, parts=parts, task=TaskHead(name, GoogleHeads(name), counts))


def electra_task(head, name):
    """ELECTRA's discriminator with a fine-tuned head that Hugging Face has, too.

    Args:
      head: TAGGING, or QUESTIONS without joint prediction.
      name: of the task.
    """
    scope = scope_of(name)
    if head == TAGGING:
        part = _TAGGER._replace(variables=re.escape(scope) + r"dense/.*")
        names, class_name, logits = name_tables.electra_tags, "TokenClassification", "logits"
    else:
        part = _BERT_PARTS[-1]._replace(variables=re.escape(scope) + r"dense(_1)?/.*")
        names, class_name = name_tables.electra_answers, "QuestionAnswering"
        logits = _START_AND_END
    options = QuestionOptions(joint_prediction=False, answerable_classifier=False)
    architecture = Architecture("ElectraFor" + class_name, [part.name], {part.name: logits})
    heads = [(PRETRAINING, ["replaced"]), (head, [part.name]), (NONE, [])]
    return ELECTRA._replace(
        names=names(scope),
        parts=[*ELECTRA.parts, part],
        heads=collections.OrderedDict(heads),
        architectures=[architecture, *ELECTRA.architectures],
        task=TaskHead(name, ElectraHeads(name, options), (scope + "dense/bias",)),
    )


def scope_of(name):
    """First part of the names of a task's variables; None: of those at the root."""
    return "task_specific/{}/".format(name) if name else ""


FAMILIES = [BERT, ALBERT, ALBERT_ZH, ELECTRA, ELECTRA_GENERATOR]
