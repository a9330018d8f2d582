"""The whole road in a few minutes on a laptop: vocabulary, records, a tiny pretraining, export, and a look at the result.

    python -m electra_pretrain.quickstart --output quickstart-output

Every stage is one of the package's commands and is printed before it runs. Killed and run again, it goes on.
"""  # fmt: skip

import argparse
import importlib.util
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from electra_pretrain import build_data, export_hf, run_pretraining, train_vocab
from electra_pretrain.cli.arguments import add_config, command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.config.load import load_config
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files, tensorflow_startup
from electra_pretrain.core.batch import SPECIAL_TOKENS
from electra_pretrain.core.progress import duration
from electra_pretrain.tokenization.tokenizer import Tokenizer, load_tokenizer


class Swap(NamedTuple):
    """A sentence, and what one of its words is swapped for."""

    sentence: str
    word: str
    swapped: str


SWAPS = (
    Swap("냄비에 물을 붓고 중간 불에서 10분 동안 끓입니다.", "끓입니다", "제정합니다"),
    Swap("이 조례는 공포한 날부터 시행한다.", "시행한다", "맛있다"),
    Swap("시청 관계자는 다음 달까지 공사를 마칠 계획이라고 밝혔다.", "밝혔다", "고양이"),
    Swap("배우 연기가 진짜 미쳤음 ㅋㅋㅋ 또 보고 싶다", "연기가", "제3조가"),
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("quickstart", __doc__)
    parser.add_argument(
        "--output", default="quickstart-output", metavar="DIR", help="folder for all that is made (default %(default)s)"
    )
    add_config(parser, default="tiny.json")
    parser.add_argument("--corpus", metavar="GLOB[,GLOB…]", help="default: the sample corpus that ships with the package")
    return parser.parse_args(argv)


def quickstart(args: argparse.Namespace) -> None:
    began = time.monotonic()
    config = load_config(args.config, args.set)
    corpus = args.corpus or str(Path(__file__).parent / "sample_corpus" / "*.txt")
    vocab, data, run, exported = (files.join(args.output, name) for name in ("vocab.txt", "data", "run", "exported"))
    if not files.exists(vocab):
        _stage("train_vocab", train_vocab, ["--corpus", corpus, "--output", vocab, *vocab_options(config.data.vocab_size)])
    length = str(config.data.max_seq_length)
    _stage(
        "build_data",
        build_data,
        [
            "--corpus",
            corpus,
            "--vocab",
            vocab,
            "--output",
            data,
            "--max_seq_length",
            length,
            "--heldout_fraction",
            "0.05",
        ],
    )
    overrides = [part for override in args.set for part in ("--set", override)]
    _stage("run_pretraining", run_pretraining, ["--config", args.config, "--data", data, "--model_dir", run, *overrides])
    print(f"\n$ python -m electra_pretrain.export_hf --model_dir {run} --output {exported}", flush=True)
    discriminator = export_hf.export_hf(run, exported)[0]
    print(f"{exported}: discriminator/ and generator/, for transformers' from_pretrained")
    tokenizer = load_tokenizer(vocab, config.data.do_lower_case)
    show_detection(Detector(run, config), tokenizer, discriminator)
    print(f"\nquickstart: done in {duration(time.monotonic() - began)}; next: your own corpus, see the README")


def vocab_options(vocab_size: int) -> list[str]:
    """Options of train_vocab that fit a small vocabulary."""
    unused = min(100, vocab_size // 10)
    # A character may take two places: at a word's start, and within a word.
    alphabet = min(6000, (vocab_size - unused) // 2 - len(SPECIAL_TOKENS))
    return ["--vocab_size", str(vocab_size), "--unused", str(unused), "--limit_alphabet", str(alphabet)]


class Detector:
    """The newest checkpoint's discriminator, in TensorFlow."""

    def __init__(self, model_dir: str, config: Config) -> None:
        from electra_pretrain.checkpoint import bundle, listing
        from electra_pretrain.model.electra import Electra

        self._model, self._length = Electra(config), config.data.max_seq_length
        values = bundle.read(listing.find(model_dir))
        for name, variable in self._model.named_variables().items():
            variable.assign(values[name])

    def logits(self, ids: list[int]) -> np.ndarray:
        """float32 [S] for one sentence's ids, special tokens included."""
        import tensorflow as tf

        # All sentences of one length, so that elementwise work is compiled once.
        padding = [0] * (self._length - len(ids))
        input_ids, input_mask = (tf.constant([[*values, *padding]], tf.int32) for values in (ids, [1] * len(ids)))
        logits = self._model.discriminator_logits(input_ids, input_mask, tf.zeros_like(input_ids), None)
        return np.asarray(logits.numpy()[0, : len(ids)])


def show_detection(detector: Detector, tokenizer: Tokenizer, exported: str) -> None:
    """Print what the discriminator makes of sentences with one word swapped, beside the truth."""
    print("\nOne word of each sentence was swapped. P is the discriminator's probability that a token was replaced.")
    hugging_face = _load_with_transformers(exported)
    largest = 0.0
    for swap in SWAPS:
        ids, truth = swapped_ids(swap, tokenizer)
        logits = detector.logits(ids)
        largest = max(largest, float(np.abs(hugging_face(ids) - logits).max()) if hugging_face else 0.0)
        _show_one(swap, [tokenizer.tokens[index] for index in ids], truth, 1 / (1 + np.exp(-logits)))
    if hugging_face:
        print(f"\ntransformers loads the export; its logits differ from ours by {largest:.1e} at most")
    else:
        print("\ntransformers and torch are not installed here: the export was not loaded with them")


def swapped_ids(swap: Swap, tokenizer: Tokenizer) -> tuple[list[int], list[bool]]:
    """Ids of the swapped sentence with its special tokens, and which of them belong to the swapped word."""
    before, after = swap.sentence.split(swap.word, 1)
    parts = [tokenizer.encode_lines([text])[0].tolist() for text in (before, swap.swapped, after)]
    ids = [tokenizer.special_ids.cls, *(index for part in parts for index in part), tokenizer.special_ids.sep]
    start = 1 + len(parts[0])
    return ids, [start <= place < start + len(parts[1]) for place in range(len(ids))]


def _show_one(swap: Swap, tokens: list[str], truth: list[bool], probability: np.ndarray) -> None:
    print(f"\n{swap.sentence.replace(swap.word, swap.swapped, 1)}   (was: {swap.word})")
    print(f"  {'token':<14}{'P':>6}  {'discriminator':<14}truth")
    for token, replaced, p in zip(tokens[1:-1], truth[1:-1], probability[1:-1], strict=True):
        print(f"  {token:<14}{p:6.2f}  {'replaced' if p > 0.5 else 'original':<14}{'replaced' if replaced else 'original'}")
    inner = probability[1:-1]
    suspect = int(inner.argmax()) + 1
    print(f"  most suspicious: {tokens[suspect]} ({'right' if truth[suspect] else 'wrong'})")


def _load_with_transformers(folder: str) -> Any:
    """A function from ids to logits by `transformers`, or None if it or torch is not installed."""
    if any(importlib.util.find_spec(name) is None for name in ("transformers", "torch")):
        return None
    import torch
    from transformers import AutoModelForPreTraining, AutoTokenizer, logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    AutoTokenizer.from_pretrained(folder)
    model = AutoModelForPreTraining.from_pretrained(folder).eval()

    def logits(ids: list[int]) -> np.ndarray:
        with torch.no_grad():
            return np.asarray(model(input_ids=torch.tensor([ids])).logits[0].numpy())

    return logits


def _stage(name: str, command: Any, arguments: list[str]) -> None:
    """Print a command as a user would type it, and run it."""
    quoted = [f"'{part}'" if "*" in part else part for part in arguments]
    print(f"\n$ python -m electra_pretrain.{name} {' '.join(quoted)}", flush=True)
    getattr(command, name)(command.parse_args(arguments))


def main() -> None:
    def command(args: argparse.Namespace) -> None:
        tensorflow_startup.import_tensorflow()
        quickstart(args)

    run_command("quickstart", parse_args, command)


if __name__ == "__main__":
    main()
