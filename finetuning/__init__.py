"""Fine-tuning tasks: reading their files, what is trained, how it is scored and reported."""
