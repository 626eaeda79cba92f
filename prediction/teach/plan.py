"""What --task=teach will write: checked, measured and compared with the disk before it begins."""

import collections
import os
import shutil
from typing import Any, List, NamedTuple

from common import files
from common.errors import UserError
from common.features import MASKED_LM, ROW
from common.log import log, warn
from common.progress import size as shown_size
from data.records import teacher_manifest
from data.records.checks import record_contents
from data.records.checks.completeness import check_complete
from data.records.manifest import find_manifests
from data.records.teacher_manifest import TeacherRecords
from data.records.teacher_outputs import INT8, MASKED, NONE, Layout
from training.records import manifest_agreement, record_files

_UNMASKED = (
    "{} holds no masked places: masks are drawn in training, and the teacher would see other rows "
    "than the student; make records with create_pretraining_data.py --masking=static"
)


class TeachRequest(NamedTuple):
    """What is asked for.

    Attributes:
      record_files: paths.
      output_dir: the folder of teacher records.
      options: TeachOptions.
      config: model config of the teacher.
      checkpoint, digest: the teacher's name, and initial_weights.digest_of of it.
      vocabulary: of data.tokenizers.vocabularies, that beside the teacher; None: there is none.
      numerics: Numerics.
    """

    record_files: List[str]
    output_dir: str
    options: Any
    config: Any
    checkpoint: str
    digest: Any
    vocabulary: Any
    numerics: Any


class Plan(NamedTuple):
    """The work.

    Attributes:
      records: TeacherRecords.
      paths: dict name of a record file -> its path.
      missing: names of the shards to make, in order.
    """

    records: TeacherRecords
    paths: dict
    missing: list

    def rows_of(self, shards):
        """How many records shards hold together."""
        return sum(self.records.shards[name]["records"] for name in shards)


def make(request):
    """Checks everything; writes nothing.

    Args:
      request: TeachRequest.

    Returns:
      Plan.

    Raises:
      UserError: records are damaged, not masked, or do not fit the teacher; output_dir holds
        others; the disk has too little room.
    """
    paths = _by_name(request.record_files)
    manifests = find_manifests(request.record_files)
    check_complete(request.record_files, manifests, warn)
    manifest_agreement.check_manifests(manifests, request.config, None, None)
    readable = record_files.check(request.record_files, manifests)
    _check_vocabulary(request, manifests)
    layout = _layout(request, manifests)
    records = _records(request, layout, paths, readable)
    before = teacher_manifest.read(request.output_dir)
    missing = list(records.shards)
    if before:  # else nothing says whose outputs there may be
        _check_same(before, records)
        records = before
        missing = [name for name in records.shards if not records.is_there(name)]
    plan = Plan(records, paths, missing)
    _check_space(plan)
    return plan


def _by_name(paths):
    named = collections.OrderedDict()
    for path in paths:
        other = named.setdefault(os.path.basename(path), path)
        if other != path:
            raise UserError(
                "{} and {} have one name, by which teacher records are found; rename one, or teach "
                "them apart".format(other, path)
            )
    return named


def _check_vocabulary(request, manifests):
    own = request.vocabulary
    for path, manifest in manifests.items():
        other = manifest.get("vocab_sha256")
        if own and other and own.sha256 != other:
            raise UserError(
                "the teacher has another vocabulary: {} (SHA-256 {}...) is not that of the records "
                "({}..., manifest {})".format(own.path, own.sha256[:12], other[:12], path)
            )


def _layout(request, manifests):
    """The Layout by options and records, whose first ones are checked."""
    options, config = request.options, request.config
    for path, manifest in manifests.items():
        if manifest.get("masking", {}).get("kind") == "dynamic":
            raise UserError(_UNMASKED.format(path))
    path = request.record_files[0]
    first = record_contents.first_records(path, 1)[0]
    for name in ROW:
        if name not in first:
            raise UserError("{} holds no pre-training records: {} is missing".format(path, name))
    positions = options.soft_label_positions
    # Rows that were changed in another way hold other targets.
    if not any(name.endswith("_positions") for name in first):
        raise UserError(_UNMASKED.format(path))
    if positions == MASKED and MASKED_LM[0] not in first:
        raise UserError(
            "{} has no masked pieces ({} is missing); give --soft_label_positions=none and "
            "--teacher_layers".format(path, MASKED_LM[0])
        )
    if options.soft_label_top_k > config.vocab_size:
        raise UserError(
            "--soft_label_top_k={} is more than the {} pieces of the teacher's vocabulary".format(
                options.soft_label_top_k, config.vocab_size
            )
        )
    length = len(first["input_ids"])
    if length > config.max_position_embeddings:
        raise UserError(
            "{} has rows of {} tokens, more than max_position_embeddings {} in {}".format(
                path, length, config.max_position_embeddings, config.source
            )
        )
    return Layout(
        positions,
        options.soft_label_top_k,
        options.soft_label_dtype,
        options.temperatures(),
        options.layers(config),
        options.hidden_dtype,
        length,
        len(first[MASKED_LM[0]]) if positions == MASKED else None,
        config.vocab_size,
        config.hidden_size,
    )


