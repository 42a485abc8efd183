"""P28: without a whole notice nothing starts; its hash covers every word and nothing but the words."""

import hashlib
import shutil
from importlib import resources
from pathlib import Path

import pytest

from edge.domain.errors import ConfigError
from edge.runtime.notice import load
from edge.wire import Scope

EXAMPLE = Path(str(resources.files("edge"))) / "notice.example.toml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "notice.toml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return file


def test_the_packaged_example_is_a_whole_notice() -> None:
    """P49: face and card have their own consent; P12: each says what happens if the visitor says no."""
    notice = load(EXAMPLE)
    assert [offer.scope for offer in notice.scopes] == [
        Scope.REGISTRATION, Scope.CHANNEL_RISK, Scope.FACE_MATCH, Scope.ID_CARD,
    ]  # fmt: skip
    for offer in notice.scopes:
        assert "不同意：" in offer.detail["zh"]
        assert "If you say no:" in offer.detail["en"]
    for scope in (Scope.FACE_MATCH, Scope.ID_CARD):
        label = next(offer.label for offer in notice.scopes if offer.scope is scope)
        assert "单独同意" in label["zh"]
        assert "separate consent" in label["en"]
    assert len(notice.paragraphs["zh"]) == len(notice.paragraphs["en"])


def test_the_example_says_what_the_law_wants_told() -> None:
    """P7, P48: who, what, why, how long, how to end it, where to complain (PIPL art. 17, 30, 31)."""
    notice = load(EXAMPLE)
    text = "\n".join((*notice.paragraphs["zh"], notice.contact["zh"], notice.complaints["zh"]))
    needs = (
        "谁在处理 保存多久 您的权利 撤回 删除 监护人 敏感个人信息 中国大陆 录音 七十二小时 只数人数 网信 电话"
    )
    for needed in needs.split():
        assert needed in text
    assert "示例" in notice.title["zh"] and "example" in notice.title["en"], "nobody takes it for their own"


def test_the_hash_is_of_the_words_and_not_of_their_layout(tmp_path: Path) -> None:
    notice = load(EXAMPLE)
    assert len(bytes.fromhex(notice.hash)) == hashlib.sha256().digest_size
    shutil.copy(EXAMPLE, tmp_path / "other-name.toml")
    assert load(tmp_path / "other-name.toml").hash == notice.hash
    commented = changed(tmp_path, 'version = "v1"', '# a remark\nversion   =   "v1"')
    assert load(commented).hash == notice.hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('version = "v1"', 'version = "v2"'),
        ("由您决定", "由我们决定"),
        ("Sensitive. After you tap", "After you tap"),
        ("12377", "12378"),
        ('scope = "id_card"', 'scope = "location"'),
    ],
)
def test_p47_any_other_word_is_another_notice(tmp_path: Path, old: str, new: str) -> None:
    assert load(changed(tmp_path, old, new)).hash != load(EXAMPLE).hash


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('version = "v1"', 'version = "Version 1!"', "version: "),
        ('version = "v1"', "version = 1.5", "version: "),
        ('version = "v1"', "version = 2026-01-01", "version: "),
        ('version = "v1"\n', "", "version: Field required"),
        ('version = "v1"', 'version = "v1"\nextra = 1', "extra: "),
        ('version = "v1"', 'version = "v1"\nhash = "00"', "hash: it is computed"),
        ('scope = "id_card"', 'scope = "everything"', "scopes.3.scope: "),
        ('scope = "id_card"', 'scope = "face_match"', "scopes: one is offered twice"),
        ('[complaints]\nzh = "', '[complaints]\nde = "', "complaints"),
        ('[title]\nzh = "个人信息处理告知（示例）"', "[title]", "title.zh: missing"),
        ("个人信息处理告知（示例）", "  ", "title.zh: missing"),
        ('en = "Read my ID card (separate consent)"\n', "", "scopes.id_card.label.en: missing"),
    ],
)
def test_an_incomplete_notice_stops_the_start(tmp_path: Path, old: str, new: str, says: str) -> None:
    file = changed(tmp_path, old, new)
    with pytest.raises(ConfigError) as stopped:
        load(file)
    assert str(file) in str(stopped.value)
    assert says in stopped.value.cause


def test_p28_a_missing_notice_stops_the_start(tmp_path: Path) -> None:
    """P28: the site publishes notice and complaint routes before sensing."""
    with pytest.raises(ConfigError, match=r"No such file.*publish the notice before sensing"):
        load(tmp_path / "gone.toml")


@pytest.mark.parametrize("content", [b"version = ", b"\xff\xfe\x00"])
def test_a_broken_notice_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "notice.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="not TOML"):
        load(file)
