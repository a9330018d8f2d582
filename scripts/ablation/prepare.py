"""What all cells of a study read: the vocabulary and the records of each way, made once; a stopped build goes on."""

import os

from ablation.plan import Plan
from ablation.studies import AS_THEY_ARE, BASELINE
from electra_pretrain.core import files, locks
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.finding import find
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.execution.child import last_line, run_logged

LOG_NAME = "prepare.log"


def check_text(plan: Plan) -> None:
    """Refuse a plan that has nothing to train on, before anything is written.

    Raises:
        UserError: there is neither corpus nor records, or both, or records where the study needs several kinds of them.
    """
    kinds = len(plan.ways())
    if plan.data is not None and kinds > 1:
        raise UserError(f"--data {plan.data}: the study {plan.study} builds {kinds} kinds of records; give --corpus instead")
    if plan.data is not None and plan.corpus:
        raise UserError(f"--data {plan.data}: are records already; leave out --corpus, or --data")
    if plan.data is None and not plan.corpus:
        raise UserError(
            "--corpus: give the text that vocabulary and records are made from"
            + (", or records by --data" if kinds == 1 else "")
        )
    if plan.corpus:
        find(list(plan.corpus))


def prepare(plan: Plan) -> None:
    """Learn the vocabulary and build the records that are missing.

    Raises:
        UserError: a command failed.
    """
    if plan.data is not None:
        return
    with locks.held(plan.folder, "ablate's preparation"):
        if not files.exists(plan.vocab()):
            _learn_vocabulary(plan)
        for way in plan.ways():
            _build(plan, way, _text(plan))


def _learn_vocabulary(plan: Plan) -> None:
    size = plan.about.config_of(BASELINE, plan.more).data.vocab_size
    limit = ["--limit_alphabet", str(min(6000, size * 12 // 25))]  # 1,200 for the 2,500 tokens of tiny.json
    words = ["--corpus", *plan.corpus, "--output", plan.vocab(), "--vocab_size", str(size), "--unused", "0", *limit]
    _run(plan, "train_vocab", words)


def _build(plan: Plan, way: str, text: list[str]) -> None:
    output = plan.records(way)
    length = plan.about.config_of(BASELINE, plan.more).data.max_seq_length
    words = ["--corpus", *text, "--vocab", plan.vocab(), "--output", output, "--max_seq_length", str(length)]
    _run(plan, "build_data", [*words, *([] if way == "apart" else ["--short_documents", way])])


def _text(plan: Plan) -> list[str]:
    """Return the corpus whose documents are those of the study, written anew if each of its sentences is to be one."""
    if plan.about.documents == AS_THEY_ARE:
        return list(plan.corpus)
    path = os.path.join(plan.folder, "lines.txt")
    if not files.exists(path):
        sentences = (sentence for document in Corpus(find(list(plan.corpus))[0]).documents() for sentence in document)
        files.write_text(path, "\n\n".join(sentences) + "\n")
    return [path]


def _run(plan: Plan, command: str, words: list[str]) -> None:
    log = os.path.join(plan.folder, LOG_NAME)
    if code := run_logged(f"electra_pretrain.{command}", words, log):
        raise UserError(f"{command} ended with code {code}: {last_line(log)} (see {log})")
