"""What create_pretraining_data.py says."""
