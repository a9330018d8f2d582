"""A pretrained model, from a folder or the Hugging Face hub, with a new head for a task."""

import codecs
import logging
import os
import warnings
from typing import Annotated, Any, NamedTuple

from electra_pretrain.checkpoint.weight_files import NAMES, find_weights, instead_of
from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.typed import Check, Size
from electra_pretrain.finetuning import tokenizer_files, weights
from electra_pretrain.finetuning.task import Task
from electra_pretrain.tokenization.model_folder import check_agree

_CLASSES = {
    "classification": "AutoModelForSequenceClassification",
    "regression": "AutoModelForSequenceClassification",
    "tagging": "AutoModelForTokenClassification",
    "question_answering": "AutoModelForQuestionAnswering",
}
_log = logging.getLogger(__name__)
_FINE_TUNED = ("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")


def identity(model: str) -> dict[str, str]:
    """Return what tells a model from another of the same path: its weights' checksum; a hub's name is taken as it is.

    Raises:
        UserError: it looks like a path and is no model's folder.
    """
    if not os.path.isdir(model):
        if files.is_remote(model):
            raise UserError(f"--model {model}: must be a local folder or a name on the hub; copy it here first")
        if os.path.isfile(model):
            raise UserError(f"--model {model}: is a file; give the model's folder, {os.path.dirname(model) or '.'}")
        if os.path.exists(model) or model.count("/") != 1 or model.startswith((".", "/", "~")):
            raise UserError(f"--model {model}: no such folder, nor OWNER/NAME of the hub")
        return {"model": model}
    if not os.path.exists(os.path.join(model, "config.json")):
        raise UserError(f"--model {model}: has no config.json; {instead_of(model)}")
    found = find_weights(model)
    if found is None:
        raise UserError(f"--model {model}: has none of {', '.join(NAMES)}; {instead_of(model)}")
    return {"model": model, "model_sha256": weights.sha256(found)}


class _Stated(NamedTuple):
    """What is needed of a `config.json`, under whatever name; of the rest, `transformers` is the judge."""

    model_type: str | None = None
    architectures: list[str] | None = None
    id2label: dict[Annotated[str, Check(str.isdecimal, "must be a number")], str] | None = None


class _Sizes(NamedTuple):
    hidden_size: Size
    num_hidden_layers: Size
    max_position_embeddings: Size | None


def read_config(model: str) -> dict[str, Any]:
    """Read the model's `config.json`, defaults included.

    Raises:
        UserError: it cannot be had, or is not of a model that `transformers` knows.
    """
    from transformers import AutoConfig

    if os.path.isdir(model):
        path = os.path.join(model, "config.json")
        typed.read_known(_Stated, json_files.read(path), typed.Place(path))
    try:
        config = AutoConfig.from_pretrained(model)
    except Exception as error:  # the libraries raise all kinds
        raise UserError(f"--model {model}: its config cannot be read ({_one_line(error)})") from error
    # Under whatever names this kind of model has them.
    values: dict[str, Any] = config.to_dict() | {name: getattr(config, name, None) for name in _Sizes._fields}
    if values["hidden_size"] is None or values["num_hidden_layers"] is None:
        raise UserError(f"--model {model}: a {values.get('model_type')} model has no hidden_size or layers that are known here")
    typed.read_known(_Sizes, values, typed.Place(f"--model {model}: its config"))
    return values


def load_tokenizer(model: str) -> Any:
    """Load the model's tokenizer.

    Raises:
        UserError: there is none, or it does not say where its tokens stand in a text.
    """
    from transformers import AutoTokenizer

    names = ("tokenizer.json", "vocab.txt", "tokenizer_config.json", "spiece.model", "tokenizer.model")
    if os.path.isdir(model) and not any(os.path.exists(os.path.join(model, name)) for name in names):
        raise UserError(f"--model {model}: has no tokenizer (none of {', '.join(names)}); copy it from the pretrained model")
    if os.path.isdir(model):
        check_agree(model)
        _check_no_mark(model)
    try:
        return AutoTokenizer.from_pretrained(model)
    except Exception as error:  # the libraries raise all kinds
        raise UserError(f"--model {model}: its tokenizer cannot be loaded ({_one_line(error)})") from error


