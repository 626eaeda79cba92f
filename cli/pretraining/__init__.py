"""Flags of run_pretraining.py by topic; cli/pretraining_flags.py has the rest and the request."""
