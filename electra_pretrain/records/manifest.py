"""What a folder of records holds and how it was made: `manifest.json`, written last, so that its presence means "whole"."""

import collections
import dataclasses
import json
from collections.abc import Sequence
from typing import Annotated, Any

from electra_pretrain.config.data import SHORT_DOCUMENTS
from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.batch import SpecialIds
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.typed import Amount, Check, Count, FileName, Sha256, Share, Size
from electra_pretrain.corpus.provenance import Step
from electra_pretrain.execution.resume import Source
from electra_pretrain.tokenization.tokenizer import TYPES, Tokenizer, file_name

MANIFEST_NAME = "manifest.json"
FORMAT_VERSION = 2


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The vocabulary and the text rules that go with it; its file lies beside the manifest."""

    type: Annotated[str, Check(lambda name: name in TYPES, f"must be one of {', '.join(TYPES)}")]
    sha256: Sha256
    size: Size
    do_lower_case: bool
    strip_accents: bool
    unicode_normalization: str
    special_ids: SpecialIds

    @property
    def file_name(self) -> str:
        """Return what its file is called, beside the manifest and in a run's folder."""
        return file_name(self.type)


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file of records."""

    name: FileName
    examples: Count
    bytes: Count
    sha256: Sha256


ShortDocuments = Annotated[str, Check(lambda kind: kind in SHORT_DOCUMENTS, f"must be one of {', '.join(SHORT_DOCUMENTS)}")]
_FRAME_BYTES = 16  # of a TFRecord, around each record
_FilledShard = Annotated[
    Shard,
    Check(lambda shard: shard.examples * _FRAME_BYTES <= shard.bytes, f"must have {_FRAME_BYTES} bytes an example"),
]


@dataclasses.dataclass(frozen=True)
class Counts:
    """What went in, added up over blocks of documents; None where records were adopted, which do not tell."""

    documents: Count | None = 0
    heldout_documents: Count | None = 0
    sentences: Count | None = 0
    characters: Count | None = 0
    tokens: Count = 0
    unk_tokens: Count = 0
    overflow_tokens: Count = 0  # carried into the next example, where the released builder drops them

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(a + b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)))


@dataclasses.dataclass(frozen=True)
class Contents:
    """What all rows hold together.

    Attributes:
        examples: one a row, but where they are packed: then each begins with a [CLS] of its own.
        filled_places: places that hold tokens, special ones included.
    """

    examples: Count = 0
    filled_places: Count = 0

    def __add__(self, other: "Contents") -> "Contents":
        return Contents(self.examples + other.examples, self.filled_places + other.filled_places)


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The whole manifest; fields as in the file."""

    format_version: int
    fingerprint: str  # of input, vocabulary and settings: the same fingerprint, the same bytes
    max_seq_length: Size
    vocabulary: Vocabulary
    seed: int | None  # None, as what else is not known, where records were adopted
    heldout_fraction: Share
    dupe_factor: Size | None
    short_example_prob: Share | None
    single_segment_prob: Share | None
    counts: Counts
    unk_rate: Share
    overflow_rate: Amount
    train_examples: Count  # rows; of packed ones, each holds several examples
    heldout_examples: Count
    train_shards: tuple[_FilledShard, ...]
    heldout_shards: tuple[_FilledShard, ...]
    sources: tuple[Source, ...]
    corpus_steps: tuple[Step, ...]  # what made the text, oldest first
    short_documents: ShortDocuments = "apart"
    contents: Contents | None = None  # None, where an earlier release built the records

    @property
    def rows(self) -> int:
        return self.train_examples + self.heldout_examples

    @property
    def padding(self) -> float:
        """Return the share of all rows' places that hold padding, so that no record is read.

        Where the contents were not counted: every pass holds every token once. An example has two or three special tokens; with
        two and a half the share is wrong by at most half a place a row, `0.5 / max_seq_length`.
        """
        text = self.counts.tokens * (self.dupe_factor or 1)  # of adopted records the tokens were counted in the records
        filled = text + 2.5 * self.rows if self.contents is None else self.contents.filled_places
        places = self.rows * self.max_seq_length
        return max(0.0, 1 - filled / places) if places else 0.0

    @property
    def examples_a_row(self) -> float:
        """Return how many examples a row holds on average: 1, but where they are packed."""
        return self.contents.examples / self.rows if self.contents is not None and self.rows else 1.0

    def save(self, folder: str) -> None:
        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=2)
        files.write_text(files.join(folder, MANIFEST_NAME), text + "\n")

    def to_dict(self) -> dict[str, Any]:
        values = dataclasses.asdict(self)
        values["vocabulary"]["special_ids"] = self.vocabulary.special_ids._asdict()
        return values


