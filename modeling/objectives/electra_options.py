"""What can be chosen about ELECTRA's training, under the names of google-research/electra,
configure_pretraining.py."""

import dataclasses
from typing import Optional, Sequence

from common.errors import UserError
from modeling.config_families import ElectraConfig


@dataclasses.dataclass(frozen=True)
class ElectraOptions:
    """Options; the defaults are the original's.

    gen_weight, disc_weight: of the two losses. temperature: of the generator's samples.
    disallow_correct: it never samples the true token. electra_objective: False trains the masked LM
    alone; electric_objective: Electric (Clark et al. 2020b). untied_generator: False: the
    discriminator's encoder is the generator's, too. untied_generator_embeddings: the generator has
    its own. uniform_generator: every token alike. two_tower_generator: Electric's generator.
    generator_layers, generator_hidden_size: shares of the discriminator's; None: 1.0 and 0.25.
    generator: ElectraConfig of the generator in their place. special_ids: tokens that a two-tower
    generator does not predict. mask_prob: share of what is masked, for Electric.
    """

    gen_weight: float = 1.0
    disc_weight: float = 50.0
    temperature: float = 1.0
    disallow_correct: bool = False
    electra_objective: bool = True
    electric_objective: bool = False
    untied_generator: bool = True
    untied_generator_embeddings: bool = False
    uniform_generator: bool = False
    two_tower_generator: bool = False
    generator_layers: Optional[float] = None
    generator_hidden_size: Optional[float] = None
    generator: Optional[ElectraConfig] = None
    special_ids: Sequence[int] = ()
    mask_prob: float = 0.15

    @property
    def has_discriminator(self):
        """Whether there is anything beside the masked LM."""
        return self.electra_objective or self.electric_objective

    @property
    def has_small_generator(self):
        """Whether the generator is a network of its own."""
        return self.has_discriminator and self.untied_generator and not self.uniform_generator

    def check(self):
        """Refuses what means nothing, or what the original program fails on.

        Raises:
          UserError: naming the flags.
        """
        for name in ("gen_weight", "disc_weight"):
            if getattr(self, name) < 0:
                raise UserError("--{}={} must not be negative".format(name, getattr(self, name)))
        for name in ("temperature", "generator_layers", "generator_hidden_size"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise UserError("--{}={} must be positive".format(name, value))
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
            "generator_config_file": self.generator,
            "generator_layers": self.generator_layers,
            "generator_hidden_size": self.generator_hidden_size,
        }
        given = [name for name, value in sizes.items() if value is not None]
        if given and not self.has_small_generator:
            raise UserError(
                "--{} has no use: by the other flags there is no generator of its own sizes; leave "
                "it out, or empty where a preset has it".format(given[0])
            )
        if self.generator and len(given) > 1:
            raise UserError(
                "--generator_config_file and --{} both say how large the generator is; give "
                "one".format(given[1])
            )

    def generator_of(self, config, scope="generator"):
        """Config of the generator for the discriminator `config`; `scope` of its variables.

        Raises:
          UserError: it does not fit to the discriminator.
        """
        if not isinstance(config, ElectraConfig):
            raise UserError(
                "--objective=electra trains ELECTRA's network, and {} has none of its keys "
                '(embedding_size, or "model_type": "electra")'.format(config.source)
            )
        if not self.has_small_generator:
            return config
        generator = self.generator
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


# Options that are flags, and which of them are yes or no.
SWITCHES = tuple(f.name for f in dataclasses.fields(ElectraOptions) if f.type is bool)
NUMBERS = (
    "gen_weight",
    "disc_weight",
    "temperature",
    "generator_layers",
    "generator_hidden_size",
)
