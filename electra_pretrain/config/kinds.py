"""Which kind of JSON file a user gave: several are called config, and one in another's place is told as what it is."""

from collections.abc import Callable
from typing import Any

from electra_pretrain.config.schema import SECTIONS
from electra_pretrain.core.errors import UserError

PRETRAINING, FINETUNING = "a config for pretraining", "a config for fine-tuning"
HPARAMS = "a hyperparameter file of the released ELECTRA code"
RECIPE = "a cleaning recipe"
_Keys = dict[str, Any]
# The first that holds counts: Hugging Face's and the released code's share names with each other and with a config's fields.
_SIGNS: dict[str, Callable[[_Keys], bool]] = {
    "the config.json of a Hugging Face model": lambda keys: "model_type" in keys or "architectures" in keys,
    "a run's run.json": lambda keys: "data_of_phases" in keys,
    "a tokenizer.json": lambda keys: "added_tokens" in keys,
    PRETRAINING: lambda keys: any(isinstance(keys.get(name), dict) for name in SECTIONS),
    FINETUNING: lambda keys: "num_train_epochs" in keys,
    RECIPE: lambda keys: "rules" in keys,
    "the manifest of records": lambda keys: "train_shards" in keys,
    HPARAMS: lambda keys: any(name in keys for name in ("model_size", "vocab_size", "use_tpu", "train_batch_size")),
}
_WAYS = {
    (PRETRAINING, HPARAMS): "give it as --hparams",
    (HPARAMS, PRETRAINING): "give it as --config",
    (PRETRAINING, FINETUNING): "finetune takes it",
    (FINETUNING, PRETRAINING): "run_pretraining takes it",
}


def refuse_others(values: _Keys, path: str, wanted: str) -> None:
    """Refuse a file of another kind than is wanted, before its keys are held against what they cannot be.

    Raises:
        UserError: it is of another kind that is known here.
    """
    kind = next((name for name, holds in _SIGNS.items() if holds(values)), wanted)
    if kind != wanted:
        way = _WAYS.get((wanted, kind), "give the right file")
        raise UserError(f"{path}: is {kind}, not {wanted}; {way}")
