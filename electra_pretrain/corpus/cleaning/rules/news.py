"""Rules for newspapers' text: what says nothing of the matter, and who wrote it."""

import re

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.cleaning.rules import Reject, Rewrite
from electra_pretrain.corpus.cleaning.rules.cut import EMAIL

MAX_PASSES = 5  # what is cut out may leave another byline at the line's end
_FAMILY_NAMES = (
    "가강고공곽구권금길김나남노도류마맹명모목문민박반방배백변봉서석선설성소손송신심안양어엄여연염오옥왕우원위유육윤은이인임장"
    "전정제조주지진차채천최추탁태편표피하한함허현형홍황"
)
# Three syllables of which the first is a family name, or a double one; 정치부, 신문사 and 방송국 are none, nor is what ends as
# no name does, such as 조작된, 이제는, 이놈의.
_NAME = rf"(?:[{_FAMILY_NAMES}][가-힣]{{2}}|(?:남궁|독고|사공|서문|선우|제갈|황보)[가-힣]{{1,2}})(?<![부사국된는던의])"
# A picture's credit, (사진=연합뉴스), stands within an article's sentences.
_CREDITED = r"(?!(?:사진|자료|그래픽|영상|출처|제공)[가-힣· ]{0,10}=)"
_ANY_NAME = "[가-힣]{2,4}"
_WORK = "(?:글|사진|취재|영상|그래픽|촬영)"
_CREDIT = rf"(?:{_WORK}(?:[·ㆍ/]{_WORK})?\s?[=:/]?\s?)?"
# Where a line begins, or a sentence or a bracket has ended.
_BEFORE = r"(?:^|(?<=[.!?…\"”’)）\]】>〉=/|▶■◆※]))\s*"


def news_notices(phrases: list[str], agencies: list[str]) -> Reject:
    """Drop a line that holds a notice of rights (무단전재) or an agency's dateline, such as (서울=뉴스1).

    Args:
        phrases: any of which drops the line, wherever it stands; a space within it means nothing.
        agencies: whose datelines do.
    """
    _check_words("phrases", phrases)
    _check_words("agencies", agencies)
    patterns = [r"\s?".join(map(re.escape, "".join(phrase.split()))) for phrase in phrases]
    notice = re.compile("|".join([*patterns, *([_dateline(agencies, but_not=_CREDITED)] if agencies else [])]) or "(?!)")
    return lambda text: None if notice.search(text) else text


def bylines(titles: list[str], agencies: list[str]) -> Rewrite:
    """Cut out datelines and who wrote it: `(서울=연합뉴스) 홍길동 기자 =`, `홍길동 기자 a@b.kr`, `[○○일보 홍길동 기자]`.

    A byline is known by what is around it: before it the line begins, or a sentence or a bracket has ended; behind it comes
    `=`, an e-mail address or the line's end. At the end and in brackets the name must also read like one. So sentences that
    speak of a reporter stay whole: `홍길동 기자는 말했다`, `김 기자 회견을 열었다`, `신문 기자가 되고 싶다`.

    Args:
        titles: what follows the name, such as 기자, 특파원.
        agencies: whose datelines go, with or without a name.
    """
    _check_words("titles", titles)
    _check_words("agencies", agencies)
    pattern, words = _byline(titles, agencies), (*titles, *agencies)

    def rewrite(text: str) -> str:
        if not any(word in text for word in words):
            return text
        for _ in range(MAX_PASSES):
            before, text = text, pattern.sub(" ", text)
            if text == before:
                break
        return text

    return rewrite


def _byline(titles: list[str], agencies: list[str]) -> re.Pattern[str]:
    title = rf"\s?(?:{_any_of(titles)})"
    named = rf"{_CREDIT}{_several(_NAME)}{title}"
    addressed = rf"{_CREDIT}{_several(_ANY_NAME)}{title}\s*(?:=|[(<\[]?{EMAIL.pattern}[)>\]]?)\s*"
    forms = [
        rf"{_BEFORE}(?:{addressed})+(?:{named}\s*$)?",
        rf"{_BEFORE}{named}\s*$",
        rf"[\[【](?:[^\[\]【】]{{0,20}}[\s=/])?{named}\s?[\]】]",
        rf"[(（](?:[^()（）]{{0,20}}=\s?)?{named}\s?(?:{EMAIL.pattern})?[)）]",
    ]
    if agencies:
        forms.insert(0, rf"{_dateline(agencies)}\s*(?:(?:{_several(_several(_ANY_NAME, spaced=bool(titles)) + title)}\s*)?=)?")
    return re.compile("|".join(forms) if titles else forms[0] if agencies else "(?!)")


def _dateline(agencies: list[str], but_not: str = "") -> str:
    return rf"[(（\[【]{but_not}[가-힣·ㆍ, ]{{2,30}}=\s?(?:{_any_of(agencies)})\s?[)）\]】]"


def _several(pattern: str, spaced: bool = False) -> str:
    between = r"(?:\s?[·ㆍ,/]\s?|\s)" if spaced else r"\s?[·ㆍ,/]\s?"
    return rf"{pattern}(?:{between}{pattern}){{0,4}}"


def _any_of(words: list[str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


def _check_words(name: str, words: list[str]) -> None:
    if not all(word.strip() for word in words):
        raise UserError(f"{name}: none of them may be empty")
