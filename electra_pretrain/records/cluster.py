"""The first step of a build on a cluster, where no one machine sees the whole text: workers read it themselves, a file each.

The blocks are those of a build on one machine (`corpus.partition`). A worker makes the blocks that begin in its file on its own
disk and merges them into one: a shard then looks into as many block files as there are files of text, not blocks.
"""

import tempfile

from electra_pretrain.core import files
from electra_pretrain.corpus.blocks import RECORDS_BLOCK_CHARACTERS, TextBlock, text_key
from electra_pretrain.corpus.partition import FileBlocks, measure, plan
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.execution.processes import Runner, map_tasks
from electra_pretrain.execution.resume import Marker, Source
from electra_pretrain.records.block_file import merge_blocks
from electra_pretrain.records.blocks import BlockResult, BuildWork, build_block, total
from electra_pretrain.records.rows import SPLITS


def build_files(corpus: Corpus, work: BuildWork, run: Runner) -> tuple[list[Source], list[BlockResult]]:
    """Build all blocks, merged file by file; return the corpus's sources and what came of each file, in order."""
    measured = measure(corpus, run)
    key = text_key(file.source["sha256"] for file in measured)
    work = _with_shared_vocabulary(work)
    plans = plan(corpus, measured, RECORDS_BLOCK_CHARACTERS)
    tasks = [(number, blocks, key, work) for number, blocks in enumerate(plans)]
    return [file.source for file in measured], map_tasks(run, "tokenise", build_file, tasks, "files")


def build_file(number: int, task: FileBlocks, key: str, work: BuildWork) -> BlockResult:
    """Build the blocks that begin in a file, merge them into one, and leave a marker.

    Args:
        number: of the task, and of the one block that its blocks are merged into.
        task: the blocks.
        key: of the text of all files.
        work: what every worker needs to know.
    """
    marker = Marker(files.join(work.work_dir, f"file-{number:06d}.json"), key)
    if (saved := BlockResult.saved(marker)) is not None:
        return saved
    marker.remove()
    with tempfile.TemporaryDirectory() as folder:
        own = work._replace(work_dir=folder)
        results = [
            build_block(TextBlock.of_documents(block, key, [document.sentences for document in documents]), own)
            for block, documents in task.blocks()
        ]
        for split in SPLITS:
            merge_blocks([own.block_path(split, block) for block in task.numbers], work.block_path(split, number))
    result = total(results)
    marker.save(result.to_json())
    return result


def _with_shared_vocabulary(work: BuildWork) -> BuildWork:
    """Put the vocabulary where every machine finds it."""
    path = files.join(work.work_dir, "vocabulary")
    files.write_bytes(path, files.read_bytes(work.vocab_path))
    return work._replace(vocab_path=path)
