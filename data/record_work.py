"""Data creation as a job: what decides the records, and what their manifest says."""

from data.jobs.job import Work
from data.jobs.statistics import new_statistics, top_counts
from data.recipes import get_recipe
from data.records import manifest_schema
from data.records.schema import stored_features
from data.text import corpus, segmentation
from data.text.ltp.loading import LIBRARIES, model_files
from data.tokenizers.vocabularies import read_vocabulary

_LISTED_UNKNOWN = 100
_PREDICTIONS = "max_predictions_per_seq"
# CoNLL-U has some 30 bytes for a character: units of text's size would be small.
_CONLLU_UNITS = 4


class RecordWork(Work):
    """Records and their manifest; see job.Work."""

    what = "records"
    counts = ("records", "tokens")
    main_count = "records"
    manifest_keys = manifest_schema.RECORD_KEYS
    empty_statistics = staticmethod(new_statistics)

    def __init__(self, settings):
        """Checks the settings.

        Raises:
          UserError: see CreationSettings.check and Vocabulary.
        """
        settings.check()
        super().__init__(settings)
        self._vocabulary = read_vocabulary(settings.vocab_file, settings.tokenizer)
        self.identity = {
            "vocabulary": self._vocabulary.sha256,
            "user_dict": segmentation.sha256_of(settings.user_dict),
        }
        uses_ltp = settings.segmenter == "ltp"
        used = LIBRARIES if uses_ltp else [settings.segmenter]
        used = [*used, "conllu"] if settings.input_format == "conllu" else used
        self.libraries = [
            "numpy",
            self._vocabulary.library,
            *(name for name in used if name != "none"),
        ]
        self.model_files = model_files(settings.ltp_model) if uses_ltp else set()
        if settings.drawn_in_training():
            self.manifest_keys = self.manifest_keys - {_PREDICTIONS}
        if settings.input_format == "conllu":
            self.unit_bytes = _CONLLU_UNITS * corpus.UNIT_BYTES

    def describe(self, total):
        settings, recipe = self.settings, get_recipe(self.settings.objective)
        runs = max(1, sum(total["ngrams"].values()))
        masking = dict(settings.masking_spec()._asdict(), kind=settings.masking)
        predictions = {_PREDICTIONS: settings.max_predictions_per_seq}
        if settings.drawn_in_training():  # which says how many
            del masking["max_predictions"], predictions[_PREDICTIONS]
        return {
            "objective": settings.objective,
            "features": list(stored_features(recipe.features, settings.drawn_in_training())),
            "masking": masking,
            "max_seq_length": settings.max_seq_length,
            **predictions,
            "tokenizer": self._vocabulary.kind,
            "vocab_size": len(self._vocabulary),
            "vocab_sha256": self._vocabulary.sha256,
            "records": total["records"],
            "tokens": total["tokens"],
            "masked_share": round(total["masked"] / total["tokens"], 6),
            "ngram_distribution": {
                n: round(count / runs, 6) for n, count in sorted(total["ngrams"].items())
            },
            "documents": total["documents"],
            "sentences": total["sentences"],
            "characters": total["characters"],
            "pieces": total["pieces"],
            "unaligned_words": total["unaligned_words"],
            "unaligned_sentences": total["unaligned_sentences"],
            "unaligned_examples": total["unaligned_examples"],
            "tag_counts": dict(top_counts(total["tag_counts"], None)),
            "unknown_tags": dict(top_counts(total["unknown_tags"], _LISTED_UNKNOWN)),
            "unknown_share": round(total["unknown_pieces"] / max(1, total["pieces"]), 6),
            "unknown_top": dict(top_counts(total["unknown"], _LISTED_UNKNOWN)),
            "examples": total["examples"],
            "one_document_share": round(total["one_document_blocks"] / total["blocks"], 6),
        }
