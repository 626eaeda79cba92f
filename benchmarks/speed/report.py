"""Figures of comparisons: ratios, keys, Markdown."""

import statistics

from benchmarks.speed import comparisons as c
from benchmarks.speed.rounds import ratio

# Key -> (comparison, faster, slower).
KEYS = {
    "training_base128_over_hf_bf16": ("training_base128", c.BF16, c.HF_BF16),
    "training_small128_over_hf_bf16": ("training_small128", c.BF16, c.HF_BF16),
    "training_base512_over_hf_bf16": ("training_base512", c.BF16, c.HF_BF16),
    "training_base128_bf16_over_fp32": ("training_base128", c.BF16, c.PLAIN),
    "training_base128_fused_over_plain": ("training_base128", c.FUSED, c.PLAIN),
    "training_small128_fused_over_plain": ("training_small128", c.FUSED, c.PLAIN),
    "training_base128_over_google": ("training_base128", c.BF16, c.GOOGLE),
    "training_small128_over_google": ("training_small128", c.BF16, c.GOOGLE),
    "training_base512_over_google": ("training_base512", c.BF16, c.GOOGLE),
    "inference_base128_over_hf_bf16": ("inference_base128", c.BF16, c.HF_BF16),
    "inference_mixed_over_hf_bf16": ("inference_mixed", c.BF16, c.HF_BF16),
    "inference_mixed_over_hf_bf16_sorted": ("inference_mixed", c.BF16, c.HF_SORTED),
}


def keys_of(results):
    """dict key -> number of the comparisons that were run: medians over rounds of ratios of CPU
    seconds.

    Args:
      results: dict name of a comparison -> dict of rounds.measure.
    """
    return {
        key: ratio(results[name], faster, slower)
        for key, (name, faster, slower) in KEYS.items()
        if {faster, slower} <= set(results.get(name, ()))
    }


def share_of_peak(comparison, measured, rates):
    """dict subject -> share of the rate of one matrix product of its precision that its step
    reaches, by CPU seconds.

    Args:
      comparison: Comparison with flops.
      measured: dict of rounds.measure.
      rates: dict of machine.product_rates.
    """
    shares = {}
    for name, figures in measured.items():
        peak = rates["bf16" if "bf16" in name else "fp32"]
        shares[name] = comparison.flops / statistics.median(figures.cpu) / peak
    return shares


def table(comparison, measured, shares=None):
    """Lines of Markdown: a row for each subject.

    Args:
      comparison: Comparison.
      measured: dict of rounds.measure.
      shares: dict of share_of_peak, or None.
    """
    shares = shares or {}
    lines = [
        "| {} | CPU s | wall s | CPU ratio (quartiles) | wall ratio | share of peak |".format(
            comparison.name
        ),
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, figures in measured.items():
        pairs = zip(measured[comparison.base].cpu, figures.cpu)
        low, middle, high = _quartiles([base / own for base, own in pairs])
        lines.append(
            "| {} | {:.3f} | {:.3f} | {:.2f} ({:.2f}-{:.2f}) | {:.2f} | {} |".format(
                name,
                statistics.median(figures.cpu),
                statistics.median(figures.wall),
                middle,
                low,
                high,
                ratio(measured, name, comparison.base, "wall"),
                "{:.0%}".format(shares[name]) if name in shares else "",
            )
        )
    return lines


def _quartiles(values):
    if len(values) < 2:
        return values * 3
    return statistics.quantiles(values, n=4, method="inclusive")
