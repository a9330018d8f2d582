"""Speed of reading each layout: MB of text a second, beside the same text as plain lines (`.txt.zst`), in one run.

    python scripts/bench_corpus.py --corpus 'corpus/*.txt' --megabytes 20

The text is written in every layout, compressed where it is handed out so. Three things are timed, by turns: documents as
`clean_corpus` reads them, blocks of bytes as `build_data` reads them, and a whole `build_data` with one process. The
ratios are of the best of all rounds.
"""  # fmt: skip

import argparse
import bz2
import gzip
import html
import io
import itertools
import json
import lzma
import os
import shutil
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from electra_pretrain.corpus.reader import Corpus

os.environ["TOKENIZERS_PARALLELISM"] = "false"
YARDSTICK = "text .zst"
LINES_PER_DOCUMENT = 24
LINES_PER_PARAGRAPH = 4

Documents = list[list[str]]  # of lines


class Sample(NamedTuple):
    """A file of the text in some layout."""

    name: str  # of the file
    content: bytes
    layout: str = "auto"
    text_field: str = "text"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True, metavar="GLOB[,GLOB…]", help="text to write in every layout")
    parser.add_argument("--megabytes", type=float, default=20, help="of that text (default %(default)s)")
    parser.add_argument("--vocab", default="reviews_32200", metavar="NAME|FILE", help="(default %(default)s, which ships)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", metavar="NAME[,NAME…]", help="these rows of the table, beside the yardstick")
    parser.add_argument("--no_build", action="store_true", help="time the readers alone")
    bench_corpus(parser.parse_args())


def bench_corpus(args: argparse.Namespace) -> None:
    from electra_pretrain.corpus.finding import find_corpus
    from electra_pretrain.corpus.reader import Corpus
    from electra_pretrain.corpus.reading import Reading
    from electra_pretrain.execution.processes import worker_pool
    from electra_pretrain.records.blocks import BuildSettings
    from electra_pretrain.records.build import build
    from electra_pretrain.tokenization.tokenizer import find_vocab

    documents = _documents(find_corpus(args.corpus), args.megabytes)
    megabytes = sum(len(line.encode()) + 1 for document in documents for line in document) / 1e6
    wanted = args.only.split(",") if args.only else None
    samples = {name: make() for name, make in _samples(documents).items() if not wanted or name in (YARDSTICK, *wanted)}
    vocab = find_vocab(args.vocab)
    rates: dict[str, list[float]] = {name: [0.0, 0.0, 0.0] for name in samples}
    with tempfile.TemporaryDirectory() as folder, worker_pool(1) as run:

        def corpus(sample: Sample) -> Corpus:
            path = os.path.join(folder, sample.name)
            if not os.path.exists(path):
                with open(path, "wb") as file:
                    file.write(sample.content)
            return Corpus([path], Reading(text_field=sample.text_field, layout=sample.layout))

        def whole(sample: Sample) -> None:
            shutil.rmtree(f"{folder}/records", ignore_errors=True)
            build(corpus(sample), vocab, False, f"{folder}/records", BuildSettings(), run)

        works: list[Callable[[Sample], None]] = [
            lambda sample: _exhaust(corpus(sample).documents()),
            lambda sample: _exhaust(_blocks(corpus(sample))),
            *([] if args.no_build else [whole]),
        ]
        for sample in samples.values():  # files are written, modules loaded
            _exhaust(itertools.islice(corpus(sample).documents(), 1))
        if not args.no_build:
            whole(samples[YARDSTICK])
        for _, (name, sample), (column, work) in itertools.product(range(args.rounds), samples.items(), enumerate(works)):
            began = time.perf_counter()
            work(sample)
            rates[name][column] = max(rates[name][column], megabytes / (time.perf_counter() - began))
    print(f"{megabytes:.1f} MB of text, {len(documents):,} documents; MB of text a second, and the share of {YARDSTICK}'s")
    print(f"{'':<22}{'documents':>20}{'blocks':>20}{'build_data':>20}")
    for name, found in rates.items():
        columns = zip(found, rates[YARDSTICK], strict=True)
        print(f"{name:<22}" + "".join(f"{rate:>12.1f}{rate / beside:>7.2f}x" if rate else "" for rate, beside in columns))


def _blocks(corpus: "Corpus") -> Iterator[object]:
    from electra_pretrain.corpus.blocks import RECORDS_BLOCK_CHARACTERS, BlockReader

    return BlockReader(corpus).blocks(RECORDS_BLOCK_CHARACTERS)


def _exhaust(items: Iterator[object]) -> None:
    for _ in items:
        pass


def _documents(paths: list[str], megabytes: float) -> Documents:
    """Take so much of the corpus's lines, in documents of equal numbers of lines, as articles have."""
    from electra_pretrain.corpus.reader import Corpus

    lines, size = list[str](), 0
    for line in itertools.chain.from_iterable(Corpus(paths).documents()):
        lines.append(line)
        size += len(line.encode()) + 1
        if size >= megabytes * 1e6:
            break
    return [lines[first : first + LINES_PER_DOCUMENT] for first in range(0, len(lines), LINES_PER_DOCUMENT)]