def _records(request, layout, paths, readable):
    """The TeacherRecords to be."""
    config = request.config
    teacher = {
        "checkpoint": request.checkpoint,
        "digest": request.digest,
        "config": config.source,
        "num_blocks": config.num_blocks,
        "num_attention_heads": config.num_attention_heads,
        "hidden_size": config.hidden_size,
        "vocab_size": config.vocab_size,
        "precision": request.numerics.precision,
        "kernels": request.numerics.kernels,
    }
    entries, shards, size = {}, {}, layout.record_bytes()
    for name, path in paths.items():
        count = readable.of([path])[1]
        if count is None:
            log("no manifest counts the records of {}, so they are counted".format(path))
            count = record_contents.count_rows([path], None)
        if not count:
            raise UserError("{} holds no record; leave it out".format(path))
        own = layout.shards(name, count)
        identity = teacher_manifest.identity_of(path)
        entries[name] = dict(identity, records=count, shards=list(own))
        shards.update((n, {"bytes": rows * size, "records": rows}) for n, rows in own.items())
    return TeacherRecords(request.output_dir, layout, teacher, entries, shards)


def _check_same(before, now):
    """Refuses a folder of other outputs than those that are asked for."""
    old, new = ({**r.to_json(), **r.to_json()["teacher"]} for r in (before, now))
    # Files may have been moved.
    same = ("teacher", "checkpoint", "config", "shards", "files")
    differing = [
        "{} was {} and is {}".format(name, old.get(name), new[name])
        for name in new
        if name not in same and old.get(name) != new[name]
    ]
    for name in sorted({*before.files, *now.files}):
        pair = [{**r.files.get(name, {}), "shards": None} for r in (before, now)]
        if pair[0] != pair[1]:
            differing.append("its record files were others ({})".format(name))
            break
    if differing:
        raise UserError(
            "--output_dir {} holds other teacher records: {}; take another --output_dir, or the "
            "command that wrote those".format(before.folder, ", ".join(differing))
        )


def _check_space(plan):
    """Logs the sizes, and compares them with the disk."""
    records, layout = plan.records, plan.records.layout
    size, rows = layout.record_bytes(), plan.rows_of(records.shards)
    total = sum(shard["bytes"] for shard in records.shards.values())
    due = sum(records.shards[name]["bytes"] for name in plan.missing)
    log("teacher outputs: {}".format(layout.describe()))
    log(
        "teacher outputs: {:,} bytes a record, {:,.1f} a token of {}; {:,} records in {:,} shards: "
        "{}, of which {} are to be written".format(
            size,
            size / layout.max_seq_length,
            layout.max_seq_length,
            rows,
            len(records.shards),
            shown_size(total),
            shown_size(due),
        )
    )
    folder = records.folder
    if files.is_remote(folder) or not due:
        return
    while folder and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    free = shutil.disk_usage(folder or ".").free
    if free < due:
        raise UserError(
            "--output_dir {} has {} left, and the teacher's outputs take {} more; make room, or "
            "write less: {}".format(
                records.folder, shown_size(free), shown_size(due), _smaller(layout)
            )
        )


def _smaller(layout):
    """Flags that make records smaller."""
    ways = []
    if layout.soft_label_positions != NONE:
        ways.append("a smaller --soft_label_top_k than {}".format(layout.soft_label_top_k))
    if layout.soft_label_positions not in (MASKED, NONE):
        ways.append("--soft_label_positions=masked")
    if layout.teacher_layers and layout.hidden_dtype != INT8:
        ways.append("--hidden_dtype=int8")
    if layout.teacher_layers:
        ways.append("fewer --teacher_layers")
    return ", ".join(ways)
