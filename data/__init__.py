"""From text to batches: `python -m data.inspect` and `data.build_vocab` lie here, the work in the
rooms below; no model, no optimizer.
"""
