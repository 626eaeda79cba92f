"""Runs the network on the golden checkpoint of BERT, for tests."""

import golden_cases
import tensorflow.compat.v1 as tf

from modeling import checkpoint
from modeling.config import BertConfig
from modeling.kernels import PlainKernels
from modeling.objectives import get_objective
from modeling.parameters import ParameterStore

tf.disable_v2_behavior()


def run_case(features, objective_name="bert", gelu="tanh", kernels=PlainKernels):
    """Forward results of the golden checkpoint `bert` on numpy features; `kernels`: their class."""
    config = BertConfig.from_json_file(golden_cases.path("bert", "bert_config.json"), gelu=gelu)
    prefix = checkpoint.resolve(golden_cases.path("bert"))
    objective = get_objective(objective_name)
    with tf.Graph().as_default():
        store = ParameterStore()
        inputs = {name: tf.constant(features[name]) for name in objective.feature_names}
        output = objective.build(config, store, kernels(), inputs, is_training=False)
        plan = checkpoint.plan_loading(prefix, store.shapes(), config.source)
        assert not plan.new and not plan.unused
        assert all(not warning for warning, _ in plan.lines())
        checkpoint.initialize(prefix, plan.loaded)
        encoded = output.tensors["encoder"]
        fetches = {
            "embedding_output": encoded.embedding_output,
            "sequence_output": encoded.sequence_output,
            "pooled_output": encoded.pooled_output,
            "all_encoder_layers": tf.stack(encoded.all_encoder_layers),
            "masked_lm_log_probs": tf.nn.log_softmax(output.tensors["masked_lm_logits"]),
            "masked_lm_example_loss": output.tensors["masked_lm_example_loss"],
            "next_sentence_log_probs": tf.nn.log_softmax(output.tensors["sentence_pair_logits"]),
            "total_loss": tf.add_n([ratio.value() for ratio in output.losses.values()]),
        }
        for name, ratio in output.losses.items():
            fetches[name] = ratio.value()
        if objective_name == "bert":
            fetches["next_sentence_example_loss"] = output.tensors["sentence_pair_example_loss"]
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            return session.run(fetches)
