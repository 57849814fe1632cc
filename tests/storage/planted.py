"""Pieces of personal data, made up by chance and valid in form. Knows not what finds them."""

import random
import string
from collections.abc import Callable

from stdnum import iban, luhn, verhoeff
from stdnum.br import cpf
from stdnum.es import dni
from stdnum.fr import nir
from stdnum.pl import pesel

Draw = random.Random


def digits(draw: Draw, number: int) -> str:
    return "".join(draw.choices(string.digits, k=number))


def word(draw: Draw, low: int = 3, high: int = 9) -> str:
    return "".join(draw.choices(string.ascii_lowercase, k=draw.randint(low, high)))


def email(draw: Draw) -> str:
    local = draw.choice(("{a}.{b}", "{a}_{b}", "{a}", "{a}+{b}", "{a}{n}", "{a}-{b}.{n}"))
    domain = draw.choice(("{c}.com", "{c}.co.uk", "mail.{c}.org", "{c}-{d}.de", "{c}.museum"))
    parts = {
        "a": word(draw),
        "b": word(draw),
        "c": word(draw),
        "d": word(draw),
        "n": draw.randint(1, 99),
    }
    at = draw.choice(("@",) * 8 + (" [at] ",))
    return f"{local.format(**parts)}{at}{domain.format(**parts)}"


def phone(draw: Draw) -> str:
    forms = (
        "+1 415 555 ####", "(212) 555-####", "415-555-####", "415.555.####", "1-800-555-####",
        "+44 20 7946 ####", "020 7946 ####", "07700 900###", "+49 30 901820##", "030/901820##",
        "0151 2345####", "+33 6 12 34 ## ##", "06 12 34 ## ##", "01.42.68.##.##", "+91 98765 43###",
        "98765 43###", "+86 138 0013 ####", "+81-3-1234-####", "+34 612 34 ## ##", "0041 44 668 ## ##",
        "+5511987654###", "call 415555####", "tel: 0301234###",
    )  # fmt: skip
    return "".join(digits(draw, 1) if c == "#" else c for c in draw.choice(forms))


def card(draw: Draw) -> str:
    start, length = draw.choice((("4", 16), ("51", 16), ("2221", 16), ("37", 15), ("6011", 16)))
    body = start + digits(draw, length - len(start) - 1)
    number = body + luhn.calc_check_digit(body)
    if length == 15:
        return draw.choice((number, f"{number[:4]} {number[4:10]} {number[10:]}"))
    gap = draw.choice(("", " ", "-"))
    return gap.join(number[i : i + 4] for i in range(0, 16, 4))


def account(draw: Draw) -> str:
    country, form = draw.choice(
        (("DE", "n" * 18), ("GB", "aaaa" + "n" * 14), ("FR", "n" * 23), ("NL", "aaaa" + "n" * 10),
         ("ES", "n" * 20), ("CH", "n" * 17), ("AT", "n" * 16), ("PL", "n" * 24))
    )  # fmt: skip
    while True:
        body = "".join(digits(draw, 1) if c == "n" else draw.choice("ABCDEFGHKLM") for c in form)
        number = country + iban.calc_check_digits(f"{country}00{body}") + body
        if iban.is_valid(number, check_country=False):
            break
    if draw.random() < 0.5:
        return number
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))


def address(draw: Draw) -> str:
    if draw.random() < 0.6:
        return (
            f"{draw.choice((10, 85, 203))}.{'.'.join(str(draw.randint(0, 255)) for _ in range(3))}"
        )
    groups = [f"{draw.randint(1, 65535):x}" for _ in range(8)]
    return draw.choice(
        (":".join(groups), f"2001:db8::{groups[0]}:{groups[1]}", f"fe80::{groups[2]}")
    )


def american(draw: Draw) -> str:
    return f"{draw.randint(100, 665)}-{draw.randint(10, 99)}-{draw.randint(1000, 9999)}"


def british(draw: Draw) -> str:
    return f"AB{draw.choice(('', ' '))}{digits(draw, 2)} {digits(draw, 2)} {digits(draw, 2)} C"


def spanish(draw: Draw) -> str:
    number = digits(draw, 8)
    return number + draw.choice(("", "-")) + dni.calc_check_digit(number)


def brazilian(draw: Draw) -> str:
    while not cpf.is_valid(number := digits(draw, 11)):
        pass
    return str(cpf.format(number))


def polish(draw: Draw) -> str:
    born = f"{draw.randint(50, 99)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}"
    number = born + digits(draw, 4)
    return number + pesel.calc_check_digit(number)


def french(draw: Draw) -> str:
    born = f"{draw.choice('12')}{draw.randint(40, 99)}{draw.randint(1, 12):02}"
    number = f"{born}75{digits(draw, 6)}"
    return number + nir.calc_check_digits(number)


def indian(draw: Draw) -> str:
    number = draw.choice("23456789") + digits(draw, 10)
    number += verhoeff.calc_check_digit(number)
    return f"{number[:4]} {number[4:8]} {number[8:]}"


def passport(draw: Draw) -> str:
    return f"passport number {draw.choice('CFGHJK')}{digits(draw, 8)}"


def national(draw: Draw) -> str:
    people = (american, british, spanish, brazilian, polish, french, indian, passport)
    return draw.choice(people)(draw)


def credentials(draw: Draw) -> str:
    scheme = draw.choice(("https", "postgresql", "ftp", "redis", "mongodb+srv"))
    user, password = word(draw), word(draw) + draw.choice(("!9", "$x", "2024", "#"))
    return f"{scheme}://{user}:{password}@{word(draw)}.example.com/{word(draw)}"


def secret(draw: Draw) -> str:
    def mixed(number: int) -> str:
        return "".join(draw.choices(string.ascii_letters + string.digits, k=number - 3)) + "a1Z"

    return draw.choice(
        (f"sk-proj-{mixed(40)}", f"ghp_{mixed(36)}", f"AKIA{mixed(16).upper()}", f"hf_{mixed(34)}",
         f"AIza{mixed(35)}", f"xoxb-{digits(draw, 11)}-{mixed(24)}", f"sk_live_{mixed(24)}",
         f"eyJhbGciOiJIUzI1NiJ9.{mixed(40)}.{mixed(43)}", f"password: {mixed(10)}",
         f"API_KEY={mixed(20)}", f"my password is {mixed(9)}", f"Authorization: Bearer {mixed(30)}",
         f"glpat-{mixed(20)}")
    )  # fmt: skip


PLANTED: dict[str, Callable[[Draw], str]] = {
    "email": email,
    "phone": phone,
    "card": card,
    "iban": account,
    "ip": address,
    "id": national,
    "credentials": credentials,
    "secret": secret,
}