def vocabulary_of(
    tokenizer: Tokenizer, unicode_normalization: str | None = None, strip_accents: bool | None = None
) -> Vocabulary:
    """Describe a tokeniser as a manifest does.

    Args:
        tokenizer: which the records' ids are of.
        unicode_normalization: of records made elsewhere it is not known; None: as the tokeniser.
        strip_accents: of records made elsewhere, whether their builder took accents off the text; None: as the tokeniser.
    """
    return Vocabulary(
        type=tokenizer.type,
        sha256=tokenizer.sha256,
        size=tokenizer.vocab_size,
        do_lower_case=tokenizer.do_lower_case,
        strip_accents=tokenizer.strip_accents if strip_accents is None else strip_accents,
        unicode_normalization=unicode_normalization or tokenizer.unicode_normalization,
        special_ids=tokenizer.special_ids,
    )


def max_encoded_bytes(max_seq_length: int) -> int:
    """Bound what one record takes in a file: ids up to 2**21 in three bytes, mask and segment in one, names and frame."""
    return 5 * max_seq_length + 100


def load_manifest(folder: str) -> Manifest:
    """Read the manifest of a folder of records.

    Raises:
        UserError: there is none, or it is damaged, or of another version.
    """
    path = files.join(folder, MANIFEST_NAME)
    if not files.exists(path):
        if files.exists(folder) and not files.is_dir(folder):
            what = "manifest" if folder.rpartition("/")[2] == MANIFEST_NAME else "file"
            raise UserError(f"{folder}: is a {what}; give its folder, {folder.rpartition('/')[0] or '.'}")
        raise UserError(
            f"{path}: no such file; {folder} is not a finished folder of records: run build_data (again); "
            "records that another builder made are taken in by inspect_data --adopt"
        )
    try:
        values = json_files.read_object(path)
        if "format_version" in values and values["format_version"] != FORMAT_VERSION:
            raise UserError(f"{path}: format {json_files.shown(values['format_version'])} is not {FORMAT_VERSION}")
        return typed.read(Manifest, values, typed.Place(path))
    except UserError as error:
        raise UserError(f"{error}; build the data again, into another folder") from error


def check_sums(manifest: Manifest, folder: str) -> None:
    """Refuse a manifest that contradicts itself: totals, a shard that comes twice, special ids that are one or no token's.

    Raises:
        UserError: the first thing that does.
    """
    path = files.join(folder, MANIFEST_NAME)
    for kind, shards, total in (
        ("train", manifest.train_shards, manifest.train_examples),
        ("heldout", manifest.heldout_shards, manifest.heldout_examples),
    ):
        if sum(shard.examples for shard in shards) != total:
            raise UserError(f"{path}: {kind}_examples = {total:,}: is not what its {kind}_shards hold together")
    names = [shard.name for shard in (*manifest.train_shards, *manifest.heldout_shards)]
    if len(set(names)) < len(names):
        twice = collections.Counter(names).most_common(1)[0][0]
        raise UserError(f"{path}: lists {twice} twice; its records would be learnt twice, or scored after they were learnt")
    ids = manifest.vocabulary.special_ids
    if len(set(ids)) < len(ids) or max(ids) >= manifest.vocabulary.size:
        raise UserError(f"{path}: vocabulary.special_ids = {list(ids)}: must be five, each below {manifest.vocabulary.size:,}")


def check_shards(folder: str, shards: Sequence[Shard]) -> list[str]:
    """Return the shards' paths, each of the size that the manifest gives (a cheap check; hashes are for a thorough one).

    Raises:
        UserError: a shard has another size, or as `check_shard`.
    """
    paths = [files.join(folder, shard.name) for shard in shards]
    for path, shard, found in zip(paths, shards, files.sizes(paths), strict=True):
        check_shard(path, shard, found)
        if found != shard.bytes:
            kind = "truncated" if (found or 0) < shard.bytes else "changed"
            raise UserError(
                f"{path}: {kind} ({found} bytes, the manifest says {shard.bytes}); copy it again or rebuild the data"
            )
    return paths


def check_shard(path: str, shard: Shard, size: int | None) -> None:
    """Refuse a shard that cannot be read, or holds nothing, whatever its size is.

    Args:
        path: of the shard.
        shard: as the manifest tells of it.
        size: in bytes as found; None where there is none.

    Raises:
        UserError: it is missing, no regular file (a device may have no end), or empty.
    """
    if size is None:
        raise UserError(f"{path}: missing, though the manifest lists it; copy it again or rebuild the data")
    files.check_regular(path)
    if not shard.examples:
        raise UserError(f"{path}: holds no record, as the manifest says; rebuild the data, or take it out of {MANIFEST_NAME}")
