"""Numbers, dates and codes on ID cards and whether they hold; knows no layout, keeps nothing.

Sources: GB 11643 (18 characters; also on residence permits and, by the announcement of the National
Immigration Administration of 2023, on foreigners' cards), ICAO 9303-3 (the last digit of a foreigner's
15 characters of 2017), GB/T 2260 (provinces), GB/T 3304 (nations), ISO 3166-1 (countries).
"""

import re
from datetime import date

from iso3166 import countries_by_alpha3, countries_by_numeric

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_LETTERS = "10X98765432"
_ICAO_WEIGHTS = (7, 3, 1)
_OF_2017 = re.compile(r"[A-Z]{3}[0-9]{12}")

_PROVINCE_CODES = (
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71"
)
_PROVINCES = frozenset(_PROVINCE_CODES.split())
_RESIDENCE_PERMITS = frozenset({"810000", "820000", "830000"})
_STATELESS = frozenset({"XXA", "XXB", "XXC", "XXX"})
"""ICAO 9303-3 for persons without a country: stateless, refugees, unspecified."""

_NATION_NAMES = (
    "汉 蒙古 回 藏 维吾尔 苗 彝 壮 布依 朝鲜 满 侗 瑶 白 土家 哈尼 哈萨克 傣 黎 傈僳 "
    "佤 畲 高山 拉祜 水 东乡 纳西 景颇 柯尔克孜 土 达斡尔 仫佬 羌 布朗 撒拉 毛南 仡佬 锡伯 阿昌 普米 "
    "塔吉克 怒 乌孜别克 俄罗斯 鄂温克 德昂 保安 裕固 京 塔塔尔 独龙 鄂伦春 赫哲 门巴 珞巴 基诺"
)
NATIONS = {f"{n:02d}": name for n, name in enumerate(_NATION_NAMES.split(), 1)} | {
    "97": "其他",
    "98": "外国血统",
}
"""Code → name of the nation (民族) on a resident's card, in the order of GB/T 3304."""


def check_letter(digits: str) -> str:
    """Return the 18th character that belongs to the first 17 digits (GB 11643)."""
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=True))
    return _CHECK_LETTERS[total % 11]


def check_digit(text: str) -> str:
    """Return the digit that ICAO 9303 puts behind `text` of A to Z and 0 to 9."""
    total = sum(int(c, 36) * _ICAO_WEIGHTS[at % 3] for at, c in enumerate(text))
    return str(total % 10)


def is_date(text: str) -> bool:
    """Whether `text` is YYYYMMDD of a day that exists, from 1900 on."""
    if len(text) != 8 or not (text.isascii() and text.isdigit()) or text < "1900":
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


def is_number(number: str) -> bool:
    """Whether `number` is 17 ASCII digits with a real date of birth and the right check letter."""
    digits = number[:17]
    if len(number) != 18 or not (digits.isascii() and digits.isdigit()):
        return False
    return is_date(number[6:14]) and check_letter(digits) == number[17]


def is_resident(number: str) -> bool:
    """Whether `number` can stand on a resident's card."""
    return is_number(number) and number[:2] in _PROVINCES


def is_permit(number: str) -> bool:
    """Whether `number` can stand on a residence permit for Hong Kong, Macao or Taiwan."""
    return is_number(number) and number[:6] in _RESIDENCE_PERMITS


def is_foreigner_2017(number: str) -> bool:
    """Whether `number` is country, place, birth YYMMDD, sequence, check digit: 15 characters."""
    if not _OF_2017.fullmatch(number) or not is_country(number[:3]) or number[3:5] not in _PROVINCES:
        return False
    born = number[7:13]
    return (is_date("19" + born) or is_date("20" + born)) and check_digit(number[:14]) == number[14]


def is_foreigner_2023(number: str) -> bool:
    """Whether `number` is 9, province, country, birth YYYYMMDD, sequence, check letter: 18 characters."""
    if not is_number(number) or number[0] != "9" or number[1:3] not in _PROVINCES:
        return False
    return number[3:6] in countries_by_numeric


def is_country(code: str) -> bool:
    """Whether `code` is alpha-3 of ISO 3166-1, or ICAO's for somebody without a country."""
    return code in countries_by_alpha3 or code in _STATELESS
