"""The families that are converted, a table each: components, heads and classes of transformers."""

import collections
import re
import typing

from modeling.config import BertConfig
from modeling.config_families import AlbertConfig, AlbertZhConfig, ElectraConfig
from modeling.conversion import name_tables
from modeling.kernels import LAYER_NORM_EPSILON
from modeling.task_heads import ElectraHeads, GoogleHeads, QuestionOptions

# ELECTRA's two networks, the values of --discriminator_or_generator.
DISCRIMINATOR, GENERATOR = NETWORKS = ("discriminator", "generator")


class Component(typing.NamedTuple):
    """A component of a network that a checkpoint may lack.

    Attributes:
      name: the key of network.OUTPUTS.
      variables: pattern of the names of its variables.
      output: name in messagess output.
    """

    name: str
    variables: str
    output: str


class Architecture(typing.NamedTuple):
    """A class of transformers.

    Attributes:
      name: of the class.
      components: list of the names of the components that it cannot do without.
      logits: dict component name -> attribute of the result of the class that holds the scores of
        the component, or a list of such attributes.
    """

    name: str
    components: list
    logits: dict


class Files(typing.NamedTuple):
    """File names of a release.

    Attributes:
      checkpoint: prefix of the checkpoint.
      config: of the model config.
    """

    checkpoint: str
    config: str


class TaskHead(typing.NamedTuple):
    """The fine-tuned head of a checkpoint.

    Attributes:
      name: of the task that names its variables, None where they lie at the root.
      network: what computes it, see modeling.task_heads.
      counts: tuple of the names of the variables whose length is the number of labels.
    """

    name: typing.Optional[str]
    network: typing.Any
    counts: tuple


class Family(typing.NamedTuple):
    """One family.

    Attributes:
      title: name in messages.
      model_type: of config.json, None where Hugging Face has no such model.
      config_class: of its configs.
      names: NameMap.
      components: list of Component.
      heads: ordered dict of the choices of --head -> names of their components; the first that a
        checkpoint has is the default.
      architectures: list of Architecture; the first whose components a checkpoint has is taken,
        the last needs none.
      files: Files.
      side_files: tuple of name_tables.SideFile.
      settings: dict of what the original's config file holds beside the keys of the config.
      network: one of NETWORKS or None.
      scopes: of the variables of a generator, see ElectraConfig.as_generator.
      task: TaskHead or None.
    """

    title: str
    model_type: typing.Optional[str]
    config_class: type
    names: typing.Any
    components: list
    heads: dict
    architectures: list
    files: Files
    side_files: tuple = ()
    settings: dict = {}
    network: typing.Optional[str] = None
    scopes: tuple = ()
    task: typing.Optional[TaskHead] = None

    def components_in(self, variables):
        """List of the Components that have any of `variables` (names)."""
        return [c for c in self.components if any(re.fullmatch(c.variables, v) for v in variables)]

    def component_of(self, variable):
        """Name of the component that a variable belongs to, None for embeddings and layers."""
        for component in self.components:
            if re.fullmatch(component.variables, variable):
                return component.name
        return None

    def architecture(self, components):
        """The Architecture of a network with these components (names)."""
        return next(a for a in self.architectures if set(a.components) <= set(components))

    def has_component(self, name):
        """Whether there is a Component of that name."""
        return any(component.name == name for component in self.components)

    def components_beside(self, components):
        """Those of the components (names) that side files hold, not the class of transformers."""
        held = [f.component for f in self.side_files if set(f.needs) & set(components)]
        return [component for component in components if component in held]

    def heads_beside(self, components):
        """Those of the components (names) that are heads in side files of their own."""
        held = [f.component for f in self.side_files if f.is_head]
        return [component for component in components if component in held]

    def num_labels(self, shapes):
        """Number of labels of the fine-tuned head.

        Args:
          shapes: dict variable name -> list of ints of a checkpoint.
        """
        counts = self.task.counts if self.task else ()
        return next((shapes[name][0] for name in counts if shapes.get(name)), 1)

    def network_config(self, config):
        """`config` for this network: the variables of a generator have scopes of their own."""
        return config.as_generator(*self.scopes) if self.network == GENERATOR else config


# The choices of --head.
PRETRAINING, QUESTIONS, CLASSIFICATION, TAGGING, CHOICES, NONE = HEADS = (
    "pretraining",
    "qa",
    "classification",
    "tagging",
    "multiple_choice",
    "none",
)

_TAGGER = Component("tagger", r"output_(weights|bias)", "tag logits")
_CHOOSER = _TAGGER._replace(name="chooser", output="scores of choices")
# Heads with the variables of a classifier: head -> (component, end of the class of transformers,
# components that it cannot do without).
LIKE_CLASSIFIERS = {
    TAGGING: (_TAGGER, "ForTokenClassification", ["tagger"]),
    CHOICES: (_CHOOSER, "ForMultipleChoice", ["pooler", "chooser"]),
}
_BERT_COMPONENTS = [
    Component("pooler", r"bert/pooler/.*", "pooled output"),
    Component("masked_lm", r"cls/predictions/(transform/.*|output_bias)", "masked-LM logits"),
    Component("sentence_pair", r"cls/seq_relationship/.*", "sentence-pair logits"),
    Component("classifier", r"output_(weights|bias)", "classifier logits"),
    Component("answers", r"cls/squad/output_(weights|bias)", "start and end logits"),
]
_POSITIONS = Component("positions", r"cls/position_predictions/.*", "position logits")
# Questions before classification: checkpoints of CJRC have a classifier for kinds of answers, too.
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
    components=[*_BERT_COMPONENTS, _POSITIONS],
    heads=collections.OrderedDict(
        (head, [*names, _POSITIONS.name] if head == PRETRAINING else names)
        for head, names in _BERT_HEADS.items()
    ),
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
    side_files=(name_tables.LERT_HEADS, name_tables.PERT_HEAD, name_tables.BERT_POOLER),
)

