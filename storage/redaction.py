"""Personal data in texts, replaced by what they were: `[email]`, `[phone]`. Knows no table and no file.

Finds what has a form: addresses, numbers with check digits, keys. Names of people and places have
none; it doesn't find those. Check digits are python-stdnum's business.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from ipaddress import ip_address

from stdnum import iban, isbn, luhn
from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.cn import ric
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.es import dni, nie
from stdnum.exceptions import ValidationError
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.mx import curp
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.se import personnummer
from stdnum.tr import tckimlik
from stdnum.us import itin, ssn
from stdnum.za import idnr as za_id

NUMBERS_OF_PEOPLE = (
    ssn, itin, sin, cpf, pesel, idnr, nir, aadhaar, ric, rrn, personnummer, cpr, hetu, nn,
    fodselsnummer, tckimlik, ahv, za_id, dni, nie, codicefiscale, curp,
)  # fmt: skip
BARE = re.compile(r"[0-9]{1,9}|[0-9]+\.[0-9]+")
"""Too few digits to go by, or a decimal fraction; neither is told from an ordinary number."""
EAST = (
    "\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"
)
"""Han, kana and hangul, and their punctuation. They stand beside a number or an address without a gap,
and Python counts them as `\\w`: so the patterns keep to ASCII, or take these out."""

KEY = re.compile(
    r"""
    -----BEGIN[ A-Z]*PRIVATE\ KEY-----.*?(?:-----END[ A-Z]*PRIVATE\ KEY-----|\Z)
    | \b(?: sk-[\w-]{16,} | (?:sk|pk|rk)_(?:live|test)_\w{10,} | gh[pousr]_\w{20,}
          | github_pat_\w{20,} | glpat-[\w-]{16,} | hf_\w{20,} | (?:AKIA|ASIA)[A-Z0-9]{16}
          | AIza[\w-]{30,} | xox[abeoprs]-[\w-]{10,} | npm_\w{30,} | pypi-[\w-]{30,}
          | SG\.[\w-]{16,}\.[\w-]{16,} | eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*
          | (?=[\w-]{32})(?=\w*[0-9])(?=\w*[a-z])(?=\w*[A-Z])[\w-]{32,}
          )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
