"""Damage inside a protobuf message whose outer fields stay readable: a SentencePiece model."""

from fuzzing.checkpoint_bytes import read_varint, varint
from fuzzing.mutations import a_few, flip, mutate_bytes


def mutate_message(rng, content):
    """A message with some of its fields damaged, dropped, repeated or at another place.

    `content` holds fields with a length alone. The last three, which are not the pieces of a
    SentencePiece model but how it was trained and how it normalises, are chosen more often.
    """
    fields = _fields(content)
    for _ in range(a_few(rng)):
        at = rng.choice([rng.randrange(len(fields)), *range(-3, 0)])
        tag, value = fields[at]
        change = rng.choice(["flip", "flip", "damage", "drop", "repeat", "move"])
        if change == "flip":
            fields[at] = tag, flip(rng, value)
        elif change == "damage":
            fields[at] = tag, mutate_bytes(rng, value)
        elif change == "repeat":
            fields.insert(rng.randrange(len(fields)), fields[at])
        else:
            del fields[at]
            if change == "move":
                fields.insert(rng.randrange(len(fields)), (tag, value))
    return b"".join(varint(tag) + varint(len(value)) + value for tag, value in fields)


def _fields(content):
    """List of (tag, value)."""
    fields, at = [], 0
    while at < len(content):
        tag, at = read_varint(content, at)
        length, at = read_varint(content, at)
        fields.append((tag, content[at : at + length]))
        at += length
    return fields
