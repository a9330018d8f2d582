"""How KLUE names its files."""

from collections.abc import Mapping, Sequence


def klue_files(stem: str, suffix: str) -> Mapping[str, Sequence[str]]:
    """Names by split, version 1.1 first, each also in the folder that KLUE keeps it in; the test sets are not published."""
    return {
        split: [
            folder + f"{stem}-{version}_{split}.{suffix}" for version in ("v1.1", "v1") for folder in ("", f"{stem}-{version}/")
        ]
        for split in ("train", "dev")
    }