CODE = rf"[a-z_][\w.]*[(\[]|[a-z_]+(?:\.[a-z_]+)+(?=[\s\"',;&){EAST}]|\Z)"
"""What yields a secret and isn't one: a call, an index, an attribute."""
SECRETS_EAST = ("密码", "密碼", "口令", "密钥", "密鑰", "パスワード", "비밀번호")
NAMED = re.compile(
    rf"""
    (?a:\b(?:bearer|basic)\ +(?=[\w.~+/=-]*[0-9])[\w.~+/=-]{{16,}})
    | (?:password|passwort|passwd|pwd|passphrase|secret|token|(?:api|access|secret)[ _-]?key
        |(?P<east>{"|".join(SECRETS_EAST)}))
      ["']?\s*(?:[:=\uff1a]\s*(?:["']|(?!{CODE}))[^\s"',;&){EAST}]{{6,}}
                | (?:is:?\s+|(?(east)[是为為は는은]|(?!))\s*)["']?
                  (?=[^\s{EAST}]*[0-9$#!%*])[^\s"',;{EAST}]{{6,}})
    """,
    re.VERBOSE | re.IGNORECASE,
)
W = rf"[^\W{EAST}]"
EMAIL = re.compile(
    rf"(?<!{W})(?<![.+%'-])(?:(?:{W}|[.+%'-]){{1,64}}@(?:(?:{W}|-)+\.)+"
    rf"(?:xn--(?:{W}|-)+|[^\W\d_{EAST}]{{2,}})"
    rf"|(?:{W}|[.+-]){{1,64}} ?[\[({{]at[\])}}] ?(?:{W}|-)+(?:(?:\.| ?[\[({{]dot[\])}}] ?)(?:{W}|-)+)+)",
    re.IGNORECASE,
)
CREDENTIALS = re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)")
IBAN = re.compile(
    r"\b[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?\b", re.ASCII
)
LETTERED = re.compile(
    r"\b(?:[0-9]{8}[ -]?[A-Z]|[XYZ][ -]?[0-9]{7}[ -]?[A-Z]"  # Spain
    r"|[A-Z]{6}[0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]"  # Italy
    r"|[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[A-Z0-9][0-9]"  # Mexico
    r"|[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Y]|[0-9]{17}X)\b",  # Finland, China
    re.IGNORECASE | re.ASCII,
)
UNCHECKED = re.compile(
    r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]\b"  # UK
    r"|\b[A-Z]{3}[ABCFGHLJPT][A-Z][0-9]{4}[A-Z]\b"  # India's PAN
    r"|(?i:\b(?:passport|passeport|reisepass|ssn|social security|national id|nhs|bsn|tax id"
    r"|driver'?s licen[cs]e)(?: (?:number|no\.?|nr\.?|#))?(?: is)?:? *)"
    r"(?=[A-Z0-9 -]*[0-9]{3})[A-Z0-9](?:[ -]?[A-Z0-9]){5,13}\b",
    re.ASCII,
)
DIGITS = re.compile(
    r"(?<![\w$€£¥.,+-])[0-9](?:[ ./-]{0,2}[0-9]){8,18}(?![\w%元円원]|[.,][0-9])", re.ASCII
)
ADDRESS = re.compile(
    r"(?:(?<![\w.:])|(?<=[^0-9a-f:]:))"  # also after `IP:`, which is no part of it
    r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w.]*[0-9])|(?!:[^:])(?:[0-9a-f]{0,4}:){2,7}"
    r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f]{0,4}))",
    re.IGNORECASE | re.ASCII,
)
DANISH = re.compile(r"(?:[0-9]{2}[ -]{0,2}){3}[0-9]{4}")
DATE = r"[0-9]{1,2}[./-][0-9]{1,2}[./-](?:1[0-9]|20)[0-9]{2}(?![0-9])"
PHONE = re.compile(
    rf"(?<![\w.])(?:{DATE}|"  # found here so that no part of it is
    r"(?:\+|00)[1-9](?:[ ./()-]{0,2}[0-9]){6,14}"
    r"|(?:1[ .-]?)?(?:\([2-9][0-9]{2}\)[ .-]?|[2-9][0-9]{2}[ .-])[0-9]{3}[ .-]?[0-9]{4}"
    r"|\(?0[1-9][0-9]{0,4}\)?[ /.-]{1,3}(?:[0-9][ /.-]?){4,9}[0-9]"
    r"|0[1-9][0-9]{8,9}"
    r"|0[1-9](?:[ .][0-9]{2}){4}"
    r"|[6-9][0-9]{4}[ -][0-9]{5}"
    r"|(?<![$€£¥,])1[3-9][0-9](?P<gap>[ -]?)[0-9]{4}(?P=gap)[0-9]{4}(?![元円원])"  # China
    r")(?!\w|[.,][0-9])"
    r"|(?:(?i:\b(?:phone|telephone|tel|mobile|cell|call|whatsapp|number|text|sms|ring|fax|handy|telefon)\b"
    r"[^0-9\n]{0,16})|(?:电话|電話|手机|手機|座机|座機|传真|傳真|携帯|전화|휴대폰)"
    rf"[号號码碼番是为為は번호는은:\uff1a\s(\uff08]{{0,6}})(?<![0-9])(?!{DATE})"
    r"[0-9](?:[ ./-]?[0-9]){6,14}(?!\w|[.,][0-9])",
    re.ASCII,
)
NO_PHONE = re.compile(rf"{DATE}|(?:[0-9]{{1,2}}[05]0 ){{2}}[0-9]{{1,2}}[05]0")
"""A date, or round numbers in a row."""

Check = Callable[[str], bool]


class Redaction:
    """Replaces personal data, and counts what it replaced by kind."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def clean(self, text: str) -> str:
        """Return the text without the personal data that were found in it."""
        for may_hold, kinds in KINDS:
            if may_hold(text):
                for kind, pattern, is_one in kinds:
                    text = self._replace(text, kind, pattern, is_one)
        return text

    def _replace(self, text: str, kind: str, pattern: re.Pattern[str], is_one: Check) -> str:
        def replacement(found: re.Match[str]) -> str:
            for part in _parts(found[0]):
                if is_one(part):
                    self.counts[kind] += 1
                    return f"[{kind}]{found[0][len(part) :]}"
            return found[0]

        return pattern.sub(replacement, text)


def _parts(found: str) -> Iterator[str]:
    """Yield what was found, then without its last words: a card's date is no part of its number."""
    yield found
    for gap in reversed(list(re.finditer(r"[ /-]+", found))):
        yield found[: gap.start()]


