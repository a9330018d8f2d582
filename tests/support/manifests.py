"""Manifests of records that nobody built."""

import dataclasses

from electra_pretrain.core.batch import SpecialIds
from electra_pretrain.records.manifest import FORMAT_VERSION, Counts, Manifest, Shard, Vocabulary

VOCABULARY = Vocabulary("wordpiece", "0" * 64, 3500, False, False, "NFC", SpecialIds(0, 1, 2, 3, 4))


def whole(train_examples=10_000, heldout_examples=100, length=32, **fields) -> Manifest:
    """One of full rows, in one shard each, with what is given in place of what is in order."""
    examples = train_examples + heldout_examples
    tokens = int(examples * (length - 2.5))
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        fingerprint="",
        max_seq_length=length,
        vocabulary=VOCABULARY,
        seed=0,
        heldout_fraction=0.01,
        dupe_factor=1,
        short_example_prob=0.0,
        single_segment_prob=0.0,
        counts=Counts(documents=1000, heldout_documents=min(10, heldout_examples), tokens=tokens),
        unk_rate=0.0,
        overflow_rate=0.0,
        train_examples=train_examples,
        heldout_examples=heldout_examples,
        train_shards=(Shard("train-0", train_examples, 10**9, "0" * 64),) if train_examples else (),
        heldout_shards=(Shard("heldout-0", heldout_examples, 10**9, "0" * 64),) if heldout_examples else (),
        sources=(),
        corpus_steps=(),
    )
    return dataclasses.replace(manifest, **fields)
