"""Whether records are of the vocabulary that lies beside them, and of that of the weights that a run begins with."""

from electra_pretrain.checkpoint.pretrained import Pretrained, check_config
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.records.manifest import MANIFEST_NAME
from electra_pretrain.tokenization.identity import check_vocabulary, first_difference, told
from electra_pretrain.tokenization.model_folder import ModelVocabulary, read_file
from electra_pretrain.train.input import Source


def check_pretrained(pretrained: Pretrained, config: Config, source: Source) -> None:
    """Refuse weights that do not belong to the config, or to the vocabulary of the records.

    Raises:
        UserError: what differs.
    """
    check_config(pretrained, config)
    check_same_text(pretrained, source)


def check_same_text(pretrained: Pretrained, source: Source) -> None:
    """Refuse weights that do not belong to the vocabulary of the records, as far as they tell theirs.

    Raises:
        UserError: what differs.
    """
    own, vocabulary = pretrained.vocabulary, source.manifest.vocabulary
    if own is None:
        return
    if own.sha256 != vocabulary.sha256:
        _check_same_ids(pretrained.origin, own, files.join(source.folder, vocabulary.file_name))
    if pretrained.strip_accents is not None and pretrained.strip_accents != vocabulary.strip_accents:
        raise UserError(
            f"{pretrained.origin}: accents were {_taken_off(pretrained.strip_accents)} its text, and were "
            f"{_taken_off(vocabulary.strip_accents)} that of the records; build the records with the vocab.txt beside the "
            "weights, in its place"
        )


def _check_same_ids(origin: str, own: ModelVocabulary, records: str) -> None:
    """Refuse records whose ids are of other tokens; of the same ones there may be another file, as `tokenizer.json`."""
    if (difference := first_difference(own.tokens, read_file(records).tokens)) is not None:
        raise UserError(
            f"{origin}: its vocabulary is not that of the records: {told(difference, f'in {own.path}', f'in {records}')}; "
            "build the records with the vocabulary that lies beside the weights, or extend it with import_checkpoint --terms"
        )


def _taken_off(stripped: bool) -> str:
    return "taken off" if stripped else "left in"


def check_records_vocabulary(source: Source) -> None:
    """Refuse records beside which another vocabulary lies than they were built with.

    Raises:
        UserError: it is missing, or another.
    """
    vocabulary = source.manifest.vocabulary
    path, manifest = (files.join(source.folder, name) for name in (vocabulary.file_name, MANIFEST_NAME))
    check_vocabulary(path, vocabulary.sha256, manifest)
