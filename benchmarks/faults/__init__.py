"""Programs killed before a chosen file operation, and programs beside each other; for kills.py."""
