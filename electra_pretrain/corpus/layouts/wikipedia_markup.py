"""MediaWiki's markup to plain text, a paragraph a line.

Kept: running text, the words of links, list items without their signs, words in tags. Left out: templates, tables, references,
pictures, categories, links to other languages, formulas, code, galleries, headings, comments, magic words; and brackets in
which nothing else stood. `mwparserfromhell` reads links, styles and entities, paragraph by paragraph, of what is left after all
else is taken out here: its time grows with the square of what is opened and never closed, and much of a page is templates.
"""

import re
from collections.abc import Callable
from typing import Any

from electra_pretrain.corpus.layouts.wiki_nesting import Frame, Nesting

Parse = Callable[[str], Any]
# Half surrogate pairs, which XML does not hold: where something was taken out; and `<` that opens no tag, which the parser is
# not shown, as a few thousand of them keep it busy for minutes.
_GONE, _LESS = "\udc00", "\udc01"
_TOKEN = re.compile(
    r"\{\{|\}\}|\n[ \t:]*\{\||\n[ \t:]*\|\}(?!\})|\[\[|\[(?=(?:(?:https?|ftp):)?//|mailto:)|\]+"
    r"|<!--|<(?P<slash>/?)(?P<tag>[A-Za-z]+[1-6]?)(?P<attributes>(?:[\s/][^<>]*)?)>"
)
# Their content is no markup; of all but the first nothing is kept.
_RAW_NAMES = (
    "nowiki math chem ce pre source syntaxhighlight timeline score graph gallery imagemap templatedata hiero inputbox mapframe "
    "maplink categorytree style script"
)
# Of these only the tags go.
_TAG_NAMES = (
    "abbr b bdi bdo big blockquote br center cite code data dd del dfn div dl dt em font h1 h2 h3 h4 h5 h6 hr i includeonly "
    "ins kbd li mark noinclude nobr ol onlyinclude p poem q rb rp rt rtc ruby s samp section small span strike strong sub sup "
    "table td templatestyles th time tr tt u ul var wbr"
)
_RAW, _TAGS = frozenset(_RAW_NAMES.split()), frozenset(_TAG_NAMES.split())
_LEFT_OUT = frozenset(("ref", "references"))
_HIDDEN_LINK = re.compile(
    r"\s*(?:(?:파일|그림|이미지|분류|file|image|category|media)\s*:|(?-i:[a-z]{2,3}|zh-[a-z-]+|simple):)", re.IGNORECASE
)
_MAGIC_WORD = re.compile(r"__(?:[A-Z]+|[가-힣]+)__")
_LEFT_LINE = re.compile(r"[ \t:]*(?:\{?\||-{4,}|=.*=[ \t\udc00]*\Z)")  # of a table that is broken, a rule, a heading
_LIST_SIGNS = re.compile(r"^[*#:; \t]*")
_MARKUP = re.compile(r"[\[\]{}&<]|''")
_SIGNS = re.compile(r"'{2,}|\[\[|\]\]|\{\{|\}\}")
_AROUND_GONE = re.compile(r"[\s,;:·/\udc00]+")
_EMPTIED = re.compile(r" ?\(\udc00\)")
_SPACES = re.compile(" {2,}")


def plain_text(markup: str, parse: Parse) -> str:
    """Return the text of a page.

    Args:
        markup: of the page.
        parse: `mwparserfromhell.parse`.
    """
    return "\n".join(filter(None, (_paragraph(line, parse) for line in _without_blocks(markup).split("\n"))))


def _without_blocks(markup: str) -> str:
    """Take templates, tables, tags and comments out, and the signs of what is not closed."""
    nesting, position = Nesting(_closed, _unclosed), 0
    markup = "\n" + _MAGIC_WORD.sub("", markup)
    endless = set[str]()  # tags and comments of which none ends any more
    while token := _TOKEN.search(markup, position):
        nesting.add(markup[position : token.start()])
        position = token.end()
        if token["tag"] or token[0] == "<!--":
            position = _take_tag(token, nesting, markup, endless)
        else:
            _take(token[0], nesting)
    nesting.add(markup[position:])
    return nesting.text()


