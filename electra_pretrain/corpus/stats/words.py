"""What the JSON object of a corpus says, in words and tables for a person, the same on a terminal and in a page."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from electra_pretrain.corpus.stats.encodings import CP949, MIXED, UTF_8, UTF_16
from electra_pretrain.corpus.stats.kinds import LANGUAGE_SHARE
from electra_pretrain.corpus.stats.report import TOKENS_PER_CHARACTER
from electra_pretrain.corpus.stats.worst import MIN_RUN, MIN_VISIBLE
from electra_pretrain.plot.corpus_page import Bars, CorpusFacts, Section

_MAX_FILES = 20
_SHOWN = 100  # characters of a line
_SCRIPTS = {
    "hangul": "Hangul", "latin": "Latin", "hanja": "Hanja", "kana": "kana", "digit": "digits", "sign": "signs",
    "emoji": "emoji", "other": "others",
}  # fmt: skip
_ODD = {
    "not_nfc": "not in Unicode's form NFC",
    "replacement": "U+FFFD, or bytes that are none of the encoding",
    "control": "control characters",
    "invisible": "invisible characters (zero-width, soft hyphens, what joins emoji)",
    "private": "characters of private use",
    "mojibake": "perhaps Hangul decoded wrongly (ì•ˆë…•, ¾È³çÇÏ)",
}
_WORST = {
    "longest": ("Longest lines", "characters", "{:,.0f}"),
    "least_hangul": (f"Least Hangul, of lines of at least {MIN_VISIBLE} visible characters", "Hangul", "{:.0f}%"),
    "longest_run": (f"One character again and again, at least {MIN_RUN} times", "times", "{:,.0f}"),
    "undecodable": ("Undecodable lines", "U+FFFD", "{:,.0f}"),
}
_ADVICE = {
    CP949: "read CP949 with clean_corpus --encoding cp949, such files alone",
    UTF_16: "UTF-16 was not read; convert it: iconv -f utf-16 -t utf-8 FILE > NEW_FILE",
    MIXED: "what is mixed or damaged was read as most of its beginning is; clean_corpus --on_bad_bytes skip|replace reads it",
}


def facts(corpus: str, report: dict[str, Any]) -> CorpusFacts:
    """Put the numbers of `report.report` into words; `corpus` is what the user called it."""
    return CorpusFacts(
        corpus=corpus,
        sections=[*_sections(report)],
        lengths=[
            _bars("Documents by length", "documents", report["document_lengths"]),
            _bars("Lines by length", "lines", report["line_lengths"]),
        ],
    )


def printable(text: str) -> str:
    """Cut a line to what is shown, and write what a terminal would obey or swallow as an escape."""
    cut = text[:_SHOWN] + ("…" if len(text) > _SHOWN else "")
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in cut)


def _sections(report: dict[str, Any]) -> Iterator[Section]:
    yield Section("", [], [*_sizes(report)])
    yield _lengths(report)
    yield Section(
        "Characters", ["", "of the visible"], [[_SCRIPTS[key], f"{share:.2%}"] for key, share in report["scripts"].items()]
    )
    yield Section(
        "Lines by script",
        ["", "lines", "share"],
        [[name, f"{lines:,}", f"{lines / report['lines']:.2%}"] for name, lines in report["languages"].items()],
        f"Told by the script of a line's letters alone ({LANGUAGE_SHARE:.0%} of them or more); no language is recognised.",
    )
    if report["frequent_lines"]:
        rows = [[("" if x["exact"] else "≥ ") + f"{x['times']:,}", printable(x["text"])] for x in report["frequent_lines"]]
        yield Section("Most frequent lines", ["times", ""], rows)
    yield _encodings(report)
    odd = [[words, f"{report['odd'][key]['lines']:,}"] for key, words in _ODD.items() if report["odd"][key]["lines"]]
    if odd:
        yield Section("What is odd", ["", "lines"], odd)
    for kind, (title, head, form) in _WORST.items():
        rows = [[form.format(x["number"]), f"{x['path']}:{x['line']}", printable(x["text"])] for x in report["worst"][kind]]
        if rows:
            yield Section(title, [head, "where", ""], rows)


def _sizes(report: dict[str, Any]) -> Iterator[list[str]]:
    yield ["files", f"{report['files']:,}, {report['bytes'] / 1e6:,.1f} MB as stored"]
    yield ["documents", f"{report['documents']:,}"]
    yield ["lines", f"{report['lines']:,}, empty ones not counted"]
    yield ["characters", f"{report['characters']:,}, of which {report['visible_characters']:,} are visible"]
    for unit in ("lines", "documents"):
        repeated = report["repeated"][unit]
        how = "" if repeated["exact"] else f", ± {repeated['error']:.2%}: estimated from a sample of their hashes"
        yield [f"repeated {unit}", f"{repeated['share']:.2%} (an equal one stands before){how}"]
    least, most = TOKENS_PER_CHARACTER
    for length, (low, high) in report["padding"].items():
        yield [
            f"padding at {length}",
            f"{low:.0%} to {high:.0%} of rows of {length} tokens, if {least} to {most} tokens are a visible character",
        ]


def _lengths(report: dict[str, Any]) -> Section:
    rows = [
        [
            unit,
            f"{lengths['mean']:,.1f}",
            *(f"{lengths['quantiles'][share]:,}" for share in ("0.05", "0.5", "0.95", "0.99")),
            f"{lengths['longest']:,}",
        ]
        for unit, lengths in (("document", report["document_lengths"]), ("line", report["line_lengths"]))
    ]
    return Section("Lengths in characters", ["", "mean", "5%", "median", "95%", "99%", "longest"], rows)


def _encodings(report: dict[str, Any]) -> Section:
    """Count files by encoding, and name those that are not simply UTF-8."""
    files = report["encodings"]
    counts = Counter(file["encoding"] for file in files)
    rows = [[name, f"{count:,} files", ""] for name, count in sorted(counts.items())]
    notable = [file for file in files if file["encoding"] != UTF_8 or file["bad_lines"]]
    rows += [[file["encoding"], file["path"], f"{file['bad_lines']:,} of {file['lines']:,}"] for file in notable[:_MAX_FILES]]
    if len(notable) > _MAX_FILES:
        rows.append(["", f"and {len(notable) - _MAX_FILES:,} more files", ""])
    advice = "; ".join(words for name, words in _ADVICE.items() if counts[name])
    return Section("Encodings", ["", "", "lines of another"], rows, advice and advice[0].upper() + advice[1:] + ".")


def _bars(title: str, unit: str, lengths: dict[str, Any]) -> Bars:
    edges, heights = zip(*lengths["histogram"], strict=True)
    return Bars(title, unit, list(edges), list(heights))
