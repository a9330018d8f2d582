"""What there is to say of a folder of records, in words and numbers, for a terminal as for a page."""

from collections.abc import Sequence

import numpy as np

from electra_pretrain.plot.data_page import Frequency
from electra_pretrain.records.inspect.verify import Verified
from electra_pretrain.records.manifest import Manifest, Shard


def summary(manifest: Manifest, shards: Sequence[Shard], verified: Verified) -> list[tuple[str, str]]:
    """Names and values; statistics are those of the records read without fault."""
    vocabulary, statistics = manifest.vocabulary, verified.statistics
    counts = statistics.text_counts(vocabulary.special_ids)
    special = set(vocabulary.special_ids)
    occurring = sum(1 for index in np.nonzero(counts)[0].tolist() if index not in special)
    all_shards = len(manifest.train_shards) + len(manifest.heldout_shards)
    mean = statistics.tokens / max(statistics.examples, 1)
    single = 1 - statistics.pairs / max(statistics.examples, 1)
    unk = counts[vocabulary.special_ids.unk] / max(counts.sum(), 1)
    return [
        ("examples", f"{manifest.train_examples:,} training, {manifest.heldout_examples:,} held-out"),
        ("files", f"{len(manifest.train_shards):,} training, {len(manifest.heldout_shards):,} held-out"),
        (
            "vocabulary",
            f"{vocabulary.size:,} tokens, {vocabulary.type}, {'lower case' if vocabulary.do_lower_case else 'cased'}",
        ),
        (
            "read",
            f"{len(shards):,} of {all_shards:,} files, {sum(shard.bytes for shard in shards) / 1e6:,.1f} MB: "
            + (f"{verified.num_faults:,} faults" if verified.num_faults else "checksums, hashes and structure are right"),
        ),
        (
            "length",
            f"mean {mean:.1f} of {manifest.max_seq_length} tokens; 5% of the examples have at most "
            f"{statistics.length_quantile(0.05)}, half at most {statistics.length_quantile(0.5)}",
        ),
        ("padding", f"{statistics.padding:.2%} of the places"),
        ("segments", f"{single:.1%} of the examples have one, the others two"),
        ("[UNK]", f"{unk:.3%} of the tokens of text"),
        ("tokens in use", f"{occurring:,} of {vocabulary.size - len(special):,}, special ones aside"),
    ]


def most_frequent(manifest: Manifest, verified: Verified, tokens: Sequence[str], count: int) -> list[Frequency]:
    """The tokens that occur most often in text, [UNK] among them."""
    counts = verified.statistics.text_counts(manifest.vocabulary.special_ids)
    total = max(int(counts.sum()), 1)
    order = np.argsort(-counts, kind="stable")[:count]
    return [Frequency(tokens[index], int(counts[index]), int(counts[index]) / total) for index in order if counts[index]]
