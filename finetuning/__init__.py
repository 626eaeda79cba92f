"""Tasks: from files of examples to rows, predictions and scores; not how a run is trained."""
