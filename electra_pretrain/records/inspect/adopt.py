"""Take in records that another builder made: read them all, check every one, and write the manifest that they lack.

Meant for those of the code released with ELECTRA, `pretrain_data.tfrecord-N-of-M`, whose records have our schema.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from electra_pretrain.core import files, rng
from electra_pretrain.core.batch import INPUT_IDS
from electra_pretrain.core.errors import UserError, first_of
from electra_pretrain.execution.processes import Runner
from electra_pretrain.execution.resume import fingerprint
from electra_pretrain.records.inspect.statistics import Statistics
from electra_pretrain.records.inspect.verify import Schema, Verified, examine, examine_shard
from electra_pretrain.records.manifest import (
    FORMAT_VERSION,
    MANIFEST_NAME,
    Contents,
    Counts,
    Manifest,
    Shard,
    vocabulary_of,
)
from electra_pretrain.records.tfrecord import read_frames
from electra_pretrain.tokenization import provenance, wordpiece
from electra_pretrain.tokenization.accents import were_stripped
from electra_pretrain.tokenization.tokenizer import Tokenizer, load_tokenizer

_NUMBERED = re.compile(r"(.*tfrecord.*)-(\d+)-of-(\d+)$")


class Adopted(NamedTuple):
    """What was found; the manifest is None, and none was written, where anything is wrong."""

    manifest: Manifest | None
    verified: Verified


def record_names(folder: str) -> list[str]:
    """List the files that another builder wrote, by stem and number."""

    def stem_and_number(name: str) -> tuple[str, int]:
        numbered = _NUMBERED.match(name)
        return (numbered[1], int(numbered[2])) if numbered else (name, 0)

    names = [name for name in files.list_dir(folder) if "tfrecord" in name and ".tmp-" not in name]
    return sorted(names, key=stem_and_number)


def adopt(folder: str, tokenizer: Tokenizer, heldout_fraction: float, seed: int, run: Runner) -> Adopted:
    """Write `manifest.json` and the vocabulary beside records without fault.

    Args:
        folder: holds the records, and no manifest yet.
        tokenizer: the vocabulary that the records were built with, and its case.
        heldout_fraction: of the files, rounded to whole ones: which documents an example came from is not known.
        seed: chooses the held-out files.
        run: maps over files.

    Raises:
        UserError: there is a manifest, no records, a file of a numbered set is missing or empty, another vocabulary lies there,
            rows hold several documents.
    """
    if files.exists(files.join(folder, MANIFEST_NAME)):
        raise UserError(f"{folder}: has a manifest already; leave out --adopt to look at its records")
    paths = [files.join(folder, name) for name in _complete(folder)]
    _check_filled(paths)
    _check_vocabulary(folder, tokenizer)
    schema = Schema(_max_seq_length(paths), tokenizer.vocab_size, tokenizer.special_ids, is_packed=False)
    shards: list[Shard] = []
    faults: list[str] = []
    num_faults, statistics = 0, Statistics.none(schema.max_seq_length, schema.vocab_size)
    for path, found in zip(paths, examine(paths, schema, run), strict=True):
        if found.num_faults and not num_faults:
            _check_not_packed(folder, path, schema, found.num_faults)
        shards.append(found.shard)
        faults += found.faults
        num_faults += found.num_faults
        statistics = statistics.plus(found.statistics)
    verified = Verified(len(shards), faults, num_faults, statistics)
    if num_faults:
        return Adopted(None, verified)
    heldout = set(rng.permutation(seed, "held-out files", 0, len(shards))[: round(heldout_fraction * len(shards))].tolist())
    manifest = _manifest(
        tokenizer,
        schema,
        statistics,
        heldout_fraction,
        train=tuple(shard for number, shard in enumerate(shards) if number not in heldout),
        heldout=tuple(shard for number, shard in enumerate(shards) if number in heldout),
    )
    vocab = files.join(folder, tokenizer.file_name)
    if manifest.vocabulary.strip_accents:
        # For records to come of the same vocabulary: build_data reads it.
        about = {"type": tokenizer.type, "tokens": tokenizer.vocab_size, "do_lower_case": True, "strip_accents": True}
        provenance.save(vocab, tokenizer.file_content, about)
    else:
        files.write_bytes(vocab, tokenizer.file_content)
    manifest.save(folder)
    return Adopted(manifest, verified)


def _complete(folder: str) -> list[str]:
    """List the files of records, none of a numbered set missing."""
    if not files.is_dir(folder):
        raise UserError(f"{folder}: no such folder")
    names = record_names(folder)
    if not names:
        raise UserError(f"{folder}: holds no records, that is no file with tfrecord in its name")
    sets = {(match[1], match[3]) for name in names if (match := _NUMBERED.match(name))}
    for stem, total in sorted(sets):
        numbers = {
            int(match[2]) for name in names if (match := _NUMBERED.match(name)) and match[1] == stem and match[3] == total
        }
        missing = sorted(set(range(int(total))) - numbers)
        if missing:
            raise UserError(
                f"{files.join(folder, f'{stem}-{missing[0]}-of-{total}')}: missing, one of {len(missing)} of {total} files; "
                "copy them again, or rename the others if they are all there is"
            )
    return names


def _check_filled(paths: Sequence[str]) -> None:
    """Refuse what is no file, and files without a record.

    The released builder leaves some empty if the corpus is small, but a failed copy does so too, and nothing tells which.
    """
    for path in paths:
        files.check_regular(path)
    if empty := [path for path, size in zip(paths, files.sizes(paths), strict=True) if not size]:
        raise UserError(
            f"{first_of(empty)}: empty, of {len(paths)} files of records; copy again what is empty; if its builder left it so, "
            "as it does with a small corpus, build the data anew with build_data, or delete the empty files and rename the rest"
        )


def _check_vocabulary(folder: str, tokenizer: Tokenizer) -> None:
    path = files.join(folder, tokenizer.file_name)
    if files.exists(path) and load_tokenizer(path, tokenizer.do_lower_case).tokens != tokenizer.tokens:
        raise UserError(f"{path}: differs from --vocab; give the one that the records were built with, and remove the other")


def _check_not_packed(folder: str, path: str, schema: Schema, num_faults: int) -> None:
    """Refuse a file that has faults as rows of one document each, and next to none as rows of several."""
    if examine_shard(path, schema._replace(is_packed=True)).num_faults <= num_faults / 10:
        raise UserError(
            f"{folder}: these look like rows of several documents (--short_documents packed of build_data), which --adopt does "
            f"not take; put the {MANIFEST_NAME} back that lay beside them, or build the data anew"
        )


def _max_seq_length(paths: Sequence[str]) -> int:
    """Return the length of the first record that can be read; the others must agree."""
    for path in paths:
        with files.open_raw(path) as file:
            first = next(read_frames(file.read, files.size(path)), None)
        if first is not None and first.payload is not None and (length := _length(first.payload)):
            return length
    raise UserError(f"{paths[0]}: begins with no tf.train.Example that has an int64 list {INPUT_IDS}, nor does any other file")


def _length(record: bytes) -> int:
    """Count a record's ids; 0 if it is none."""
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        return len(tf.train.Example.FromString(record).features.feature[INPUT_IDS].int64_list.value)
    except DecodeError:
        return 0


