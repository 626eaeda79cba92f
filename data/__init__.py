"""From text to batches: the programs `data.inspect` and `data.build_vocab`, and what puts the rooms
below together: creation, record_processor, annotation, inspection; no model, no optimizer.
"""
