"""What a command tells while it works: the standard library's logging, on standard error, in one format.

    run_pretraining: weights from runs/base_v3; moments and step begin anew
    run_pretraining: warning: data: the text is read 257 times; take more text, or fewer training.num_train_steps

Every module logs through `logging.getLogger(__name__)`: info for what a reader wants to follow, warning for what may go wrong,
debug for what `--verbose` adds. Results go to standard output, by `print`.
"""  # fmt: skip

import contextlib
import logging
import sys

from absl import logging as absl_logging

ROOT = "electra_pretrain"
_MAIN = "__main__"  # what a command's own module is called by `python -m`, and its logger with it
LONGEST_LINE = 1_000
QUIET, NORMAL, VERBOSE = logging.WARNING, logging.INFO, logging.DEBUG


class _Formatter(logging.Formatter):
    """The command's name first, and how grave it is from a warning on."""

    def __init__(self, command: str) -> None:
        super().__init__()
        self._command = command

    def format(self, record: logging.LogRecord) -> str:
        grave = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        return f"{self._command}: {grave}{in_one_line(record.getMessage())}"


class _Handler(logging.Handler):
    """Lines on standard error, whichever that is by now, without tearing a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        with contextlib.suppress(OSError):  # whoever listened has gone, or a log's disk is full: the work goes on
            if "tqdm" in sys.modules and sys.stderr.isatty():
                sys.modules["tqdm"].tqdm.write(line, file=sys.stderr)
            else:
                print(line, file=sys.stderr, flush=True)


def configure(command: str, level: int = NORMAL) -> None:
    """Let this process speak as `command`; call it again to change that.

    TensorFlow's Python code speaks through absl's logger, and is heard only with `VERBOSE`; so is what its C++ code says
    (core/tensorflow_startup.py).
    """
    handler = _Handler()
    handler.setFormatter(_Formatter(command))
    for name in (ROOT, _MAIN):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
    absl_logging.set_verbosity(absl_logging.INFO if level <= VERBOSE else absl_logging.ERROR)


def in_one_line(text: str) -> str:
    """Spell out what cannot be seen or breaks a line: a file or a key may be called so; what is too long for one is cut.

    The beginning says where and what, the end what to do; between them may stand a user's text of any length.
    """
    if len(text) > LONGEST_LINE:
        text = f"{text[: LONGEST_LINE * 3 // 4]} … {text[-LONGEST_LINE // 4 :]}"
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def speaker() -> tuple[str, int]:
    """Return what `configure` was last told, for a worker process to be told the same."""
    logger = logging.getLogger(ROOT)
    formatter = logger.handlers[0].formatter if logger.handlers else None
    command = formatter._command if isinstance(formatter, _Formatter) else ROOT
    return command, logger.getEffectiveLevel()


def is_quiet() -> bool:
    """Tell whether progress goes unsaid."""
    return not logging.getLogger(ROOT).isEnabledFor(NORMAL)


def is_verbose() -> bool:
    """Tell whether TensorFlow's own messages are wanted."""
    return logging.getLogger(ROOT).isEnabledFor(VERBOSE)
