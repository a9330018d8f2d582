"""What a pretraining run's folder tells, finished or still going: its metrics, its config, how far it is to go."""

from electra_pretrain.checkpoint.imported import load_import
from electra_pretrain.checkpoint.listing import check_has, check_is_folder
from electra_pretrain.config.load import CONFIG_NAME, load_config
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.plot.curves import Run, labels, metric_names
from electra_pretrain.train.metrics_log import METRICS_NAME, read_rows


def load_runs(folders: list[str]) -> list[Run]:
    """Read the metrics and configs of runs that are drawn together.

    Raises:
        UserError: a folder holds no metrics, or is given twice.
    """
    return [_load_run(folder, label) for folder, label in zip(folders, labels(folders), strict=True)]


def origin(folder: str) -> str:
    """Name the weights that a run began with; "" for random ones; raises as `last_step`."""
    imported = load_import(folder)
    return imported.origin if imported else _config_of_run(folder).training.init_from


def last_step(folder: str) -> int:
    """Return the step at which a run ends.

    Raises:
        UserError: the folder is not that of a run.
    """
    return _config_of_run(folder).training.num_train_steps


def _config_of_run(folder: str) -> Config:
    path = files.join(folder, CONFIG_NAME)
    check_has(folder, CONFIG_NAME)
    return load_config(path)


def _load_run(folder: str, label: str) -> Run:
    path = files.join(folder, METRICS_NAME)
    if not files.exists(path):
        check_is_folder(folder)
        raise UserError(f"{path}: no such file; {folder} is not the --model_dir of a run, or the run has only begun")
    rows = read_rows(folder)
    if not metric_names(rows):
        raise UserError(f"{path}: holds no metrics yet; they come with the run's first training.iterations_per_loop steps")
    return Run(label, rows, _config(folder))


def _config(folder: str) -> Config | None:
    """Read the run's config; a run of another version, whose config this one cannot read, is drawn all the same."""
    path = files.join(folder, CONFIG_NAME)
    try:
        return load_config(path) if files.exists(path) else None
    except UserError:
        return None
