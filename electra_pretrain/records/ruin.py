"""Facts that ruin a run and show in its records' manifest: the table, and the sentences. `train/ruin.py` has the config's.

They are told where records are made, looked into, checked and trained on.
"""

from collections.abc import Iterator

from electra_pretrain.core.finding import Fact, Finding, Level, tell
from electra_pretrain.records.manifest import Manifest

MAX_PADDING = 0.3
MAX_UNKNOWN, HOPELESS_UNKNOWN = 0.05, 0.5
MIN_HELDOUT = 20


def _no_training_row(manifest: Manifest) -> str | None:
    if manifest.train_examples:
        return None
    return "has no training row; build it from more text or with a smaller --heldout_fraction"


def _unknown(manifest: Manifest) -> str:
    return (
        f"{manifest.unk_rate:.0%} of the tokens are [UNK], of which nothing can be learnt: the vocabulary lacks the text's "
        "characters, or words have more than 100 of them without a space; learn a vocabulary from this text (train_vocab), or "
        "put spaces between its words"
    )


def _hopelessly_unknown(manifest: Manifest) -> str | None:
    return _unknown(manifest) if manifest.unk_rate > HOPELESS_UNKNOWN else None


def _much_unknown(manifest: Manifest) -> str | None:
    return _unknown(manifest) if MAX_UNKNOWN < manifest.unk_rate <= HOPELESS_UNKNOWN else None


def _padding(manifest: Manifest) -> str | None:
    if manifest.padding <= MAX_PADDING:
        return None
    documents = manifest.counts.documents
    unit, count = ("documents", documents) if documents else ("rows", manifest.rows)
    mean = manifest.counts.tokens / count
    return (
        f"{manifest.padding:.0%} of the places in rows are padding: {unit} have {mean:,.0f} tokens on average, and a row has "
        f"{manifest.max_seq_length:,} places; build again {_fuller_rows(manifest)}or with a shorter --max_seq_length"
    )


def _fuller_rows(manifest: Manifest) -> str:
    """Say which way leads to fuller rows; those that take several documents are short of text only where there is little."""
    if manifest.short_documents != "apart":
        return "from more text (each of its blocks ends in a row that is not full) "
    return (
        "with --short_documents packed, which puts several documents into a row, or joined, which makes one text of them; "
        "with short texts that belong together joined into one document, such as the comments of one article (no empty line "
        "between them; --layout comments --thread_field joins them); "
    )


def _little_held_out(manifest: Manifest) -> str | None:
    rows, documents, fraction = manifest.heldout_examples, manifest.counts.heldout_documents or 0, manifest.heldout_fraction
    if max(rows, documents) >= MIN_HELDOUT or not fraction:  # one document may fill many rows, and one row hold many documents
        return None
    if manifest.counts.documents is None:  # adopted: whole files are held out
        unit, count = "files", len(manifest.train_shards) + len(manifest.heldout_shards)
    else:
        unit, count = "documents", manifest.counts.documents
    parted = ", or part it into more documents by empty lines" if _may_be_parted(manifest) else ""
    return (
        f"{_held_out(rows, documents)} held out for evaluation: --heldout_fraction {fraction:g} of {count:,} {unit}; too "
        f"little to tell whether a run gets better or overfits; take a larger fraction, or more text{parted}"
    )


def _held_out(rows: int, documents: int) -> str:
    """Say how little is held out; documents where they are more than rows."""
    if not rows:
        return "nothing is"
    if documents > rows:
        return f"only {documents} documents are"
    return f"only {rows} rows are" if rows > 1 else "only one row is"


def _may_be_parted(manifest: Manifest) -> bool:
    """Tell whether a document has several lines, between which empty ones could part it; of adopted records it is not known."""
    documents, sentences = manifest.counts.documents, manifest.counts.sentences
    return documents is not None and sentences is not None and sentences > documents


def _more_held_out(manifest: Manifest) -> str | None:
    train, heldout = manifest.train_examples, manifest.heldout_examples
    if not 0 < train < heldout:
        return None
    parted = "part them by empty lines, " if _may_be_parted(manifest) else ""
    return (
        f"more is held out than trained on, {heldout:,} rows and {train:,}: whole documents are held out, and few are "
        f"large; {parted}take more of them, or a smaller --heldout_fraction"
    )


FACTS: tuple[Fact[Manifest], ...] = (
    Fact("no training row", "nothing is left to train on", _no_training_row, Level.FAILURE),
    Fact(
        f"above {HOPELESS_UNKNOWN:.0%} of the tokens `[UNK]`",
        "most of what is to be guessed is one token",
        _hopelessly_unknown,
        Level.FAILURE,
    ),
    Fact(
        f"above {MAX_UNKNOWN:.0%} of the tokens `[UNK]`",
        "a vocabulary of the text's kind leaves far below 1%; even 2,500 tokens leave 1.2% of the sample corpus",
        _much_unknown,
    ),
    Fact(f"above {MAX_PADDING:.0%} of the places in rows padding", "a third of the run is computed for nothing", _padding),
    Fact(
        f"fewer than {MIN_HELDOUT} rows held out, and fewer documents, though some were to be",
        f"by chance alone the mean of {MIN_HELDOUT} moves by {MIN_HELDOUT**-0.5:.0%} of their spread",
        _little_held_out,
    ),
    Fact("more rows held out than trained on", "few documents, which fell the wrong way", _more_held_out),
)


def check_records(folder: str, manifest: Manifest) -> Iterator[Finding]:
    """Yield what in a folder of records would ruin a run."""
    for finding in tell(FACTS, manifest):
        yield Finding(finding.level, f"{folder}: {finding.text}")
