"""Training a student with the outputs of a teacher beside the labels (Hinton et al. 2015)."""