def _any(found: str) -> bool:
    del found
    return True


def _is_account(found: str) -> bool:
    return bool(iban.is_valid(found, check_country=False))


def _is_card(found: str) -> bool:
    digits = _digits(found)
    return (
        13 <= len(digits) <= 19
        and not BARE.fullmatch(found)
        and luhn.is_valid(digits)
        and not isbn.is_valid(digits)
        and len(set(digits)) > 1
    )


def _is_persons(found: str) -> bool:
    return not BARE.fullmatch(found) and any(_valid(found))


def _is_phone(found: str) -> bool:
    return len(_digits(found)) >= 7 and not NO_PHONE.fullmatch(found)


def _valid(found: str) -> Iterator[bool]:
    for number in NUMBERS_OF_PEOPLE:
        try:
            valid = bool(number.validate(found))
            yield valid and (number is not cpr or _is_danish(found))
        except ValidationError:
            yield False


def _is_danish(found: str) -> bool:
    """Since 2007 no digit need check the others; without a gap only that tells it from a time."""
    gap = not found.isdigit()
    return DANISH.fullmatch(found) is not None and (gap or cpr.checksum(found) == 0)


def _is_address(found: str) -> bool:
    try:
        address = ip_address(found)
    except ValueError:
        return False
    named = address.is_unspecified or address.is_loopback
    code = "::" in found and "." not in found and address.is_reserved  # `[::2]` is a slice
    return not (named or code) and bool(_digits(found))  # `a::b` is C++


def _digits(found: str) -> str:
    return "".join(filter(str.isdigit, found))


def _has_long_word(text: str) -> bool:
    return LONG in text.encode().translate(GAPS)


def _names_a_secret(text: str) -> bool:
    lower = text.lower()
    for word in SECRETS:  # noqa: SIM110 - any() takes twice as long, and this is asked of each text
        if word in lower:
            return True
    return False


def _has_at(text: str) -> bool:
    bracket = "(" in text or "[" in text or "{" in text
    return "@" in text or (bracket and OBFUSCATED.search(text) is not None)


def _has_login(text: str) -> bool:
    return "://" in text


def _may_have_address(text: str) -> bool:
    return text.count(".") > 2 or text.count(":") > 1


def _has_digits_together(text: str) -> bool:
    raw = text.encode()
    few = len(raw) - len(raw.translate(None, DECIMAL)) < 6
    return not few and CLOSE.search(text) is not None


SECRETS = (
    "passw", "passphrase", "pwd", "secret", "token", "key", "bearer", "basic", *SECRETS_EAST,
)  # fmt: skip
LONG = b"x" * 16
GAPS = bytes(ord(" ") if byte in b" \t\n\r\f\v" else ord("x") for byte in range(256))
"""Each byte as a gap or as a part of a word: of a long word is left what `LONG` is found in."""
DECIMAL = b"0123456789"
OBFUSCATED = re.compile(r"[\[({][aA][tT][\])}]")
CLOSE = re.compile(r"[0-9](?:[^0-9]{0,4}[0-9]){5}")
KINDS: tuple[tuple[Check, tuple[tuple[str, re.Pattern[str], Check], ...]], ...] = (
    (_has_long_word, (("secret", KEY, _any),)),
    (_names_a_secret, (("secret", NAMED, _any),)),
    (_has_login, (("credentials", CREDENTIALS, _any),)),
    (_has_at, (("email", EMAIL, _any),)),
    (_may_have_address, (("ip", ADDRESS, _is_address),)),
    (
        _has_digits_together,
        (
            ("iban", IBAN, _is_account),
            ("card", DIGITS, _is_card),
            ("id", LETTERED, _is_persons),
            ("id", DIGITS, _is_persons),
            ("id", UNCHECKED, _any),
            ("phone", PHONE, _is_phone),
        ),
    ),
)
"""What is looked for, in this order: what is longer or surer comes first. Before each stands what
tells in a microsecond of most texts that they hold none of it."""