def _manifest(
    tokenizer: Tokenizer,
    schema: Schema,
    statistics: Statistics,
    heldout_fraction: float,
    train: tuple[Shard, ...],
    heldout: tuple[Shard, ...],
) -> Manifest:
    identity = [tokenizer.sha256, tokenizer.do_lower_case, [s.sha256 for s in train], [s.sha256 for s in heldout]]
    strip_accents = _accents_were_stripped(tokenizer, statistics)
    text_counts = statistics.text_counts(tokenizer.special_ids)
    tokens, unk_tokens = int(text_counts.sum()), int(text_counts[tokenizer.special_ids.unk])
    return Manifest(
        format_version=FORMAT_VERSION,
        fingerprint=fingerprint(identity),
        max_seq_length=schema.max_seq_length,
        vocabulary=vocabulary_of(tokenizer, unicode_normalization="not known", strip_accents=strip_accents),
        seed=None,
        heldout_fraction=heldout_fraction,
        dupe_factor=None,
        short_example_prob=None,
        single_segment_prob=None,
        counts=Counts(None, None, None, None, tokens=tokens, unk_tokens=unk_tokens),
        unk_rate=unk_tokens / max(tokens, 1),
        overflow_rate=0.0,
        train_examples=sum(shard.examples for shard in train),
        heldout_examples=sum(shard.examples for shard in heldout),
        train_shards=train,
        heldout_shards=heldout,
        sources=(),
        corpus_steps=(),
        contents=Contents(statistics.examples, statistics.tokens),
    )


def _accents_were_stripped(tokenizer: Tokenizer, statistics: Statistics) -> bool:
    """Tell whether the builder took accents off the text, as the released one does where it lower-cases.

    It then breaks Hangul into jamo, too: one syllable, or one accent, in the records shows that theirs was another builder.
    """
    if not tokenizer.do_lower_case or tokenizer.type != wordpiece.TYPE:
        return False
    seen = statistics.text_counts(tokenizer.special_ids).nonzero()[0].tolist()
    return were_stripped(tokenizer.tokens[index] for index in seen)