def _check_no_mark(model: str) -> None:
    """Refuse a `vocab.txt` with a byte order mark where it is all that `transformers` reads: to it that is part of a token."""
    vocab = os.path.join(model, "vocab.txt")
    if not os.path.exists(vocab) or os.path.exists(os.path.join(model, "tokenizer.json")):
        return
    with open(vocab, "rb") as file:
        if file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
            raise UserError(
                f"--model {vocab}: begins with a byte order mark, which transformers takes for part of the first token; save "
                "the file as UTF-8 without one"
            )


def load_model(model: str, config: dict[str, Any], task: Task, vocab_size: int) -> Any:
    """Load the pretrained encoder with a head for the task, new weights from torch's generator; float32, on the CPU.

    Raises:
        UserError: the weights are not those of the config, or no numbers, or the model was fine-tuned for other labels.
    """
    import transformers

    labels = _labels(config, task, model)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Casting complex values")  # which `check_loaded` refuses
            loaded, about = getattr(transformers, _CLASSES[task.kind]).from_pretrained(
                model, **labels, dtype="float32", output_loading_info=True, ignore_mismatched_sizes=True
            )
    except Exception as error:
        raise UserError(f"--model {model}: its weights cannot be loaded ({_one_line(error)})") from error
    weights.check_loaded(model, loaded, about)
    new = sorted(about["missing_keys"])
    if vocab_size > loaded.config.vocab_size:
        raise UserError(
            f"--model {model}: its tokenizer has {vocab_size:,} tokens, its weights {loaded.config.vocab_size:,}; they do not "
            "belong together"
        )
    if new:
        _log.info(f"new, drawn from the seed: the head for {task.name} ({', '.join(new)})")
    return loaded


def save(path: str, model: Any, tokenizer: Any, pretrained: str) -> None:
    """Save a model and the tokenizer of the pretrained one as `transformers` loads them; whole or not at all."""
    temporary = files.temporary_name(path)
    model.save_pretrained(temporary)
    tokenizer_files.save(pretrained, tokenizer, temporary)
    # Of safetensors only its owner may read what they write; the others are as this machine makes files.
    mode = os.stat(os.path.join(temporary, "config.json")).st_mode
    for name in os.listdir(temporary):
        os.chmod(os.path.join(temporary, name), mode)
    files.remove(path)
    files.replace(temporary, path)


def warn_of_generator(model: str, config: dict[str, Any]) -> None:
    """Warn of ELECTRA's generator: a masked language model, and small; published scores are the discriminator's."""
    if config.get("model_type") == "electra" and "ElectraForMaskedLM" in (config.get("architectures") or []):
        _log.warning(f"--model {model}: is a generator; it is the discriminator that is meant to be fine-tuned")


def _labels(config: dict[str, Any], task: Task, model: str) -> dict[str, Any]:
    """Return arguments for the head's width and its labels' names."""
    if task.kind == "question_answering":
        return {}
    names = list(task.labels) or ["score"]
    if any(kind in name for name in config.get("architectures") or [] for kind in _FINE_TUNED):
        known = [name for _, name in sorted((int(id), name) for id, name in (config.get("id2label") or {}).items())]
        if known != names:
            raise UserError(
                f"--model {model}: was fine-tuned for the labels {', '.join(known)[:120]}, not {', '.join(names)[:120]}; "
                "give the pretrained model"
            )
    values = {
        "num_labels": len(names),
        "id2label": dict(enumerate(names)),
        "label2id": {name: id for id, name in enumerate(names)},
    }
    return values | {"problem_type": "regression"} if task.kind == "regression" else values


def _one_line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
