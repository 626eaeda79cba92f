"""Readers of task files as they are downloaded, one module a layout."""
