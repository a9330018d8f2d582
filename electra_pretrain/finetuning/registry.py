"""All tasks, and their files in a folder."""

import logging

from electra_pretrain.core import compression, files
from electra_pretrain.core.errors import UserError, first_of, nearest
from electra_pretrain.finetuning.examples import Example
from electra_pretrain.finetuning.readers.rows import Unlabelled
from electra_pretrain.finetuning.readers.text import ENCODING
from electra_pretrain.finetuning.task import Task
from electra_pretrain.finetuning.tasks import (
    bq,
    chnsenticorp,
    cmrc2018,
    drcd,
    hate_speech,
    klue_mrc,
    klue_ner,
    klue_nli,
    klue_sts,
    klue_ynat,
    kornli,
    korquad,
    korsts,
    lcqmc,
    naver_ner,
    nsmc,
    paws_x,
    question_pair,
    xnli,
)

_KOREAN = (nsmc, naver_ner, paws_x, kornli, korsts, question_pair, korquad, hate_speech)  # in the published table's order
_KLUE = (klue_ynat, klue_sts, klue_nli, klue_ner, klue_mrc)
_CHINESE = (cmrc2018, drcd, xnli, chnsenticorp, lcqmc, bq)
TASKS: dict[str, Task] = {module.TASK.name: module.TASK for module in (*_KOREAN, *_KLUE, *_CHINESE)}

_log = logging.getLogger(__name__)
_SUFFIXES = ("", *compression.SUFFIXES)
_SHOWN = 12  # names of what a folder holds, in a message


def find_task(name: str, option: str = "--task") -> Task:
    """Find the task of that name, which `option` gave.

    Raises:
        UserError: there is none.
    """
    if name not in TASKS:
        raise UserError(f"{option} {name}: no such task; {nearest(name, list(TASKS))}")
    return TASKS[name]


def find_split(task: Task, folder: str, split: str) -> str | None:
    """Find a split's file, the first of the names it may have; None where the folder has none.

    Raises:
        UserError: there is no such folder, or the task has no such split.
    """
    if split not in task.files:
        raise UserError(f"{task.name} has no split {split}; it has {', '.join(task.files)}")
    if not files.is_dir(folder):
        raise UserError(f"{folder}: no such folder; name the one that the files of {task.name} are in")
    return next((path for name in task.files[split] if (path := _stored(files.join(folder, name)))), None)


def split_paths(task: Task, folder: str, split: str) -> list[str]:
    """Find all files that a split is made of, in the order in which they are read.

    Raises:
        UserError: the folder has no such split; what was looked for is named, and what the folder holds instead.
    """
    first = find_split(task, folder, split)
    if first is None:
        others = _scorable(task, folder, split)
        scored = f"; --split {' or '.join(others)} scores what lies there" if others else ""
        raise UserError(
            f"{folder}: no {split} split of {task.name}; none of {', '.join(task.files[split])} is there, plain or compressed, "
            f"but {_content(folder)}; fetch it, or name another folder{scored}"
        )
    further = [_stored(files.join(first.rpartition("/")[0], name)) for name in task.further_files.get(split, ())]
    return [first, *(path for path in further if path)]


def read_split(task: Task, folder: str, split: str, encoding: str = ENCODING) -> list[Example]:
    """Read a split's examples, of files in that encoding.

    Raises:
        UserError: the folder has no such split, or a file of it is not as its publisher ships it, or holds no labels; then
            the message names the splits of the folder that may be scored instead.
    """
    paths = split_paths(task, folder, split)
    for name in task.further_files.get(split, ()):
        if not any(name in path for path in paths):
            _log.warning(f"{task.name} {split}: {', '.join(paths)} alone, as {name} is not beside it")
    try:
        examples = [example for path in paths for example in task.read(path, encoding)]
    except Unlabelled as error:
        raise UserError(f"{error}; {_instead(task, folder, split)}") from error
    if not examples:
        raise UserError(f"{', '.join(paths)}: holds no examples; fetch it again")
    return examples


def _instead(task: Task, folder: str, split: str) -> str:
    """Say what to do about a split without labels."""
    others = _scorable(task, folder, split)
    if not others:
        return "fetch a file that has them"
    return f"--split {' or '.join(others)} scores what lies beside it"


def _scorable(task: Task, folder: str, split: str) -> list[str]:
    """List the splits of a folder that may be scored in place of another; the training set never is."""
    if split == "train":
        return []
    return [name for name in task.files if name not in ("train", split) and find_split(task, folder, name)]


def _stored(path: str) -> str | None:
    """Return the path of the file as it lies there, plain or compressed."""
    return next((path + suffix for suffix in _SUFFIXES if files.exists(path + suffix)), None)


def _content(folder: str) -> str:
    names = files.list_dir(folder)
    if not names:
        return "the folder is empty"
    return f"the folder holds {first_of(names, _SHOWN)}"
