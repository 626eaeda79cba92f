"""Floating-point operations of a training, computed from the sizes of its networks."""


def step_flops(networks, rows, length, predictions):
    """Operations of the matrix products of one update.

    A multiplication and an addition for each weight and token forward, twice that backward
    (Kaplan et al. 2020, section 2.1); the attention products and the vocabulary likewise.

    Args:
      networks: list of BertConfig; the masked-LM head is on the last of them.
      rows: of a batch.
      length: tokens of a row, padding counted.
      predictions: places of a row that are compared with the vocabulary.
    """
    tokens, encoders = rows * length, 0
    for model in networks:
        hidden, narrow = model.hidden_size, model.embedding_size
        weights = 4 * hidden * hidden + 2 * hidden * model.intermediate_size
        attention = 2 * hidden * length
        projection = narrow * hidden if narrow != hidden else 0
        encoders += tokens * (projection + model.num_blocks * (weights + attention))
    last = networks[-1]
    head = last.masked_lm_size * last.hidden_size + last.embedding_size * last.vocab_size
    if last.projects_words:
        head += last.embedding_size * last.hidden_size
    return 6.0 * (encoders + rows * predictions * head)
