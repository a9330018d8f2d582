"""The files that `--corpus` means."""

from electra_pretrain.core import files


def find_corpus(patterns: str) -> list[str]:
    """List the files that comma-separated globs name.

    Raises:
        UserError: a pattern matches no file.
    """
    return files.expand_globs(patterns)
