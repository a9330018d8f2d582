"""Cut words into morphemes with Mecab (python-mecab-ko), so that a vocabulary learns no piece across two of them."""

import re

from electra_pretrain.core import optional

# Between two morphemes of one word: a control character, of which normalised text holds none.
BOUNDARY = "\x01"
# Mecab's time grows with the square of a line's length: what is longer is cut at a space, if there is one.
LONGEST_LINE = 10_000
_STRETCH = re.compile(rf".{{1,{LONGEST_LINE}}}(?!\S)|.{{1,{LONGEST_LINE}}}", re.DOTALL)


class Morphemes:
    """Mecab with its Korean dictionary.

    Raises:
        UserError: the packages are not installed.
    """

    def __init__(self) -> None:
        self._mecab = optional.load("mecab", "--morphs mecab", extra="mecab", package="python-mecab-ko").MeCab()

    def mark(self, text: str) -> str:
        """Return the text with `BOUNDARY` where one morpheme of a word ends and the next begins.

        Only between letters or digits: at punctuation and spaces a word is cut anyway.
        """
        return "".join(map(self._mark, _STRETCH.findall(text)))

    def _mark(self, text: str) -> str:
        marked, position = [], 0
        for surface in self._mecab.morphs(text):
            found = text.index(surface, position)
            inside = position > 0 and found == position and text[position - 1].isalnum() and surface[0].isalnum()
            marked += [text[position:found], BOUNDARY if inside else "", surface]
            position = found + len(surface)
        return "".join(marked) + text[position:]
