"""--task=teach: a teacher's outputs for records, written once for any number of trainings."""
