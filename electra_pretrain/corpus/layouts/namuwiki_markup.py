r"""NamuWiki's markup to plain text, a paragraph a line, in linear time.

Kept: running text; the words of links, of colours, sizes and styles, of `{{{literal}}}` and folded text, of lists and quotes.
Left out: struck text, which is an aside, most often a joke, within a sentence that is whole without it; footnotes; headings;
tables, most of them boxes of facts and navigation; pictures, videos, categories, included templates, formulas, HTML, code with
a language, dates, comments.

What is opened and never closed loses its sign and keeps its text. A backslash keeps the character behind it as it is.
"""

import re

from electra_pretrain.corpus.layouts.wiki_nesting import Frame, Nesting

_ESCAPED = 0xDC00  # an escaped sign becomes half a surrogate pair, which no text holds, until no markup is sought any more
_SIGNS = "".join(map(chr, range(0x21, 0x7F)))
_RESTORED = {_ESCAPED + ord(sign): sign for sign in _SIGNS}

_BARE_MACROS = "목차|tableofcontents|각주|footnote|br|clearfix|date|datetime|pagecount"
_CALLED_MACROS = (
    "include|youtube|kakaotv|tvpot|navertv|nicovideo|vimeo|twitch|anchor|math|pagecount|age|dday|ruby|date|datetime|목차|각주"
)
_TOKEN = re.compile(
    rf"""
      \\(?P<escaped>[^\n]?)
    | ^\#\#(?P<comment>[^\n]*)
    | \{{\{{\{{ (?P<brace> \#!\w+ | [+-][1-5](?=\s)\s? | \#[\w\#,]+(?=\s)\s? )?
    | \[\[
    | \[(?P<note>\*)
    | \[ (?P<bare>{_BARE_MACROS}) \]
    | \[ (?P<called>{_CALLED_MACROS}) \(
    | \[
    | \)?\]+
    | \}}\}}\}}
    | \{{\{{\| | \|\}}\}}
    | <(?P<math>/?)math>
    """,
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
_CLOSERS = (")]", "]]", "]")
_KEPT_BLOCKS = ("#!wiki", "#!folding", "#!if")  # their first line says how they look; of others, code and HTML, nothing is text
_HIDDEN_LINK = re.compile(r"\s*(?:파일|분류|이미지|file|image|category)\s*:", re.IGNORECASE)
_RUBY_OPTION = re.compile(r",\s*(?:ruby|color)=")
_HEADING = re.compile(r"={1,6}#? .*=\Z")
_RULE = re.compile(r"-{4,}\Z")
_LINE_SIGNS = re.compile(r"^[ \t>]*(?:\*+[ \t]*|(?<=[ \t])[1AaIi]\.(?:#\d+)?[ \t]+)?")
_SPANS = re.compile(r"((?<!')'{2,5}(?!')|(?<!~)~~(?!~)|(?<!-)--(?!-)|(?<!_)__(?!_)|(?<!\^)\^\^(?!\^)|(?<!,),,(?!,))")
_SPACES = re.compile(" {2,}")
_PAIRED = ("''", "~~", "--", "__", "^^", ",,")
_STRUCK = ("~~", "--")


def plain_text(markup: str) -> str:
    """Return the text of an article, a paragraph a line."""
    nesting, position = Nesting(_closed, _unclosed), 0
    while token := _TOKEN.search(markup, position):
        nesting.add(markup[position : token.start()])
        position = token.end()
        _take(token, nesting)
    nesting.add(markup[position:])
    text = "\n".join(_paragraphs(nesting.text().split("\n")))
    return text.translate(_RESTORED) if "\\" in markup else text


def _take(token: "re.Match[str]", nesting: Nesting) -> None:
    sign, kind = token[0], token.lastgroup
    if kind == "escaped":
        nesting.add(chr(_ESCAPED + ord(token[1])) if token[1] and token[1] in _SIGNS else token[1])
    elif kind == "math":
        nesting.close("</math>") if token["math"] else nesting.open("hidden", "</math>")
    elif kind == "note":
        nesting.open("hidden", "]")
    elif kind == "called":
        nesting.open("ruby" if token["called"].lower() == "ruby" else "macro", ")]", sign)
    elif sign.startswith("{{{"):
        nesting.open(token["brace"] or "", "}}}")
    elif sign == "}}}":
        nesting.close(sign)
    elif sign == "[[":
        nesting.open("link", "]]")
    elif sign.endswith("]") and not kind:
        _take_closing(sign, nesting)
    elif sign == "[":
        if nesting.awaits("]"):  # only a footnote needs to know which of its brackets ends it
            nesting.open("bracket", "]")
        else:
            nesting.add(sign)
    elif kind == "bare":
        nesting.add(" " if token["bare"].lower() == "br" else "")


def _take_closing(signs: str, nesting: Nesting) -> None:
    """Close links, notes and macros by a run of brackets, of which each closes what is open innermost."""
    at = 0
    if signs == nesting.closer:  # as nearly always
        nesting.close(signs)
        return
    while at < len(signs):
        possible = [closer for closer in (nesting.closer, *_CLOSERS) if closer in _CLOSERS and signs.startswith(closer, at)]
        closer = next(filter(nesting.awaits, possible), "")
        if closer:
            nesting.close(closer)
        elif not signs.startswith("]]", at):  # the end of a link that never began is no text
            nesting.add(signs[at])
        at += len(closer) or (2 if signs.startswith("]]", at) else 1)


def _closed(frame: Frame, content: str) -> str:
    if frame.kind in ("hidden", "macro"):
        return ""
    if frame.kind == "ruby":
        return _RUBY_OPTION.split(content, maxsplit=1)[0]
    if frame.kind == "bracket":
        return f"[{content}]"
    if frame.kind == "link":
        return _link(content)
    return _block(frame.kind, content)


def _unclosed(frame: Frame, content: str) -> str:
    if frame.kind == "bracket":
        return f"[{content}"
    if frame.closer == "}}}" and frame.kind in _KEPT_BLOCKS:
        return _block(frame.kind, content)
    return frame.opener + content


def _block(kind: str, content: str) -> str:
    if not kind.startswith("#!"):
        return content
    return content.partition("\n")[2] if kind.lower() in _KEPT_BLOCKS else ""


def _link(content: str) -> str:
    if "\n" in content:  # no link goes on in the next line: its end is missing
        return content
    target, bar, label = content.partition("|")
    if _HIDDEN_LINK.match(target):
        return ""
    if bar:
        return label
    return "" if "://" in target else target.removeprefix(":").partition("#")[0]


def _paragraphs(lines: list[str]) -> list[str]:
    """Leave out tables, headings and rules, and take the signs off what is left."""
    row_ends, found, skipped_to = _row_ends(lines), list[str](), -1
    for number, line in enumerate(lines):
        if number <= skipped_to:
            continue
        stripped = line.strip()
        if stripped.lstrip("> ").startswith("||"):
            skipped_to = row_ends[number]
        elif not (_HEADING.match(stripped) or _RULE.match(stripped)):
            text = _without_spans(_LINE_SIGNS.sub("", line, count=1).rstrip())
            if text:
                found.append(text)
    return found


def _row_ends(lines: list[str]) -> list[int]:
    """Tell for each line where a table's row that begins there ends: in itself, if none ends before the next heading."""
    ends, end = list[int](), -1
    for number in reversed(range(len(lines))):
        stripped = lines[number].strip()
        if stripped.endswith("||"):
            end = number
        elif _HEADING.match(stripped):
            end = -1
        ends.append(number if end < 0 else end)
    return ends[::-1]


def _without_spans(line: str) -> str:
    """Take the signs of bold, struck text and the like away where they come in pairs."""
    if not any(sign in line for sign in _PAIRED):  # many times faster than the expression
        return line
    parts = _SPANS.split(line)
    if len(parts) < 4:
        return line
    opened, struck = dict[str, int](), False  # where each sign stands that awaits its pair
    for place in range(1, len(parts), 2):
        sign = parts[place][:2]
        start = opened.pop(sign, None)
        if start is None:
            opened[sign] = place
            continue
        parts[start] = parts[place] = ""
        if sign in _STRUCK:
            parts[start + 1 : place] = [""] * (place - start - 1)
            opened, struck = {sign: at for sign, at in opened.items() if at < start}, True
    return (_SPACES.sub(" ", "".join(parts)) if struck else "".join(parts)).strip()
