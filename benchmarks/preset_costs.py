"""What the presets cost on a TPU and a GPU, computed: python benchmarks/preset_costs.py

Prints the table of docs/performance.md. Operations are those of modeling.flops; hours are
operations / (the device's peak in bfloat16 * UTILISATION). Nothing here was measured.
"""

import glob
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from modeling.config_families import read_config  # noqa: E402
from modeling.flops import step_flops  # noqa: E402
from modeling.objectives import get_objective  # noqa: E402

# Device -> peak in bfloat16, operations a second, as its maker prints it.
DEVICES = {"TPU v3-8": 420e12, "A100": 312e12}
# Share of the peak that encoders of this kind reach in published trainings: 30 to 50 %.
UTILISATION = 0.4


def main():
    print("\n".join(table()))


def table():
    """Lines of Markdown: a row for each preset with sizes of its own and without a teacher, whose
    sizes no preset has."""
    lines = [
        "| preset | updates | tokens | operations | {} |".format(
            " | ".join("hours on one " + name for name in DEVICES)
        ),
        "|---|---|---|---|" + "---|" * len(DEVICES),
    ]
    for path in sorted(glob.glob(os.path.join(ROOT, "configs", "pretraining", "*.json"))):
        with open(path, encoding="utf-8") as reader:
            flags = json.load(reader)["flags"]
        has_sizes = "bert_config_file" in flags and "objective" in flags
        if not has_sizes or "soft_label_weight" in flags:
            continue
        tokens, operations = cost(flags)
        hours = [operations / (peak * UTILISATION) / 3600 for peak in DEVICES.values()]
        lines.append(
            "| {} | {:,} | {} | {} | {} |".format(
                os.path.basename(path)[: -len(".json")],
                flags["num_train_steps"],
                _short(tokens, 1e9, "G"),
                _short(operations, 1e18, "E"),
                " | ".join("{:,.0f}".format(n) for n in hours),
            )
        )
    return lines


def cost(flags):
    """(tokens, floating-point operations) of a whole training.

    Args:
      flags: dict of a preset.
    """
    config = read_config(os.path.join(ROOT, flags["bert_config_file"]))
    options = {}
    if "generator_config_file" in flags:
        generator = read_config(os.path.join(ROOT, flags["generator_config_file"]))
        options["generator_config_file"] = generator
    objective = get_objective(flags["objective"]).for_run(flags["num_train_steps"], **options)
    rows, length = flags["train_batch_size"], flags["max_seq_length"]
    networks = list(objective.networks(config).values())
    predictions = flags["max_predictions_per_seq"] if objective.predicts_words else 0
    step = step_flops(networks, rows, length, predictions)
    return rows * length * flags["num_train_steps"], step * flags["num_train_steps"]


def _short(number, size, unit):
    number /= size
    return ("{:,.0f} {}" if number >= 100 else "{:.3g} {}").format(number, unit)


if __name__ == "__main__":
    main()
