"""Checkpoints of a run as Hugging Face directories, each written by export_hf in a process of its own."""

import os
from collections.abc import Callable

from electra_pretrain.core import files
from electra_pretrain.evaluation.cells import IMPORTED_STEP, RANDOM_STEP, folder_name, found_steps, shown_step
from electra_pretrain.execution.child import last_line, run_logged

EXPORT = "electra_pretrain.export_hf"
_FOLDER = "exports"
NETWORKS = ("discriminator", "masked_lm")  # the one that is fine-tuned, whichever a run has
# The run may still be training: leave the accelerator, whose memory TensorFlow would take, to it.
_ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "-1"}


def exported_steps(output: str) -> list[int]:
    """List the steps of which an evaluation's folder holds exports."""
    return found_steps(os.path.join(output, _FOLDER))


class Vanished(Exception):
    """The run removed the checkpoint (`training.keep_checkpoint_max`) before it was exported."""


class Failed(Exception):
    """The export ended with an error: the message says where its log is."""


class Exports:
    """The exported networks of a run, each in a folder called as its cells'.

    Args:
        model_dir: the run's folder; it is only read.
        output: folder of the evaluation, a local one.
        is_there: whether the run still has the checkpoint of a step.
    """

    def __init__(self, model_dir: str, output: str, is_there: Callable[[int], bool]) -> None:
        self._model_dir, self._is_there = model_dir, is_there
        self.folder = os.path.join(os.path.abspath(output), _FOLDER)  # finetune notes what it is given
        files.make_dirs(self.folder)
        files.remove_temporaries(self.folder, r"step-\d+")

    def steps(self) -> list[int]:
        """List the steps that are exported already."""
        return found_steps(self.folder)

    def export(self, step: int) -> str:
        """Return the directory of a step's network, exported now unless it was before.

        Raises:
            Vanished: the checkpoint is gone.
            Failed: it could not be exported.
        """
        target = os.path.join(self.folder, folder_name(step))
        if os.path.isdir(target):
            return target
        log, temporary = f"{target}.log", files.temporary_name(target)
        which = ["--random"] if step == RANDOM_STEP else ["--step", str(_checkpoint_of(step))]
        try:
            code = run_logged(EXPORT, ["--model_dir", self._model_dir, "--output", temporary, *which], log, _ENVIRONMENT)
            if code and step != RANDOM_STEP and not self._is_there(_checkpoint_of(step)):
                raise Vanished(
                    f"the run removed the checkpoint of step {shown_step(step)} before it was exported; it is left out"
                )
            if code:
                raise Failed(f"step {shown_step(step)}: export_hf ended with code {code}: {last_line(log)} (see {log})")
            network = next(name for name in NETWORKS if os.path.isdir(os.path.join(temporary, name)))
            os.replace(os.path.join(temporary, network), target)
            os.remove(log)
        finally:
            files.remove(temporary)
        return target

    def remove(self, step: int) -> None:
        files.remove(os.path.join(self.folder, folder_name(step)))


def _checkpoint_of(step: int) -> int:
    return 0 if step == IMPORTED_STEP else step
