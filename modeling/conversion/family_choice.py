"""Which family a checkpoint or a Hugging Face directory is of."""

from common.errors import UserError, quoted
from modeling.config_families import ElectraConfig, generator_scopes, kind_of
from modeling.conversion.families import (
    DISCRIMINATOR,
    ELECTRA,
    ELECTRA_GENERATOR,
    FAMILIES,
    GENERATOR,
    electra_generator,
)

SUPPORTED = "BERT, RoBERTa-wwm, MacBERT, LERT, ALBERT and ELECTRA"
# For directories: their classes have other names.
SUPPORTED_TYPES = (
    "bert (BERT, RoBERTa-wwm, MacBERT, LERT), albert and electra (classes BertModel, "
    "BertForMaskedLM, BertForPreTraining, BertForSequenceClassification, "
    "BertForTokenClassification, BertForQuestionAnswering, and the others' alike)"
)
_FLAG = "--discriminator_or_generator"


def of_checkpoint(prefix, variables, network=None):
    """Family of a checkpoint.

    Args:
      prefix: what messages call it.
      variables: names of its variables.
      network: one of NETWORKS, which of ELECTRA's; None: the discriminator.

    Raises:
      UserError: it is of none that is known, or does not hold that network.
    """
    config_class = kind_of({}, variables).config
    if config_class is ElectraConfig:
        return _of_electra(prefix, variables, network or DISCRIMINATOR)
    family = next(f for f in FAMILIES if f.config_class is config_class)
    if family.names.word_table not in variables:
        raise UserError(
            "checkpoint {} is no model that can be converted: it holds no {}; {} can".format(
                prefix, " or ".join(_word_tables()), SUPPORTED
            )
        )
    if network:
        raise UserError(
            "{}={} goes with an ELECTRA checkpoint, but {} is {}; leave it out".format(
                _FLAG, network, prefix, family.title
            )
        )
    return family


def check_convertible(family, prefix):
    """Refuses a family that Hugging Face does not have.

    Raises:
      UserError: it is one.
    """
    if family.model_type is None:
        raise UserError(
            "checkpoint {} is {}; it cannot be converted, only {} can".format(
                prefix, family.title, SUPPORTED
            )
        )


def other_network(family, variables):
    """The Family of ELECTRA's other network where a checkpoint holds both, else None."""
    if family.network == GENERATOR and _is_there(variables, "electra/encoder/"):
        return ELECTRA if family.scopes[0] != "electra" else None
    if family.network == DISCRIMINATOR and _is_there(variables, "generator/encoder/"):
        return electra_generator(*generator_scopes(variables))
    return None


def of_directory(path, model_type, tensors, network=None):
    """Family of a Hugging Face directory.

    Args:
      path: what messages call it.
      model_type: of its config; supported, see `check_model_type`.
      tensors: names of its tensors.
      network: one of NETWORKS, which of ELECTRA's; None: what its head says, without a head the
        discriminator.

    Raises:
      UserError: it is another network of ELECTRA's, or none.
    """
    family = next(f for f in FAMILIES if f.model_type == model_type)
    if family.network is None:
        if network:
            raise UserError(
                "{}={} goes with an ELECTRA model, but {} is {}; leave it out".format(
                    _FLAG, network, path, family.title
                )
            )
        return family
    found = None
    for of_head, name in (
        (GENERATOR, "generator_"),
        (DISCRIMINATOR, "discriminator_predictions."),
    ):
        if _is_there(tensors, name):
            found = of_head
    if network and found and network != found:
        raise UserError(
            "{}={}, but {} holds ELECTRA's {}; give the other one's directory, or {}={}".format(
                _FLAG, network, path, found, _FLAG, found
            )
        )
    return ELECTRA_GENERATOR if GENERATOR in (network, found) else ELECTRA


def check_model_type(values, config):
    """The model_type of a config.json; files of before 2019 have none and are BERT's.

    Args:
      values: dict, its content.
      config: what messages call it.

    Raises:
      UserError: it is not supported.
    """
    model_type = values.get("model_type", "bert")
    if isinstance(model_type, str) and model_type in [f.model_type for f in FAMILIES]:
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
    # Trained as a masked language model alone: the generator has the discriminator's place.
    is_generator_alone = _is_there(variables, "generator_predictions/") and not (
        _is_there(variables, "discriminator_predictions/")
        or _is_there(variables, "generator/encoder/")
    )
    if network == DISCRIMINATOR:
        if _is_there(variables, "electra/encoder/") and not is_generator_alone:
            return ELECTRA
        other = GENERATOR
    else:
        if _is_there(variables, "generator/encoder/") or is_generator_alone:
            return electra_generator(*generator_scopes(variables))
        other = DISCRIMINATOR
    raise UserError(
        "checkpoint {} holds no {} of ELECTRA's; {}={} converts its {}".format(
            prefix, network, _FLAG, other, other
        )
    )


def _is_there(names, beginning):
    return any(name.startswith(beginning) for name in names)


def _word_tables():
    return sorted({family.names.word_table for family in FAMILIES})