def _samples(documents: Documents) -> dict[str, Callable[[], Sample]]:
    import zstandard

    def lines(objects: Iterator[object]) -> bytes:
        return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in objects).encode()

    text = "\n\n".join("\n".join(document) for document in documents).encode() + b"\n"
    zst = zstandard.ZstdCompressor().compress
    texts = ["\n".join(document) for document in documents]
    titles = [f"글 {number}" for number in range(len(documents))]
    objects = [{"id": str(n), "title": title, "text": text} for n, (title, text) in enumerate(zip(titles, texts, strict=True))]
    flat = [line for document in documents for line in document]
    wiki = [{"namespace": "0", "title": each["title"], "text": _namu(each["text"]), "contributors": "a"} for each in objects]
    return {
        YARDSTICK: lambda: Sample("a.txt.zst", zst(text)),
        "text": lambda: Sample("b.txt", text),
        "text .gz": lambda: Sample("c.txt.gz", gzip.compress(text)),
        "text .xz": lambda: Sample("d.txt.xz", lzma.compress(text)),
        "text .bz2": lambda: Sample("e.txt.bz2", bz2.compress(text)),
        "text .zip": lambda: Sample("f.zip", _zip("a.txt", text)),
        "text .tar.gz": lambda: Sample("g.tar.gz", _tar("a.txt", text)),
        "jsonl": lambda: Sample("h.jsonl", lines(iter(objects))),
        "jsonl .zst": lambda: Sample("i.jsonl.zst", zst(lines(iter(objects)))),
        "json array": lambda: Sample("j.json", json.dumps(objects, ensure_ascii=False).encode()),
        "parquet": lambda: Sample("k.parquet", _parquet(texts)),
        "modu": lambda: Sample("l.json", _modu(documents)),
        "modu .zst": lambda: Sample("m.json.zst", zst(_modu(documents))),
        "modu by path": lambda: Sample("n.json", _modu(documents), "json", "document[].paragraph[].form"),
        "comments": lambda: Sample("o.txt", "\n".join(flat).encode(), "comments"),
        "wikitext": lambda: Sample("p.train", _wikitext(titles, documents)),
        "namuwiki": lambda: Sample("q.json", json.dumps(wiki, ensure_ascii=False).encode()),
        "wikipedia .xml.bz2": lambda: Sample("r.xml.bz2", bz2.compress(_dump(titles, texts))),
        "wikipedia <doc>": lambda: Sample("wiki_00", _extracted(titles, texts)),
    }


def _zip(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def _tar(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def _parquet(texts: list[str]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.table({"text": texts}), file)
    return file.getvalue()


def _modu(documents: Documents) -> bytes:
    def document(number: int, lines: list[str]) -> dict[str, object]:
        name = f"NWRW1800000001.{number}"
        forms = [" ".join(lines[first : first + LINES_PER_PARAGRAPH]) for first in range(0, len(lines), LINES_PER_PARAGRAPH)]
        metadata = {"title": "신문", "author": "기자", "publisher": "신문사", "date": "20180101", "topic": "사회"}
        paragraphs = [{"id": f"{name}.{index}", "form": form} for index, form in enumerate(forms, start=1)]
        return {"id": name, "metadata": metadata, "paragraph": paragraphs}

    found = [document(number, lines) for number, lines in enumerate(documents, start=1)]
    return json.dumps({"id": "NWRW1800000001", "metadata": {"title": "신문"}, "document": found}, ensure_ascii=False).encode()


def _wikitext(titles: list[str], documents: Documents) -> bytes:
    articles = (f" = {title} = \n\n" + "\n".join(lines) + "\n\n" for title, lines in zip(titles, documents, strict=True))
    return "".join(articles).encode()


def _marked_up(text: str, heading: str, link: str, bold: str) -> str:
    """Give text some markup: a heading, and in every fourth line a link and a word in bold."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        first, _, rest = line.partition(" ")
        if number % 4 == 1:
            lines[number] = f"[[{link}|{first}]] {rest}"
        elif number % 4 == 3:
            lines[number] = f"{bold}{first}{bold} {rest}"
    return "\n".join([heading, *lines])


def _namu(text: str) -> str:
    return _marked_up(text, "== 개요 ==", "문서", "'''")


def _dump(titles: list[str], texts: list[str]) -> bytes:
    pages = (
        f"<page><title>{title}</title><ns>0</ns><id>{number}</id><revision><id>{number}</id>"
        f'<text xml:space="preserve">{html.escape(_namu(text), quote=False)}</text></revision></page>\n'
        for number, (title, text) in enumerate(zip(titles, texts, strict=True), start=1)
    )
    start = '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="ko">\n'
    return (start + "".join(pages) + "</mediawiki>\n").encode()


def _extracted(titles: list[str], texts: list[str]) -> bytes:
    return "".join(
        f'<doc id="{number}" url="https://ko.wikipedia.org/wiki?curid={number}" title="{title}">\n{title}\n\n{text}\n\n</doc>\n'
        for number, (title, text) in enumerate(zip(titles, texts, strict=True), start=1)
    ).encode()


if __name__ == "__main__":
    main()
