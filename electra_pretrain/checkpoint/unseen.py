"""What neither names nor shapes of weights show of their network: `run.json` and `import.json` keep it beside them."""

from typing import NamedTuple

from electra_pretrain.checkpoint.vocabulary import IMPORT_NAME, RUN_NAME
from electra_pretrain.config.load import CONFIG_NAME
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.typed import Place, Size


class Unseen(NamedTuple):
    """Fields of a config.

    Attributes:
        num_attention_heads: of `model`; weights of 4 heads and of 8 look the same, and compute something else.
        electric_objective: of `objective`: whether the discriminator's output is an energy; None of an import, whose config
            may still be changed in this.
    """

    num_attention_heads: Size
    electric_objective: bool | None = None


class _About(NamedTuple):
    unseen: Unseen | None = None  # files of earlier versions have none


def of_run(config: Config) -> Unseen:
    """Return what `run.json` keeps."""
    return Unseen(config.model.num_attention_heads, config.objective.electric_objective)


def check_unseen(folder: str, config: Config) -> None:
    """Refuse a folder of weights whose config was changed in what the weights do not show.

    Args:
        folder: of a run or an import; one that says nothing may hold anything.
        config: that lies in it.

    Raises:
        UserError: the fields that differ; or the file that keeps them is damaged.
    """
    path = next((path for name in (RUN_NAME, IMPORT_NAME) if files.exists(path := files.join(folder, name))), None)
    if path is None:
        return
    kept = typed.read_known(_About, json_files.read(path), Place(path)).unseen
    if kept is None:
        return
    fields = {
        "model.num_attention_heads": (config.model.num_attention_heads, kept.num_attention_heads),
        "objective.electric_objective": (config.objective.electric_objective, kept.electric_objective),
    }
    wrong = [
        f"{name} = {json_files.shown(has)}, was {json_files.shown(was)}"
        for name, (has, was) in fields.items()
        if was is not None and was != has
    ]
    if wrong:
        raise UserError(
            f"{files.join(folder, CONFIG_NAME)}: is not the config that the weights were trained with, as {path} says: "
            f"{'; '.join(wrong)}; put that back"
        )
