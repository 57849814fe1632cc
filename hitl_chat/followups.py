"""What the next message says about an answer: thanks, a complaint, or the same question once more.

Pure: knows no table. Only plain wordings in English and Chinese are recognised, and rather too few
than wrong ones; whether they say anything at all is what `training.implicit` holds against thumbs.
"""

import re

FOLLOW_UP, THANK, COMPLAIN = "follow_up", "thank", "complain"
REPHRASE, RESEND = "rephrase", "resend"
ALIKE = 0.5
"""Share of two questions' words that both have, from which on they ask the same."""
FEWEST_WORDS = 3

_WORD = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")
_THANKS = re.compile(
    r"\W*(?:(?:ok(?:ay)?|great|perfect|wow|yes)\W+)?"
    r"(?:(?:many )?thanks\b|thank you|thx\b|much appreciated"
    r"|that(?:'s| is| was)? (?:really |very )?(?:helpful|perfect|great|helped|works)"
    r"|谢谢|多谢|感谢|太好了|很有帮助|有用)"
    r"(?!\W*(?:letter|note|card|e-?mail|message|speech|信|卡|词))",
    re.IGNORECASE,
)
_COMPLAINT = re.compile(
    r"\W*(?:(?:no|sorry|but|hmm+)\W+)*"
    r"(?:(?:that|this|it|you|your answer)(?:'s|'re| is| are| was)? "
    r"(?:(?:just|totally|completely|still|simply) )?"
    r"(?:wrong|incorrect|false|nonsense|useless|not (?:right|true|correct|what i|helpful))"
    r"|(?:that|this|it) (?:doesn't|does not|didn't|did not) (?:answer|help|work|make sense)"
    r"|you (?:didn't|did not|misunderstood|ignored|got it wrong)"
    r"|(?:not|that's not) what i (?:asked|meant|wanted)|i (?:asked|said) (?:for|you|to)\b"
    r"|wrong\b|不对|错了|你错|不是我|没有?用|答非所问|胡说|你没有?(?:回答|理解|看))",
    re.IGNORECASE,
)


def tone(text: str) -> str | None:
    """Return THANK or COMPLAIN if a message begins like that."""
    plain = text.replace("’", "'")
    if _COMPLAINT.match(plain):
        return COMPLAIN
    return THANK if _THANKS.match(plain) else None


def likeness(one: str, other: str) -> float:
    """Return the share of two texts' words that both have (Jaccard); of Chinese, of characters."""
    mine, theirs = _words(one), _words(other)
    return len(mine & theirs) / max(1, len(mine | theirs))


def rephrases(text: str, question: str) -> bool:
    """Tell whether a message asks the question before it once more."""
    return len(_words(text)) >= FEWEST_WORDS and likeness(text, question) >= ALIKE


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}
