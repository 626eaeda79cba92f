"""The job that makes records, and what their manifest says.

work = RecordWork(CreationSettings(vocab_file="vocab.txt", objective="bert", input_format="raw"))
manifest = runner.create(work, ["news.txt"], ["news.tfrecord"], LocalProcesses(4))
"""

from common.errors import some
from data.jobs.statistics import top_counts
from data.jobs.work import Work
from data.recipes import stated_corruption
from data.record_processor import RecordProcessor
from data.records import manifest_schema
from data.rows.corruptions.masking import predictions_of_row
from data.rows.instances import SPECIAL_TOKENS_PER_PAIR
from data.text import corpus, documents, segmentation, simplification
from data.text.fingerprints import copies_share
from data.text.ltp.loading import LIBRARIES, model_files
from data.text.user_dictionary import read_user_dictionary
from data.tokenizers.vocabularies import read_vocabulary

_LISTED_UNKNOWN = 100
_LISTED_CHANGES = 20
# Less room for predictions than this share of what a full row has is warned of.
_LEAST_ROOM = 0.9
_PREDICTIONS = "max_predictions_per_seq"
# CoNLL-U has some 30 bytes for a character: units of text's size would be small.
_CONLLU_UNITS = 4


class RecordWork(Work):
    """Records and their manifest; see work.Work.

    work = RecordWork(CreationSettings(vocab_file="vocab.txt", input_format="raw"))
    manifest = runner.create(work, ["news.txt"], ["news.tfrecord"])
    """

    what = "records"
    counts = ("records", "tokens")
    main_count = "records"
    manifest_keys = manifest_schema.RECORD_KEYS
    processor_class = RecordProcessor

    def __init__(self, settings):
        """Checks the settings.

        Raises:
          UserError: see CreationSettings.check and Vocabulary.
        """
        super().__init__(settings)
        settings.check()
        self._vocabulary = read_vocabulary(settings.vocab_file, settings.tokenizer)
        self._dictionary = self._read_dictionary()
        self._corruption = settings.corruption().with_files(
            settings.family_options, self._vocabulary, settings.do_lower_case
        )
        self.identity = {
            "vocabulary": self._vocabulary.sha256,
            "user_dict": segmentation.sha256_of(settings.user_dict),
            "masking": self._corruption.to_manifest(),
        }
        uses_ltp = settings.segmenter == "ltp"
        used = LIBRARIES if uses_ltp else [settings.segmenter]
        used = [*used, "conllu"] if settings.input_format == "conllu" else used
        used = [*used, simplification.LIBRARY] if settings.t2s else used
        if settings.user_dict:
            used = [*used, "ltp-extension"]  # see segmentation
        self.libraries = [
            "numpy",
            self._vocabulary.library,
            *(name for name in used if name != "none"),
        ]
        self.model_files = model_files(settings.ltp_model) if uses_ltp else set()
        if settings.drawn_corruption():
            self.manifest_keys = self.manifest_keys - {_PREDICTIONS}
        if settings.input_format == "conllu":
            self.unit_bytes = _CONLLU_UNITS * corpus.UNIT_BYTES

    def _read_dictionary(self):
        """user_dictionary.UserDictionary of what can be found and masked."""
        settings = self.settings
        normalize = documents.normalization(settings.normalize_quotes, settings.t2s)
        words = read_user_dictionary(settings.user_dict, normalize, settings.encoding)
        is_split = settings.input_format in ("raw", "jsonl")
        words = words.usable(settings.segmenter, is_split)
        most = settings.max_seq_length - SPECIAL_TOKENS_PER_PAIR
        if not settings.drawn_corruption():
            most = min(most, settings.max_predictions_per_seq)
        return words.with_pieces(self._vocabulary.make_tokenizer(settings.do_lower_case), most)

    def notes(self):
        return [*self._dictionary.notes(), *self._notes_on_room()]

    def reports(self):
        """Lines for people on what was read beside the text: list of str."""
        return list(self._corruption.notes())

    def _notes_on_room(self):
        """Yields a line where full rows have no room for their share of predictions."""
        settings = self.settings
        spec = settings.corruption().spec
        wanted = predictions_of_row(spec.probability, settings.max_seq_length)
        if not settings.drawn_corruption() and spec.max_predictions < _LEAST_ROOM * wanted:
            yield (
                "--max_predictions_per_seq={} is {:.0%} of a row of {}, where {:.0%} are to be "
                "masked: full rows are masked less; without the flag it is {}".format(
                    spec.max_predictions,
                    spec.max_predictions / settings.max_seq_length,
                    settings.max_seq_length,
                    spec.probability,
                    wanted,
                )
            )

    def flags(self):
        return self.settings.to_dict()

    def nothing_made(self, total, input_files):
        others = total["other_documents"]
        if not others:
            return super().nothing_made(total, input_files)
        return (
            "--eval_fraction={} holds out {} of the {:,} documents of {}; give {}, or blank lines "
            "between documents".format(
                self.settings.eval_fraction,
                "none" if self.settings.is_held_out else "all",
                others + total["documents"],
                some(input_files),
                "more" if self.settings.is_held_out else "less",
            )
        )

    def check_manifest(self, path, manifest):
        if "masking" in manifest:
            stated_corruption(path, manifest)

    def describe(self, total):
        settings = self.settings
        runs = max(1, sum(total["ngrams"].values()))
        masking = dict(settings.corruption().to_manifest(), kind=settings.masking)
        unreachable = self._vocabulary.unreachable(settings.do_lower_case)
        predictions = {_PREDICTIONS: settings.max_predictions_per_seq}
        if settings.drawn_corruption():  # which says how many
            masking.pop("max_predictions", None)
            predictions = {}
        return {
            "objective": settings.objective,
            "features": list(settings.stored_features()),
            "masking": masking,
            "max_seq_length": settings.max_seq_length,
            **predictions,
            "tokenizer": self._vocabulary.kind,
            "vocab_size": len(self._vocabulary),
            "vocab_sha256": self._vocabulary.sha256,
            "unreachable_rows": unreachable.counts(),
            "unreachable_examples": unreachable.examples(),
            "records": total["records"],
            "tokens": total["tokens"],
            "padding_share": round(
                1.0 - total["tokens"] / (total["records"] * settings.max_seq_length), 6
            ),
            "masked_share": round(total["masked"] / total["tokens"], 6),
            "ngram_distribution": {
                n: round(count / runs, 6) for n, count in sorted(total["ngrams"].items())
            },
            **self._changes(total),
            "documents": total["documents"],
            "duplicate_share": round(copies_share(total["sampled_documents"]), 6),
            "held_out": self._side(total),
            "sentences": total["sentences"],
            "divided_sentences": total["divided_sentences"],
            "characters": total["characters"],
            "pieces": total["pieces"],
            "pair_records": total["pair_records"],
            "left_out_share": round(
                total["left_out_pieces"] / max(1, settings.dupe_factor * total["pieces"]), 6
            ),
            "unaligned_words": total["unaligned_words"],
            "unaligned_sentences": total["unaligned_sentences"],
            "unaligned_examples": total["unaligned_examples"],
            "user_dict": self._dictionary.summary(
                total["user_words"], names_words=not settings.keep_text_private
            ),
            "tag_counts": dict(top_counts(total["tag_counts"], None)),
            "unknown_tags": dict(top_counts(total["unknown_tags"], _LISTED_UNKNOWN)),
            "unknown_share": round(total["unknown_pieces"] / max(1, total["pieces"]), 6),
            "unknown_top": dict(top_counts(total["unknown"], _LISTED_UNKNOWN)),
            "examples": total["examples"],
            "one_document_share": round(total["one_document_blocks"] / total["blocks"], 6),
        }

    @staticmethod
    def _changes(total):
        """What became of chosen words, and the most frequent changes with an example each."""
        changes = dict(top_counts(total["changes"], _LISTED_CHANGES))
        texts = total["change_examples"]
        return {
            "corruption_counts": total["corruption_counts"],
            "changes": changes,
            "change_examples": {name: texts[name] for name in changes if name in texts},
        }

    def _side(self, total):
        """The side of the corpus for the manifest, {} where it is not divided."""
        side = self.settings.side
        if not side:
            return {}
        return {
            "side": side.name,
            "fraction": side.fraction,
            "by": "fingerprint of a document's text without blanks",
            "other_documents": total["other_documents"],
        }
