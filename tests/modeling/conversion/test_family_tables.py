"""The tables of the families that are converted."""

from modeling.conversion import families, network


def test_tables_name_known_components():
    for family in families.FAMILIES:
        names = [component.name for component in family.components]
        assert set(names) <= set(network.OUTPUTS)
        assert family.model_type is None or family.architectures[-1].components == []
        for architecture in family.architectures:
            assert set(architecture.components) <= set(names)
            assert set(architecture.logits) <= set(architecture.components)
        assert {p for components in family.heads.values() for p in components} <= set(names)
