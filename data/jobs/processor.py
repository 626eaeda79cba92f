"""One work unit to a file: what every worker process does, whatever the units are made into."""

import contextlib
import json
import os

import google_crc32c

from common import files
from common.errors import UserError
from data.text import corpus, documents, privacy

# Statistics whose keys, or texts, are from the corpus.
_QUOTING = ("unknown", "changes", "change_examples")
_EXAMPLES = ("examples", "unaligned_examples")


class Processor:
    """Makes the parts of a job; holds what is loaded once per process.

    Subclasses give `empty_statistics()` and `write_block(out, text, place, statistics, progress)`:
    it converts a block of text (documents.Documents), writes the result with out.write(bytes) and
    adds to the statistics; place is a unit's and a block's number.

    Attributes:
      settings: with what documents.read_documents needs.
      side: held_out.Side of the documents to convert; None: all.
    """

    side = None

    def __init__(self, settings):
        privacy.keep_text_private(settings.keep_text_private)
        self.settings = settings

    def run(self, unit, target, progress, contents=None):
        """Writes the converted unit to `target` and what it returns to `target`.json.

        Both appear under their names only when they are complete, the JSON last.

        Args:
          unit: corpus.Unit.
          target: local path.
          progress: called with the share of the unit done, from 0 to 1, rising.
          contents: the bytes of the unit's ranges where they are remote.

        Returns:
          {"bytes": size, "crc32c": checksum in hexadecimal, "statistics": dict}.

        Raises:
          UserError: bad input (file and line), or the target cannot be written.
        """
        statistics = self.empty_statistics()
        temporary = target + ".tmp"
        blocks = corpus.unit_blocks(unit, self.settings.input_format, contents=contents)
        try:
            with files.create(temporary) as f:
                out, done = _CheckedFile(f), 0.0
                for number, (sources, read) in enumerate(blocks):
                    text = documents.read_documents(sources, self.settings, self.side)
                    advance = subprogress(progress, done, read)
                    self.write_block(out, text, (unit.index, number), statistics, advance)
                    done = read
            if self.settings.keep_text_private:
                statistics.update({name: {} for name in _QUOTING if name in statistics})
                statistics.update({name: [] for name in _EXAMPLES if name in statistics})
            result = {"bytes": out.length, "crc32c": out.checksum(), "statistics": statistics}
            # Without waiting for the disk: a restart compares the checksum.
            os.replace(temporary, target)
            with files.create(temporary) as f:
                f.write(json.dumps(result, ensure_ascii=False).encode("utf-8"))
            os.replace(temporary, target + ".json")
        except OSError as error:
            raise UserError("cannot write {}: {}".format(temporary, error.strerror)) from None
        finally:
            with contextlib.suppress(OSError):
                os.remove(temporary)
        return result


class _CheckedFile:
    """Counts and checksums what is written."""

    def __init__(self, f):
        self._file, self._crc, self.length = f, google_crc32c.Checksum(), 0

    def write(self, content):
        """Writes bytes."""
        self._file.write(content)
        self._crc.update(content)
        self.length += len(content)

    def checksum(self):
        return self._crc.hexdigest().decode("ascii")


def subprogress(progress, begin, end):
    """A progress function whose 0 to 1 is `begin` to `end` of another."""
    return lambda share: progress(begin + (end - begin) * share)
