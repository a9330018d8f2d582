"""Cut words into morphemes with Mecab (python-mecab-ko), so that a vocabulary learns no piece across two of them."""

from electra_pretrain.core.errors import UserError

# Between two morphemes of one word: a control character, of which normalised text holds none.
BOUNDARY = "\x01"
INSTALL = "'electra_pretrain[mecab]'"


class Morphemes:
    """Mecab with its Korean dictionary.

    Raises:
        UserError: the packages are not installed.
    """

    def __init__(self) -> None:
        try:
            from mecab import MeCab
        except ModuleNotFoundError as error:
            raise UserError(f"--morphs mecab needs packages that are missing; run: pip install {INSTALL}") from error
        self._mecab = MeCab()

    def mark(self, text: str) -> str:
        """The text, with `BOUNDARY` where one morpheme of a word ends and the next begins.

        Only between letters or digits: at punctuation and spaces a word is cut anyway.
        """
        marked, place = [], 0
        for surface in self._mecab.morphs(text):
            found = text.index(surface, place)
            inside = place > 0 and found == place and text[place - 1].isalnum() and surface[0].isalnum()
            marked += [text[place:found], BOUNDARY if inside else "", surface]
            place = found + len(surface)
        return "".join(marked) + text[place:]
