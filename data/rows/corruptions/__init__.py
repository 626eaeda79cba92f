"""What is done to rows before a model reads them: masks, similar words, permutations; each as a
specification and the two samplers that follow it, in numpy and as a graph."""
