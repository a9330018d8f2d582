"""A fine-tuned model's tokenizer: the files of the pretrained one, as they are.

Saved anew by `transformers` 5 they name a class that 4 does not know, and keep the last cut (`truncation`) with other state.
"""

import os
import shutil
from typing import Any

NAMES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spm.model",
    "spiece.model",
    "tokenizer.model",
    "sentencepiece.bpe.model",
)


def save(model: str, tokenizer: Any, output: str) -> None:
    """Write a tokenizer into a folder: the files that it was loaded from, or where none is found what it says of itself.

    Args:
        model: the folder that it was loaded from, or its name on the hub.
        tokenizer: what was loaded.
        output: the folder, which exists.
    """
    if found := _files(model):
        for path in found:
            shutil.copyfile(path, os.path.join(output, os.path.basename(path)))
    else:
        tokenizer.save_pretrained(output)


def _files(model: str) -> list[str]:
    """Find the files here; those of a model on the hub lie in its cache."""
    if os.path.isdir(model):
        paths: list[Any] = [os.path.join(model, name) for name in NAMES]
    else:
        from huggingface_hub import try_to_load_from_cache

        paths = [try_to_load_from_cache(model, name) for name in NAMES]
    return [path for path in paths if isinstance(path, str) and os.path.exists(path)]
