"""Commands that write into a folder: the second one says who is there, before it has done or broken anything."""

import pytest

from electra_pretrain import build_data, clean_corpus, dedup_corpus, inspect_data, run_pretraining
from electra_pretrain.config.load import to_text
from electra_pretrain.core import files, locks
from electra_pretrain.core.errors import UserError
from tests.conftest import MICRO, SAMPLE_CORPUS

CORPUS = ["--corpus", f"{SAMPLE_CORPUS}/comments.txt", "--num_processes", "1"]


def commands(output, vocab, records, config):
    return {
        "build_data": (build_data.build_data, build_data.parse_args([*CORPUS, "--vocab", vocab, "--output", output])),
        "clean_corpus": (clean_corpus.clean_corpus, clean_corpus.parse_args([*CORPUS, "--output", output])),
        "dedup_corpus": (dedup_corpus.dedup_corpus, dedup_corpus.parse_args([*CORPUS, "--output", output, "--by", "line"])),
        "inspect_data": (inspect_data.inspect_data, inspect_data.parse_args([output, "--adopt", "--vocab", vocab])),
        "run_pretraining": (
            run_pretraining.run_pretraining,
            run_pretraining.parse_args(["--config", config, "--data", records, "--model_dir", output]),
        ),
    }


@pytest.mark.parametrize("name", ["build_data", "clean_corpus", "dedup_corpus", "inspect_data", "run_pretraining"])
def test_refused(name, tmp_path, vocab_path, records):
    output, config = str(tmp_path / "out"), tmp_path / "config.json"
    config.write_text(to_text(MICRO))
    command, args = commands(output, vocab_path, records, str(config))[name]
    with locks.held(output, "another"):
        with pytest.raises(UserError, match=f"{output}: in use by another, process"):
            command(args)
        assert files.list_dir(output) == []
