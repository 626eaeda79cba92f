"""Tiny Hugging Face models, and our network's outputs on the same inputs, for tests."""

import golden_cases
import numpy as np
import tensorflow.compat.v1 as tf

from modeling import checkpoint, heads
from modeling.config import BertConfig
from modeling.encoder import encoder
from modeling.kernels import PlainKernels
from modeling.parameters import ParameterStore

SIZES = {
    "vocab_size": 50,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 20,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
}
# What the classes with heads give -> the attribute of their result.
LOGITS = {
    "BertForPreTraining": {"mlm": "prediction_logits", "nsp": "seq_relationship_logits"},
    "BertForMaskedLM": {"mlm": "logits"},
    "BertForNextSentencePrediction": {"nsp": "logits"},
    "BertForSequenceClassification": {"classes": "logits"},
    "AlbertForPreTraining": {"mlm": "prediction_logits", "nsp": "sop_logits"},
    "AlbertForMaskedLM": {"mlm": "logits"},
    "ElectraForPreTraining": {"replaced": "logits"},
    "ElectraForMaskedLM": {"mlm": "logits"},
}


def make_model(class_name="BertForPreTraining", seed=0, **changes):
    """A model of random weights, biases and norms away from 0 and 1, dropout off."""
    import torch
    import transformers

    torch.manual_seed(seed)
    model_class = getattr(transformers, class_name)
    config = model_class.config_class(
        layer_norm_eps=1e-12,
        initializer_range=0.2,
        attn_implementation="eager",
        **dict(SIZES, **changes),
    )
    model = model_class(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


def random_inputs(sizes=SIZES, batch=3, seq=10, seed=0):
    """Token ids, mask and types of rows of several lengths; row 0 is full."""
    rng = np.random.RandomState(seed)
    lengths = rng.randint(4, seq + 1, size=batch)
    lengths[0] = seq
    mask = (np.arange(seq) < lengths[:, None]).astype(np.int32)
    return {
        "input_ids": rng.randint(0, sizes["vocab_size"], (batch, seq)).astype(np.int32) * mask,
        "input_mask": mask,
        "segment_ids": rng.randint(0, sizes["type_vocab_size"], (batch, seq)).astype(np.int32),
    }


def their_outputs(model, inputs):
    """Dict of arrays from a model: hidden_states [layers, ...], pooled, mlm, nsp, classes,
    replaced."""
    import torch

    names = {"input_mask": "attention_mask", "segment_ids": "token_type_ids"}
    fed = {names.get(k, k): torch.tensor(v).long() for k, v in inputs.items()}
    bare = model.base_model
    with torch.no_grad():
        encoded = bare(output_hidden_states=True, **fed)
        outputs = {
            "embeddings": encoded.hidden_states[0],
            "hidden_states": torch.stack(encoded.hidden_states[1:]),
        }
        if encoded.get("pooler_output") is not None:
            outputs["pooled"] = encoded.pooler_output
        if bare is not model:
            scores = model(**fed)
            for name, attribute in LOGITS[type(model).__name__].items():
                outputs[name] = getattr(scores, attribute)
    return {name: value.numpy() for name, value in outputs.items()}


def build_ours(config, store, inputs, labels=None):
    """The same outputs as tensors of our network; with `labels` its classes, too."""
    tensors = {name: tf.constant(value) for name, value in inputs.items()}
    kernels = PlainKernels()
    encoded = encoder(config, store, kernels, **tensors)
    flat = tf.reshape(encoded.sequence_output, [-1, config.hidden_size])
    logits = heads.masked_lm_logits(config, store, kernels, flat, encoded.embedding_tables)
    shape = list(inputs["input_ids"].shape) + [config.vocab_size]
    pooled = encoded.pooled_output
    outputs = {
        "embeddings": encoded.embedding_output,
        "hidden_states": tf.stack(encoded.all_encoder_layers),
        "pooled": pooled,
        "mlm": tf.reshape(logits, shape),
        "nsp": heads.sentence_pair_logits(config, store, kernels, pooled),
    }
    if labels:
        outputs["classes"] = heads.classification_logits(config, store, kernels, pooled, labels)
    return outputs


def our_outputs(config_values, prefix, inputs, labels=None):
    """(dict of arrays from our network with the checkpoint's weights, LoadPlan)."""
    with tf.Graph().as_default():
        store = ParameterStore()
        outputs = build_ours(BertConfig(config_values), store, inputs, labels)
        plan = checkpoint.plan_loading(prefix, store.shapes(), "config.json")
        tf.train.init_from_checkpoint(prefix, {name: name for name in plan.loaded})
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            return session.run(outputs), plan


def assert_same(ours, theirs, atol=1e-5):
    """Every output of theirs is ours, at padding too."""
    for name, expected in theirs.items():
        np.testing.assert_allclose(ours[name], expected, rtol=0, atol=atol, err_msg=name)


def assert_golden_outputs(model):
    """Compares what a BertForPreTraining computes with the golden case bert."""
    features = golden_cases.batch_features("bert")
    inputs = {name: features[name] for name in ("input_ids", "input_mask", "segment_ids")}
    theirs = their_outputs(model, inputs)
    expected = golden_cases.arrays("bert", "outputs.npz")
    rows = np.arange(len(inputs["input_ids"]))[:, None]
    at_masks = theirs["mlm"][rows, features["masked_lm_positions"]]
    got = {
        "embedding_output": theirs["embeddings"],
        "all_encoder_layers": theirs["hidden_states"],
        "pooled_output": theirs["pooled"],
        "masked_lm_log_probs": log_softmax(at_masks.reshape(-1, at_masks.shape[-1])),
        "next_sentence_log_probs": log_softmax(theirs["nsp"]),
    }
    for name, value in got.items():
        np.testing.assert_allclose(value, expected[name], rtol=0, atol=1e-5, err_msg=name)


def log_softmax(logits):
    import torch

    return torch.log_softmax(torch.from_numpy(logits), -1).numpy()


def state_of_before_2019(model):
    """The state dict of a model, with the names that layer norms had then."""
    names = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    state = model.state_dict()
    for now, then in names.items():
        state = {name.replace(now, then): value for name, value in state.items()}
    return state


def torch_weights(model):
    """A Hugging Face BertModel's weights under TensorFlow names (kernels transposed)."""
    weights = {}
    for name, value in model.state_dict().items():
        if name.endswith("position_ids"):
            continue
        value = value.detach().numpy()
        name = "bert/" + name.replace(".", "/").replace("encoder/layer/", "encoder/layer_")
        if "LayerNorm" in name:
            name = name.replace("weight", "gamma").replace("bias", "beta")
        elif "embeddings" in name:
            name = name.replace("/weight", "")
        elif name.endswith("weight"):
            name, value = name.replace("weight", "kernel"), value.T
        weights[name] = value
    return weights
