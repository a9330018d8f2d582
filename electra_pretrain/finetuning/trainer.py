"""Hugging Face's Trainer with our optimiser's groups, order of examples, checkpoints and progress; imports torch."""

import contextlib
import logging
import math
import os
import platform
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from electra_pretrain.core.progress import Progress
from electra_pretrain.finetuning import checkpoints
from electra_pretrain.finetuning.batches import LengthGroupedSampler
from electra_pretrain.finetuning.config import FinetuneConfig
from electra_pretrain.finetuning.layer_rates import parameter_groups

_log = logging.getLogger(__name__)

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
LOOKS = 100  # so many times in a training the loss is shown
# Share of the steps after which the loss, a mean over the second half of these, must lie below this share of that of guessing.
STUCK_AFTER, STUCK_LOSS = 1 / 3, 0.98


def precision(asked: str) -> str:
    """Resolve "auto" on this machine: bfloat16 on GPUs that compute in it, float16 on older ones, else float32."""
    if asked != "auto":
        return asked
    if not torch.cuda.is_available():
        return "float32"
    return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"


def in_words(device: Any) -> str:
    """Name the device that torch computes on."""
    if device.type == "cuda":
        return f"1 x {torch.cuda.get_device_name(device)}"
    return f"CPU ({platform.machine()}, {os.cpu_count()} cores)" if device.type == "cpu" else str(device.type).upper()


def autocast(model: Any, dtype: str) -> Any:
    """Return the context in which a model is run outside of training."""
    if dtype == "float32":
        return contextlib.nullcontext()
    return torch.autocast(model.device.type, dtype=getattr(torch, dtype))


class FineTuner(Trainer):
    """The Trainer; `look` scores the dev examples, and its result decides which checkpoint is the best."""

    optimizer: Any
    control: Any

    def __init__(
        self, config: FinetuneConfig, sampler: LengthGroupedSampler, look: Callable[[Any], float] | None, **arguments: Any
    ) -> None:
        self._config, self._sampler, self._look = config, sampler, look
        super().__init__(**arguments)
        self.remove_callback(PrinterCallback)

    def create_optimizer(self, model: Any = None) -> Any:
        if self.optimizer is None:
            wanted, own = self._config, self.model if model is None else model
            trained = [(name, parameter) for name, parameter in own.named_parameters() if parameter.requires_grad]
            groups = parameter_groups(
                trained, own.config.num_hidden_layers, wanted.learning_rate, wanted.layerwise_lr_decay, wanted.weight_decay
            )
            self.optimizer = torch.optim.AdamW(groups, lr=wanted.learning_rate, eps=wanted.adam_epsilon)
        return self.optimizer

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return self._sampler

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        assert self._look is not None
        metrics = {"eval_score": self._look(self.model)}
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _save_checkpoint(self, *arguments: Any, **named: Any) -> None:
        super()._save_checkpoint(*arguments, **named)
        # In this order, and not by the Trainer's own limit: until the new one is sealed, the old ones are needed.
        checkpoints.seal(os.path.join(self.args.output_dir, f"checkpoint-{self.state.global_step}"))
        checkpoints.prune(self.args.output_dir, self.state.best_model_checkpoint)


def arguments(folder: str, config: FinetuneConfig, num_steps: int, seed: int, select_best: bool, dtype: str) -> Any:
    """Make the Trainer's arguments; checkpoints go to `folder`."""
    made = TrainingArguments(
        output_dir=folder,
        per_device_train_batch_size=config.train_batch_size // config.gradient_accumulation_steps,
        gradient_accumulation_steps=config.gradient_accumulation_steps,
        max_steps=num_steps,
        learning_rate=config.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=math.ceil(num_steps * config.warmup_proportion),
        max_grad_norm=config.max_grad_norm,
        bf16=dtype == "bfloat16",
        fp16=dtype == "float16",
        seed=seed,
        logging_strategy="steps",
        logging_steps=max(1, num_steps // LOOKS),
        save_strategy="steps",
        save_steps=config.save_steps,
        eval_strategy="steps" if select_best else "no",
        eval_steps=config.save_steps,
        load_best_model_at_end=select_best,
        metric_for_best_model="score" if select_best else None,
        greater_is_better=True if select_best else None,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        report_to="none",
        disable_tqdm=True,
        use_cpu=dtype == "bfloat16" and not torch.cuda.is_available(),  # else it is refused there
    )
    if made.n_gpu > 1:
        made._n_gpu = 1  # several would multiply the batch
    return made


class Watcher(TrainerCallback):
    """Progress of a training, an early word if it is stuck, and its end when asked for.

    Attributes:
        stopped: whether training ended before its last step, on request.
        seconds: how long it has trained, looks at the dev examples not counted.

    Args:
        description: what is being done.
        loss_of_guessing: what the loss of a classifier that learns nothing comes to; None: not known.
        advice: what is said when it stays there.
        stop_requested: whether to stop.
    """

    def __init__(
        self, description: str, loss_of_guessing: float | None, advice: str, stop_requested: Callable[[], bool]
    ) -> None:
        self.stopped, self.seconds = False, 0.0
        self._description, self._guessing, self._advice = description, loss_of_guessing, advice
        self._stop_requested, self._note = stop_requested, ""
        self._progress: Progress | None = None
        self._losses: list[float] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._progress = Progress(self._description, state.max_steps, "steps", initial=state.global_step)
        self._progress.__enter__()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._began = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.seconds += time.monotonic() - self._began
        assert self._progress is not None
        self._progress.update(1, self._note)
        if state.global_step >= state.max_steps:
            control.should_evaluate = args.load_best_model_at_end
            control.should_save = True
        elif self._stop_requested():
            self.stopped = control.should_save = control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        if "loss" not in logs:
            return
        self._note = f"loss {logs['loss']:.4f}"
        if self._guessing is None or state.global_step < state.max_steps * STUCK_AFTER / 2:
            return
        self._losses.append(logs["loss"])
        if state.global_step >= state.max_steps * STUCK_AFTER:
            mean = sum(self._losses) / len(self._losses)
            if mean > STUCK_LOSS * self._guessing and self._progress is not None:
                _log.warning(
                    f"after {state.global_step:,} of {state.max_steps:,} steps the loss, {mean:.4f}, is still that of "
                    f"guessing, {self._guessing:.4f}; if it stays: {self._advice}"
                )
            self._guessing = None  # said once, or not at all

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Finish the bar, also where training failed."""
        if self._progress is not None:
            self._progress.__exit__(sys.exc_info()[0], None, None)
            self._progress = None
