"""Measure dedup_corpus on made-up lines, one in five of them a repetition: lines a second, memory of all processes, disk.

    python scripts/bench_dedup.py --folder /tmp/bench --millions 50 --memory_gb 4 --num_processes 2

The text that stays is compared with what must stay, line by line. Linux only: memory is read from /proc.
"""  # fmt: skip

import argparse
import fileinput
import itertools
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

LINES_A_DOCUMENT = 100


def lines(count: int) -> Iterator[str]:
    """Every fifth line repeats an earlier one, which may be anywhere before it."""
    for number in range(count):
        source = number * 2654435761 % number // 5 * 5 if number % 5 == 4 else number
        yield f"{source % 977} 번째 댓글 {source:x} 재밌어요\n"


def write_corpus(path: Path, count: int) -> None:
    source = lines(count)
    with open(path, "w", encoding="utf-8") as file:
        while document := list(itertools.islice(source, LINES_A_DOCUMENT)):
            file.writelines([*document, "\n"])


def memory_of_tree(pid: int) -> int:
    """Resident bytes of a process and its descendants; pages that they share are counted for each."""
    total = 0
    children: dict[int, list[tuple[int, str]]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        except OSError:  # it has just ended
            continue
        children.setdefault(int(fields["PPid"]), []).append((int(folder.name), fields.get("VmRSS", "0 kB")))
        if int(folder.name) == pid:
            total += int(fields.get("VmRSS", "0 kB").split()[0])
    waiting = [pid]
    while waiting:
        for child, resident in children.get(waiting.pop(), []):
            total += int(resident.split()[0])
            waiting.append(child)
    return total * 1024


def bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_blocks * 512
        except OSError:  # it has just been moved
            continue
    return total


class Watch(threading.Thread):
    """Notes the largest memory and disk while a command runs."""

    def __init__(self, pid: int, folder: Path) -> None:
        super().__init__(daemon=True)
        self._pid, self._folder = pid, folder
        self.memory = self.disk = 0

    def run(self) -> None:
        while memory := memory_of_tree(self._pid):
            self.memory, self.disk = max(self.memory, memory), max(self.disk, bytes_in(self._folder))
            time.sleep(0.2)


def check(output: Path, count: int) -> None:
    """Check that every line stays that is not a fifth one, in order."""
    wanted = (line for number, line in enumerate(lines(count)) if number % 5 != 4)
    with fileinput.input(sorted(output.glob("part-*.txt")), encoding="utf-8") as text:
        kept = (line for line in text if line != "\n")
        assert all(one == other for one, other in itertools.zip_longest(kept, wanted)), "the wrong lines stay"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="for the corpus and the output; both stay")
    parser.add_argument("--millions", type=float, default=10, help="lines (default %(default)s million)")
    parser.add_argument("--memory_gb", default="4")
    parser.add_argument("--num_processes", default="2")
    args = parser.parse_args()
    corpus, output = args.folder / "corpus.txt", args.folder / "output"
    args.folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(output, ignore_errors=True)
    count = int(args.millions * 1e6)
    write_corpus(corpus, count)
    size = os.path.getsize(corpus)
    command = [sys.executable, "-m", "electra_pretrain.dedup_corpus", "--by", "line", "--corpus", str(corpus)]
    command += ["--output", str(output), "--memory_gb", args.memory_gb, "--num_processes", args.num_processes]
    started = time.monotonic()
    process = subprocess.Popen(command)
    watch = Watch(process.pid, output)
    watch.start()
    code = process.wait()
    seconds = time.monotonic() - started
    assert code == 0, f"dedup_corpus ended with {code}"
    check(output, count)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{count:,} lines, {size / 1e9:.2f} GB: {seconds:.0f} s, {count / seconds:,.0f} lines/s, "
        f"{used.ru_utime + used.ru_stime:.0f} s of processor time; "
        f"memory {watch.memory / 1e9:.2f} GB, disk at most {watch.disk / 1e9:.2f} GB (output included)"
    )


if __name__ == "__main__":
    main()
