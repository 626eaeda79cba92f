"""Records on disk: the schema of features, their encoding, TFRecord framing and manifests; not
what the rows mean.
"""
