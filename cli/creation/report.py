"""The report of finished records: their manifest for people."""

from cli import corpus_flags
from common.errors import some
from common.log import warn
from common.tags import KINDS
from common.terminal import say
from data import recipes
from data.records import manifest
from data.text.tags import names_of
from data.tokenizers import reachability

# Of the pieces; usual sentences in usual rows lose less, or little more.
_LEFT_OUT_LIMIT = 0.05
# Of the documents; the others' masks are of fewer texts than it seems.
_DUPLICATES_LIMIT = 0.01
_CHANGES_SHOWN = 10
_COUNTS = ("records", "tokens", "padding_share", "documents", "sentences", "characters")


def print_report(result, names):
    """The manifest in a few lines, and some rows with their words in brackets."""
    say(
        "{:,} records, {:,} tokens, {:.1%} padding, from {:,} documents, {:,} sentences, "
        "{:,} characters".format(*(result[k] for k in _COUNTS))
    )
    masked = "masks are drawn in training"
    if result["masking"]["kind"] == "static":
        participle = recipes.get_recipe(result["objective"]).corruption.participle
        masked = "{} {:.2%} of the tokens".format(participle, result["masked_share"])
    say(
        "{}, [UNK] {:.2%} of the pieces ({}), {:,} words unaligned".format(
            masked,
            result["unknown_share"],
            _shown_unknown(result),
            result["unaligned_words"],
        )
    )
    _report_changes(result)
    _report_left_out(result)
    if result["duplicate_share"] > _DUPLICATES_LIMIT:
        say(
            "note: {:.1%} of the documents are copies of others; python -m data.scan_corpus "
            "--drop_duplicates leaves them out".format(result["duplicate_share"])
        )
    _report_pairs(result["pair_records"])
    recipe = recipes.get_recipe(result["objective"])
    takes_others = recipe.takes_other_documents and not result["pair_records"]
    if takes_others and result["one_document_share"] > 0.01:
        say(
            "note: {:.1%} of the blocks hold one document only, so their random second sentences "
            "are its own; separate documents by blank lines".format(result["one_document_share"])
        )
    corpus_flags.say_user_dict(result)
    for note in (*reachability.notes(result), *_notes_on_words(result)):
        say("note: " + note)
    say("manifest: {}".format(manifest.manifest_path(names)))
    for example in result["examples"][:2]:
        say("example: {}".format(example))


def _report_pairs(counts):
    """The labels of sentence pairs, with a warning where there is one alone."""
    if not counts:
        return
    say("{similar:,} records of similar sentences, {other:,} of others".format(**counts))
    if not counts["other"]:
        warn(
            "no record is of sentences that are not similar, so their label teaches nothing; give "
            "such pairs, or more pairs without a third column, for which they are drawn"
        )
    if not counts["similar"]:
        warn("no record is of similar sentences, so their label teaches nothing; add such pairs")


def _shown_unknown(result):
    if result["flags"]["keep_text_private"] and result["unknown_share"]:
        return "not shown"
    return " ".join(list(result["unknown_top"])[:10]) or "none"


def _report_changes(result):
    """What the corruption did beside masks, and its most frequent changes of words."""
    if result["corruption_counts"]:
        corruption = recipes.get_recipe(result["objective"]).corruption
        for line in corruption.report(result["corruption_counts"]):
            say(line)
    for name, count in list(result["changes"].items())[:_CHANGES_SHOWN]:
        text = result["change_examples"].get(name)
        say("{:>9,}  {}{}".format(count, name, (text and "  " + text) or ""))


def _report_left_out(result):
    """What of the text is in no row, with a warning where it is much."""
    divided = ""
    if result["divided_sentences"]:
        divided = "; {:,} sentences longer than a row were divided".format(
            result["divided_sentences"]
        )
    say("{:.2%} of the pieces are in no row{}".format(result["left_out_share"], divided))
    if result["left_out_share"] > _LEFT_OUT_LIMIT:
        flags_given, remedy = result["flags"], "a longer row loses less"
        if flags_given["input_format"] == "text":
            remedy += ", and so does --input_format=raw where lines hold several sentences"
        warn(
            "{:.1%} of the text is in no row: sentences that do not fit are cut at "
            "--max_seq_length={}; {}".format(
                result["left_out_share"], flags_given["max_seq_length"], remedy
            )
        )


def _notes_on_words(result):
    """Yields notes on words and tags that could not be used as they were."""
    if result["unaligned_sentences"]:
        examples = ", ".join(result["unaligned_examples"])
        yield (
            "{:,} sentences whose words do not join to their text are masked piece by "
            "piece{}".format(
                result["unaligned_sentences"], examples and ", for instance " + examples
            )
        )
    if result["unknown_tags"]:
        listed = ["{} ({:,})".format(*item) for item in result["unknown_tags"].items()]
        yield "tags outside the tag set count as unknown: {}".format(some(listed))
    for kind in KINDS if result["tag_counts"] else ():
        if not any(name in result["tag_counts"] for name in names_of(kind)):
            yield "no word has a tag of the kind {0}: every label of {0}_labels is -1".format(kind)
