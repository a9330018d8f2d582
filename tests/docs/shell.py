"""The commands of a shell block, word by word, as far as the docs use the shell."""

import re
import shlex

_COMMENT = re.compile(r"""'[^']*'|"[^"]*"|(?<!\S)#[^\n]*""")
_SEPARATORS = frozenset(";&|()<>\n")
_ASSIGNMENT = re.compile(r"\w+=")
_KEYWORDS = frozenset({"while", "do", "done", "if", "then", "else", "fi"})
_WRAPPERS = {"taskset": 2, "timeout": 4}  # programs that run another, and how many words of their own they take


def commands(text: str) -> list[list[str]]:
    """Split at line ends, pipes and the like; comments, keywords, assignments in front and wrappers go, quotes are undone."""
    text = _COMMENT.sub(lambda match: match[0] if match[0][0] in "'\"" else "", text).replace("\\\n", " ")
    lexer = shlex.shlex(text, posix=True, punctuation_chars="".join(_SEPARATORS))
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    found: list[list[str]] = [[]]
    for word in lexer:
        if word and set(word) <= _SEPARATORS:
            found.append([])
        else:
            found[-1].append(word)
    return [words for words in map(_bare, found) if words]


def _bare(words: list[str]) -> list[str]:
    """A command without the keywords, the assignments and the wrapper that stand before it."""
    while words and (words[0] in _KEYWORDS or _ASSIGNMENT.match(words[0])):
        words = words[1:]
    while words and words[0] in _WRAPPERS:
        words = words[1 + _WRAPPERS[words[0]] :]
    return words
