"""Options of ELECTRA's training, under the names of google-research/electra,
configure_pretraining.py."""

import dataclasses
from typing import Optional

from common import options
from common.errors import UserError
from common.options import FamilyOptions, option
from modeling.config_families import ElectraConfig


@dataclasses.dataclass(frozen=True)
class ElectraOptions(FamilyOptions):
    """The options; the defaults are the original's.

    Attributes:
      generator_layers, generator_hidden_size: None: 1.0 and 0.25.
      generator_config_file: ElectraConfig of the generator in their place, or None.
      The others: see their help texts.
    """

    title = "ELECTRA"

    gen_weight: float = option(1.0, "Weight of the generator's loss.", low=0)
    disc_weight: float = option(50.0, "Weight of the discriminator's loss.", low=0)
    temperature: float = option(1.0, "Temperature of the generator's samples.", above=0)
    disallow_correct: bool = option(False, "Never sample the true token.")
    electra_objective: bool = option(
        True, "Train generator and discriminator, and not a masked LM alone."
    )
    electric_objective: bool = option(False, "Train Electric; needs --two_tower_generator.")
    untied_generator: bool = option(
        True, "Give the generator an encoder of its own, not the discriminator's."
    )
    untied_generator_embeddings: bool = option(False, "Give the generator embeddings of its own.")
    uniform_generator: bool = option(False, "Replace by any token alike, without a generator.")
    two_tower_generator: bool = option(
        False, "Take Electric's generator, two networks that look one way each."
    )
    generator_layers: Optional[float] = option(
        None,
        "Layers of the generator, as a share of the discriminator's; default: 1.",
        options.NUMBER,
        above=0,
    )
    generator_hidden_size: Optional[float] = option(
        None, "Width of the generator, as such a share; default: 0.25.", options.NUMBER, above=0
    )
    generator_config_file: Optional[ElectraConfig] = option(
        None,
        "Config of the generator; --config_file is the discriminator's. Default: generator.json "
        "beside the weights, else a quarter of the discriminator's width.",
        options.MODEL_CONFIG,
        supersedes=("generator_layers", "generator_hidden_size"),
        beside="generator.json",
    )

    @property
    def has_discriminator(self):
        """Whether there is anything beside the masked LM."""
        return self.electra_objective or self.electric_objective

    @property
    def has_small_generator(self):
        """Whether the generator is a network of its own."""
        return self.has_discriminator and self.untied_generator and not self.uniform_generator

    def check(self):
        """Refuses combinations without a meaning, or on which the original program fails.

        Raises:
          UserError: naming the flags.
        """
        needs = (
            ("uniform_generator", self.has_discriminator, "electra_objective"),
            ("uniform_generator", self.untied_generator, "untied_generator"),
            ("two_tower_generator", self.has_discriminator, "electra_objective"),
            ("two_tower_generator", self.untied_generator, "untied_generator"),
            ("two_tower_generator", not self.uniform_generator, "nouniform_generator"),
            ("electric_objective", self.two_tower_generator, "two_tower_generator"),
        )
        for name, is_met, needed in needs:
            if getattr(self, name) and not is_met:
                raise UserError("--{} works with --{} only".format(name, needed))
        sizes = {
            "generator_config_file": self.generator_config_file,
            "generator_layers": self.generator_layers,
            "generator_hidden_size": self.generator_hidden_size,
        }
        given = [name for name, value in sizes.items() if value is not None]
        if given and not self.has_small_generator:
            raise UserError(
                "--{} cannot be used: by the other flags there is no generator of its own sizes; "
                "remove it, or make it empty where a preset has it".format(given[0])
            )
        if self.generator_config_file and len(given) > 1:
            raise UserError(
                "--generator_config_file and --{} both say how large the generator is; give "
                "one".format(given[1])
            )

    def generator_of(self, config, scope="generator"):
        """Config of the generator for the discriminator `config`; `scope` of its variables.

        Raises:
          UserError: it does not fit the discriminator.
        """
        if not isinstance(config, ElectraConfig):
            raise UserError(
                "--objective=electra trains ELECTRA's network, and {} has none of its keys "
                '(embedding_size, or "model_type": "electra")'.format(config.source)
            )
        if not self.has_small_generator:
            return config
        generator = self.generator_config_file
        if generator is None:
            layers, hidden_size = self.generator_layers, self.generator_hidden_size
            generator = config.derived_generator(
                1.0 if layers is None else layers, 0.25 if hidden_size is None else hidden_size
            )
        self._check_shared(config, generator)
        own = self.untied_generator_embeddings
        return generator.as_generator(scope, embedding_scope=scope if own else "electra")

    def _check_shared(self, config, generator):
        keys = ["vocab_size"]
        if not self.untied_generator_embeddings:
            keys += ["embedding_size", "max_position_embeddings", "type_vocab_size"]
        for key in keys:
            if getattr(generator, key) != getattr(config, key):
                raise UserError(
                    "{} is {} in {}, but {} in {}; generator and discriminator share their "
                    "embeddings".format(
                        key,
                        getattr(generator, key),
                        generator.source,
                        getattr(config, key),
                        config.source,
                    )
                )