def _take(sign: str, nesting: Nesting) -> None:
    if sign == "{{":
        nesting.open("gone", "}}")
    elif sign == "[[":
        nesting.open("link", "]]", sign)
    elif sign == "[":
        nesting.open("outside", "]", sign)
    elif sign == "}}":
        nesting.close(sign)
    elif sign.startswith("]"):
        _take_closing(sign, nesting)
    elif sign.endswith("{|"):
        nesting.add("\n")
        nesting.open("gone", "|}")
    elif not nesting.close("|}"):
        nesting.add("\n")


def _take_closing(signs: str, nesting: Nesting) -> None:
    """Close links by a run of brackets, of which each closes what is open innermost."""
    at = 0
    if signs == nesting.closer:  # as nearly always
        nesting.close(signs)
        return
    while at < len(signs):
        possible = [closer for closer in (nesting.closer, "]]", "]") if closer[:1] == "]" and signs.startswith(closer, at)]
        closer = next(filter(nesting.awaits, possible), "")
        if closer:
            nesting.close(closer)
        elif not signs.startswith("]]", at):
            nesting.add("]")
        at += len(closer) or (2 if signs.startswith("]]", at) else 1)


def _take_tag(token: "re.Match[str]", nesting: Nesting, markup: str, endless: set[str]) -> int:
    """Take a tag or a comment, with all of it whose content is no markup; return where to go on."""
    name, is_closing = (token["tag"] or "!--").lower(), bool(token["slash"])
    is_single = (token["attributes"] or "").endswith("/")
    if name in _LEFT_OUT:
        if is_closing:
            nesting.close(f"</{name}>")
        elif not is_single:
            nesting.open("gone", f"</{name}>")
    elif name == "!--" or name in _RAW:
        if not (is_closing or is_single):
            return _take_raw(name, token.end(), nesting, markup, endless)
    elif name in _TAGS:
        nesting.add(" " if name == "br" else "")
    else:
        nesting.add(token[0])  # `<제목>` and `<Matrix>` are text
    return token.end()


def _take_raw(name: str, start: int, nesting: Nesting, markup: str, endless: set[str]) -> int:
    end = None
    if name not in endless:
        end = re.compile("-->" if name == "!--" else rf"</{name}\s*>", re.IGNORECASE).search(markup, start)
    if end is None:
        endless.add(name)
        return start
    if name == "nowiki":
        nesting.add("".join(f"&#{ord(sign)};" if sign in "[]{}'<>&=*#:;|_-" else sign for sign in markup[start : end.start()]))
    elif name != "!--":
        nesting.add(_GONE)
    return end.end()


def _closed(frame: Frame, content: str) -> str:
    if frame.kind == "gone" or (frame.kind == "link" and _HIDDEN_LINK.match(content)):
        return _GONE
    if "\n" in content:  # what is read paragraph by paragraph does not go on in the next
        return content
    return frame.opener + content + frame.closer


def _unclosed(frame: Frame, content: str) -> str:
    return content


def _paragraph(line: str, parse: Parse) -> str:
    if _LEFT_LINE.match(line):
        return ""
    line = _LIST_SIGNS.sub("", line, count=1)
    if _MARKUP.search(line):
        line = "".join(map(_text, parse(line.replace("<", _LESS)).nodes)).replace(_LESS, "<")
    if _GONE in line:
        line = _EMPTIED.sub("", _AROUND_GONE.sub(_closed_up, line)).replace(_GONE, "")
        line = _SPACES.sub(" ", line)
    return line.strip()


def _text(node: Any) -> str:
    """Return the words of a node that `mwparserfromhell` found."""
    kind = type(node).__name__
    if kind == "Text":
        return _SIGNS.sub("", str(node))
    if kind == "HTMLEntity":
        return str(node.normalize())
    if kind == "Wikilink":
        return _texts(node.text) if node.text is not None else str(node.title).removeprefix(":").partition("#")[0]
    if kind == "ExternalLink":
        return (_texts(node.title) or _GONE) if node.brackets else str(node.url)
    return _texts(node.contents) if kind == "Tag" else ""


def _texts(code: Any) -> str:
    return "" if code is None else "".join(map(_text, code.nodes))


def _closed_up(run: "re.Match[str]") -> str:
    """Take away what separated something that is gone from a bracket."""
    if _GONE not in run[0]:
        return run[0]
    after_bracket = run.string[run.start() - 1 : run.start()] == "("
    before_bracket = run.string[run.end() : run.end() + 1] == ")"
    if after_bracket and before_bracket:
        return _GONE
    return "" if after_bracket or before_bracket else run[0].replace(_GONE, "")
