"""Some records of a folder, chosen by a seed, and the tokens that each segment of them holds."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from electra_pretrain.core import files, rng
from electra_pretrain.core.batch import INPUT_IDS, INPUT_MASK, SEGMENT_IDS
from electra_pretrain.records.frames import read_frames
from electra_pretrain.records.inspect.verify import decode_records
from electra_pretrain.records.manifest import Shard


class Decoded(NamedTuple):
    """A record for people to read; `segments` is empty where it cannot be read."""

    title: str  # file, record, and how full it is
    segments: list[list[str]]  # tokens, without [CLS], [SEP] and padding


def choose(shards: Sequence[Shard], count: int, seed: int) -> list[tuple[Shard, int]]:
    """Shards and numbers, from 1, of `count` records, none twice, in the order of the shards."""
    ends = np.cumsum([shard.examples for shard in shards])
    total = int(ends[-1]) if len(ends) else 0
    draws = rng.Stream(seed, "examples to look at", 0)
    chosen: set[int] = set()
    while len(chosen) < min(count, total):
        chosen.add(draws.integer(0, total - 1))
    places = [(index, int(np.searchsorted(ends, index, side="right"))) for index in sorted(chosen)]
    return [(shards[shard], index - int(ends[shard]) + shards[shard].examples + 1) for index, shard in places]


def decode(folder: str, chosen: Sequence[tuple[Shard, int]], max_seq_length: int, tokens: Sequence[str]) -> list[Decoded]:
    """Read the chosen records.

    Args:
        folder: where the shards lie.
        chosen: from `choose`.
        max_seq_length: of the records.
        tokens: the vocabulary.
    """
    decoded = []
    for shard, number in chosen:
        payload = _payload(files.join(folder, shard.name), number)
        features = None if payload is None else decode_records([payload], max_seq_length)
        title = f"{shard.name}, record {number}"
        if features is None:
            decoded.append(Decoded(f"{title}: cannot be read", []))
            continue
        ids, mask, segments = (features[feature][0] for feature in (INPUT_IDS, INPUT_MASK, SEGMENT_IDS))
        title += f": {int(mask.sum())} tokens, {int((mask == 0).sum())} padding"
        spelt = [_spelt(ids[(mask > 0) & (segments == segment)], tokens) for segment in (0, 1)]
        decoded.append(Decoded(title, [segment for segment in spelt if segment]))
    return decoded


def _payload(path: str, number: int) -> bytes | None:
    if not files.exists(path):
        return None
    with files.open_raw(path) as file:
        frame = next(itertools.islice(read_frames(file.read), number - 1, None), None)
    return None if frame is None else frame.payload


def _spelt(ids: np.ndarray, tokens: Sequence[str]) -> list[str]:
    """A segment's tokens; of [CLS] and [SEP], which are its frame, none."""
    spelt = (tokens[index] if 0 <= index < len(tokens) else f"[id {index}]" for index in ids.tolist())
    return [token for token in spelt if token not in ("[CLS]", "[SEP]")]
