"""The product of a job and its units, in the form that the rest of this package uses."""

import dataclasses

from data.text import privacy


class Work:
    """The product of a job; data/creation.py and data/annotation.py have the two kinds.

    Subclasses give what is listed here and the methods below. A copy that was pickled for a worker
    process holds the settings alone, which is all that make_processor needs.

    Attributes:
      settings: a dataclass with input_format, encoding and keep_text_private; it decides the
        result, apart from the input.
      processor_class: subclass of processor.Processor, made of the settings.
      what: the name of what is made, for messages.
      counts: names of the statistics that the manifest gives for each shard.
      main_count: name of the statistic that must not be 0.
      manifest_keys: what the manifest of a finished job holds.
      libraries: names of the packages that the result depends on.
      identity: dict of what else it depends on.
      model_files: paths of files that are read beside the input.
      unit_bytes: nominal size of a unit; None: corpus.UNIT_BYTES.
    """

    unit_bytes = None

    def __init__(self, settings):
        privacy.keep_text_private(settings.keep_text_private)
        self.settings = settings

    def __getstate__(self):
        return {"settings": self.settings}

    def make_processor(self):
        """processor.Processor: loads what a process needs to do units.

        Raises:
          UserError: something of it is missing or damaged.
        """
        return self.processor_class(self.settings)

    def empty_statistics(self):
        """Statistics of a unit that has nothing in it; see statistics.add_statistics."""
        return self.processor_class.empty_statistics()

    def notes(self):
        """Lines for the user on what is not used as it was given: list of str."""
        return []

    def nothing_made(self, total, input_files):
        """Why an input gave nothing, as a sentence.

        Args:
          total: statistics of all shards.
          input_files: list of paths.
        """
        del total
        return "no text to make {} from in {}".format(self.what, ", ".join(input_files))

    def check_manifest(self, path, manifest):
        """Checks what only this kind of work knows of a manifest beside the output.

        Raises:
          UserError: a value is of another kind.
        """

    def describe(self, total):
        """A dict for the manifest.

        Args:
          total: statistics of all shards.
        """
        raise NotImplementedError

    def flags(self):
        """dict of the settings, for the manifest and the fingerprint."""
        return dataclasses.asdict(self.settings)
