"""The family of a checkpoint or of a Hugging Face directory."""

from common.errors import UserError, quoted
from common.validation import is_text
from modeling import variable_spellings
from modeling.config_families import ElectraConfig, generator_scopes, kind_of
from modeling.conversion.families import (
    DISCRIMINATOR,
    ELECTRA,
    ELECTRA_GENERATOR,
    FAMILIES,
    GENERATOR,
    electra_generator,
)

SUPPORTED = "BERT, RoBERTa-wwm, MacBERT, LERT, PERT, ALBERT and ELECTRA"
# The same for directories, by the classes of transformers.
SUPPORTED_TYPES = (
    "bert (BERT, RoBERTa-wwm, MacBERT, LERT, PERT), albert and electra (classes BertModel, "
    "BertForMaskedLM, BertForPreTraining, BertForSequenceClassification, "
    "BertForTokenClassification, BertForMultipleChoice, BertForQuestionAnswering, and the others' "
    "alike)"
)
_FLAG = "--discriminator_or_generator"


def of_checkpoint(prefix, variables, network=None):
    """Family of a checkpoint.

    Args:
      prefix: of the checkpoint, for messages.
      variables: names of its variables.
      network: one of NETWORKS, for ELECTRA; None: the discriminator.

    Raises:
      UserError: it is of no known family, or does not hold that network.
    """
    config_class = kind_of({}, variables).config
    if config_class is ElectraConfig:
        return _of_electra(prefix, variables, network or DISCRIMINATOR)
    family = next(f for f in FAMILIES if f.config_class is config_class)
    if family.names.word_table not in variables:
        raise UserError(
            "checkpoint {} is no model that can be converted: it holds no {}; {} can{}".format(
                prefix,
                " or ".join(_word_tables()),
                SUPPORTED,
                variable_spellings.foreign(variables),
            )
        )
    if network:
        raise UserError(
            "{}={} is for an ELECTRA checkpoint, but {} is {}; remove it".format(
                _FLAG, network, prefix, family.title
            )
        )
    return family


def check_convertible(family, prefix):
    """Refuses a family that Hugging Face does not have.

    Raises:
      UserError: it is such a family.
    """
    if family.model_type is None:
        raise UserError(
            "checkpoint {} is {}; it cannot be converted, only {} can".format(
                prefix, family.title, SUPPORTED
            )
        )


def other_network(family, variables):
    """The Family of ELECTRA's other network where a checkpoint holds both, else None."""
    if family.network == GENERATOR and _any_starts_with(variables, "electra/encoder/"):
        return ELECTRA if family.scopes[0] != "electra" else None
    if family.network == DISCRIMINATOR and _any_starts_with(variables, "generator/encoder/"):
        return electra_generator(*generator_scopes(variables))
    return None


def of_directory(path, model_type, tensors, network=None):
    """Family of a Hugging Face directory.

    Args:
      path: of the directory, for messages.
      model_type: of its config, see `check_model_type`.
      tensors: names of its tensors.
      network: one of NETWORKS, for ELECTRA; None: the network of its head, without a head the
        discriminator.

    Raises:
      UserError: it is the other network of ELECTRA, or of another family.
    """
    family = next(f for f in FAMILIES if f.model_type == model_type)
    if family.network is None:
        if network:
            raise UserError(
                "{}={} is for an ELECTRA model, but {} is {}; remove it".format(
                    _FLAG, network, path, family.title
                )
            )
        return family
    by_head = None
    for of_head, name in (
        (GENERATOR, "generator_"),
        (DISCRIMINATOR, "discriminator_predictions."),
    ):
        if _any_starts_with(tensors, name):
            by_head = of_head
    if network and by_head and network != by_head:
        raise UserError(
            "{}={}, but {} holds ELECTRA's {}; give the other one's directory, or {}={}".format(
                _FLAG, network, path, by_head, _FLAG, by_head
            )
        )
    return ELECTRA_GENERATOR if GENERATOR in (network, by_head) else ELECTRA


def check_model_type(values, config):
    """The model_type of a config.json; files from before 2019 have none and are BERT's.

    Args:
      values: dict, the content of the file.
      config: its name, for messages.

    Raises:
      UserError: it is not supported.
    """
    model_type = values.get("model_type", "bert")
    if is_text(model_type) and model_type in [f.model_type for f in FAMILIES]:
        return model_type
    hint = ""
    if model_type == "roberta":
        hint = (
            "; RoBERTa-wwm is a BERT network and not this one: if these are its weights, save "
            "them with the Bert classes, not the Roberta ones"
        )
    raise UserError(
        "{}: model_type {} cannot be imported, only {}{}".format(
            config, quoted(model_type), SUPPORTED_TYPES, hint
        )
    )


def _of_electra(prefix, variables, network):
    # A masked language model trained alone: the generator has the discriminator's scope.
    is_generator_alone = _any_starts_with(variables, "generator_predictions/") and not (
        _any_starts_with(variables, "discriminator_predictions/")
        or _any_starts_with(variables, "generator/encoder/")
    )
    if network == DISCRIMINATOR:
        if _any_starts_with(variables, "electra/encoder/") and not is_generator_alone:
            return ELECTRA
        other = GENERATOR
    else:
        if _any_starts_with(variables, "generator/encoder/") or is_generator_alone:
            return electra_generator(*generator_scopes(variables))
        other = DISCRIMINATOR
    raise UserError(
        "checkpoint {} holds no {} of ELECTRA's; {}={} converts its {}".format(
            prefix, network, _FLAG, other, other
        )
    )


def _any_starts_with(names, beginning):
    return any(name.startswith(beginning) for name in names)


def _word_tables():
    return sorted({family.names.word_table for family in FAMILIES})
