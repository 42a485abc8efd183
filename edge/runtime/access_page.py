"""The readable page of an access archive, in Chinese and English, without scripts; never sent anywhere."""

from datetime import datetime
from pathlib import Path

from edge.domain.held import Held

_TEMPLATES = Path(__file__).parent / "templates"
_WORDS: dict[str, tuple[str, str]] = {
    "registration": ("来访登记", "Registration"),
    "id_card": ("身份证", "ID card"),
    "face_match": ("人脸确认", "Face confirmation"),
    "channel_risk": ("渠道核对", "Checking agents"),
    "follow_up": ("后续联系", "Follow-up"),
    "marketing": ("营销推送", "Marketing"),
    "recording": ("通话录音", "Recording of calls"),
    "location": ("位置", "Location"),
    "ACTIVE": ("已同意", "agreed"),
    "DECLINED": ("不同意", "refused"),
    "WITHDRAWN": ("已撤回", "withdrawn"),
    "EXPIRED": ("已到期", "expired"),
    "RECONSENT": ("待重新同意", "to be asked again"),
    "MINOR": ("未满十四周岁", "under fourteen"),
    "ERASING": ("删除中", "being erased"),
    "TOMBSTONE": ("已删除", "erased"),
    "tap": ("本人在屏幕上点选", "a tap on the screen"),
    "key": ("通话中本人按键", "a key pressed in a call"),
    "guardian": ("监护人同意", "the guardian agreed"),
    "paper": ("纸质表格，后来补录", "a form on paper, typed in later"),
    "synchronised": ("时钟已同步", "clock synchronised"),
    "drifting": ("时钟可能有偏差", "clock may have drifted"),
    "unknown": ("时钟未经核对", "clock not checked"),
    "face_confirmed": ("人脸确认", "face confirmed"),
    "appointment": ("预约", "appointment"),
    "announced_call": ("来电预约", "announced by call"),
    "agent": ("中介", "an agent"),
    "walk_in": ("自行到访", "walked in"),
    "advert": ("广告", "an advert"),
    "friend": ("朋友介绍", "a friend"),
    "other": ("其他", "other"),
    "visit": ("来访", "visits"),
    "consent": ("同意记录", "consents"),
    "withdrawal": ("撤回记录", "withdrawals"),
    "call": ("通话", "calls"),
    "verdict": ("渠道核对结论", "findings on agents' reports"),
    "deal": ("成交", "a deal"),
    "listing": ("业主或在跟客户", "owner, or live customer of the office"),
    "erasure_receipt": ("删除回执", "receipts of erasure"),
}


def render(held: Held, key: str) -> str:
    """Return the page as HTML; `key` names the key that signs the archive."""
    import jinja2  # only who asks for access pays for it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"when": _when, "zh": _zh, "en": _en, "seconds": _seconds}
    return environment.get_template("access.html").render(held=held, key=key)


def style() -> str:
    """Return the page's style sheet."""
    return (_TEMPLATES / "access.css").read_text(encoding="utf-8")


def _when(ms: int) -> str:
    """Return a wall time in the box's own zone, with its offset."""
    return datetime.fromtimestamp(ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def _zh(word: str) -> str:
    return _WORDS.get(word, (word, word))[0]


def _en(word: str) -> str:
    return _WORDS.get(word, (word, word))[1]


def _seconds(ms: int) -> int:
    return (ms + 999) // 1000
