"""The files that a command makes of a vocabulary, and by what it knows them again: it takes the place of no others."""

import json
from typing import Any

from electra_pretrain.core import files
from electra_pretrain.core.batch import SPECIAL_TOKENS
from electra_pretrain.core.outputs import OutputFile
from electra_pretrain.tokenization.provenance import SUFFIX
from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer

_OF_A_VOCABULARY = ("vocab", "id", "ids", "lowercase")  # what differs in tokenizer.json from one vocabulary to the next


def outputs(path: str, command: str, tokenizer_json: str | None = None) -> list[OutputFile]:
    """List what `command` writes: a vocabulary, what made it beside it, and `tokenizer.json` if there is a path for it."""

    def settings(beside: str) -> dict[str, Any]:
        record = json.loads(files.read_bytes(beside)) if files.exists(beside) else {}
        return record if f"electra_pretrain.{command} " in str(record.get("command")) else {}

    return [
        OutputFile("--output", path, lambda path: bool(settings(path + SUFFIX).get("sha256") == files.sha256(path))),
        OutputFile("--output", path + SUFFIX, lambda beside: "tokens" in settings(beside)),
        OutputFile("--tokenizer_json", tokenizer_json, _is_tokenizer_json),
    ]


def _is_tokenizer_json(path: str) -> bool:
    """Tell whether a tokenizer.json is ours: all in it that no vocabulary decides is as we write it."""
    ours = WordPieceTokenizer(list(SPECIAL_TOKENS), False).to_json()
    return bool(_frame(json.loads(files.read_bytes(path))) == _frame(json.loads(ours)))


def _frame(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: _frame(value) for key, value in values.items() if key not in _OF_A_VOCABULARY}
    return [_frame(value) for value in values] if isinstance(values, list) else values
