"""Tells whether a text holds a mobile or an identity number, however it is written; keeps nothing of it.

What headquarters keeps as it stands (references, codes, companies' names, headings, what people write of a
finding) may hold none. The upload page has the same in cloud/web/browser/nobody.js.
"""

import re
import unicodedata

_GAP = r"[\s‐-―−.,/、·()_-]{1,3}"
_MOBILE = (
    r"1[3-9][0-9]{9}"
    rf"|1[3-9][0-9]{_GAP}[0-9]{{4}}{_GAP}[0-9]{{4}}"
    rf"|1[3-9][0-9]{_GAP}[0-9]{{3}}{_GAP}[0-9]{{5}}"
    rf"|1[3-9][0-9]{_GAP}[0-9]{{8}}"
    rf"|1[3-9][0-9]{{5}}{_GAP}[0-9]{{4}}"
)
"""Of eleven digits, in the groups in which they are written. A reference like 13-2-1101-0312 is none."""
_BORN = r"(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_IDENTITY = (
    rf"[1-9][0-9]{{16}}[0-9Xx]|[1-9][0-9]{{5}}(?:{_GAP})?{_BORN}(?:{_GAP})?[0-9]{{3}}(?:{_GAP})?[0-9Xx]"
)
"""GB 11643: place, date of birth, order, check digit."""
_NUMBER = re.compile(rf"(?<![0-9])(?:(?:(?:00)?86(?:{_GAP})?)?(?:{_MOBILE})|{_IDENTITY})(?![0-9])")
_BETWEEN = re.compile(rf"(?<=[0-9]){_GAP}(?=[0-9Xx])")


def holds_a_number(text: str, *, anyhow: bool = False) -> bool:
    """Return whether `text` holds one; `anyhow`: also with its digits in other groups, as people write."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    return bool(_NUMBER.search(plain) or (anyhow and _NUMBER.search(_BETWEEN.sub("", plain))))


def names_nobody(text: str) -> str:
    """Return `text`; ValueError if it holds a mobile or an identity number."""
    if holds_a_number(text):
        raise ValueError("a reference is no telephone or identity number")
    return text
