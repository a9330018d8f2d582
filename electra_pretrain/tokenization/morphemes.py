"""Cut words into morphemes with Mecab (python-mecab-ko), so that a vocabulary learns no piece across two of them."""

from electra_pretrain.core import optional

# Between two morphemes of one word: a control character, of which normalised text holds none.
BOUNDARY = "\x01"


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
        marked, place = [], 0
        for surface in self._mecab.morphs(text):
            found = text.index(surface, place)
            inside = place > 0 and found == place and text[place - 1].isalnum() and surface[0].isalnum()
            marked += [text[place:found], BOUNDARY if inside else "", surface]
            place = found + len(surface)
        return "".join(marked) + text[place:]