ALBERT = Family(
    title="an ALBERT model",
    model_type="albert",
    config_class=AlbertConfig,
    names=name_tables.ALBERT,
    components=_BERT_COMPONENTS,
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
    side_files=(name_tables.ALBERT_POOLER,),
)

ALBERT_ZH = Family(
    title="albert_zh's own network, which Hugging Face does not have",
    model_type=None,
    config_class=AlbertZhConfig,
    names=name_tables.ALBERT_ZH,
    components=_BERT_COMPONENTS,
    heads=_BERT_HEADS,
    task=_GOOGLE_TASK,
    architectures=[],
    files=Files("albert_model.ckpt", "albert_config.json"),
)

# What Chinese-ELECTRA's config files hold beside the sizes.
_ELECTRA_SETTINGS = {
    "layer_norm_eps": LAYER_NORM_EPSILON,
    "model_type": "electra",
    "pad_token_id": 0,
    "summary_activation": "gelu",
    "summary_last_dropout": 0.1,
    "summary_type": "first",
    "summary_use_proj": True,
}


def _electra(network, names, component, architecture, scopes=()):
    return Family(
        title="ELECTRA's " + network,
        model_type="electra",
        config_class=ElectraConfig,
        names=names,
        components=[component],
        heads=collections.OrderedDict([(PRETRAINING, [component.name]), (NONE, [])]),
        architectures=[
            Architecture(architecture, [component.name], {component.name: "logits"}),
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
    Component("replaced", r"discriminator_predictions/.*", "replaced-token logits"),
    "ElectraForPreTraining",
)


def electra_generator(scope="generator", embedding_scope="electra"):
    """The Family of a generator; see ElectraConfig.as_generator."""
    return _electra(
        GENERATOR,
        name_tables.electra_generator(scope, embedding_scope),
        Component("masked_lm", r"generator_predictions/.*", "masked-LM logits"),
        "ElectraForMaskedLM",
        (scope, embedding_scope),
    )


ELECTRA_GENERATOR = electra_generator()

# By model type: function from the scope of fine-tuned heads to the name table.
_GOOGLE_NAMES = {"bert": name_tables.bert, "albert": name_tables.albert}


def google_task(family, name, head=None):
    """`family` with a fine-tuned head of Google's.

    Args:
      family: BERT or ALBERT.
      name: of the task that names the variables, None where they lie at the root.
      head: TAGGING or CHOICES where output_weights is of such a head; else of a classifier.
    """
    scope = scope_of(name)
    names = _GOOGLE_NAMES[family.model_type](scope)
    components = family.components
    if head in LIKE_CLASSIFIERS:
        own, ending, needed = LIKE_CLASSIFIERS[head]
        components = [own if c.name == "classifier" else c for c in components]
        heads = [
            (head, [own.name]) if other == CLASSIFICATION else (other, of_other)
            for other, of_other in family.heads.items()
        ]
        class_name = family.architectures[-1].name.replace("Model", ending)
        architecture = Architecture(class_name, needed, {own.name: "logits"})
        family = family._replace(
            heads=collections.OrderedDict(heads),
            architectures=[architecture, *family.architectures],
        )
    heads_of_task = ("classifier", "tagger", "chooser", "answers")
    components = [
        c._replace(variables=re.escape(scope) + c.variables) if c.name in heads_of_task else c
        for c in components
    ]
    counts = tuple(scope + variable for variable in _GOOGLE_COUNTS)
    task = TaskHead(name, GoogleHeads(name), counts)
    return family._replace(names=names, components=components, task=task)


def electra_task(head, name):
    """ELECTRA's discriminator with a fine-tuned head that Hugging Face has as well.

    Args:
      head: TAGGING, or QUESTIONS without joint prediction.
      name: of the task.
    """
    scope = scope_of(name)
    if head == TAGGING:
        component = _TAGGER._replace(variables=re.escape(scope) + r"dense/.*")
        names, class_name, logits = name_tables.electra_tags, "TokenClassification", "logits"
    else:
        component = _BERT_COMPONENTS[-1]._replace(variables=re.escape(scope) + r"dense(_1)?/.*")
        names, class_name = name_tables.electra_answers, "QuestionAnswering"
        logits = _START_AND_END
    options = QuestionOptions(joint_prediction=False, answerable_classifier=False)
    architecture = Architecture(
        "ElectraFor" + class_name, [component.name], {component.name: logits}
    )
    heads = [(PRETRAINING, ["replaced"]), (head, [component.name]), (NONE, [])]
    return ELECTRA._replace(
        names=names(scope),
        components=[*ELECTRA.components, component],
        heads=collections.OrderedDict(heads),
        architectures=[architecture, *ELECTRA.architectures],
        task=TaskHead(name, ElectraHeads(name, options), (scope + "dense/bias",)),
    )


def scope_of(name):
    """Prefix of the names of a task's variables; None: of those at the root."""
    return "task_specific/{}/".format(name) if name else ""


FAMILIES = [BERT, ALBERT, ALBERT_ZH, ELECTRA, ELECTRA_GENERATOR]
