"""Words that have no place: pretended devices in the product, hosts of package registries anywhere."""

import re
import subprocess
from pathlib import Path

from tests.architecture.source import ROOT

PRETENCE = re.compile(r"simulat|\bfake|\bmock|\bstub|\bdummy|" + "TO" + "DO|FIX" + "ME", re.IGNORECASE)
REGISTRIES = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in (
            ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("debian", "org"),
            ("crates", "io"), ("huggingface", "co"), ("unpkg", "com"), ("jsdelivr", "net"), ("cdnjs", "com"),
            ("aliyun", "com/pypi"), ("tuna.tsinghua", "edu"), ("googleapis", "com"),
        )
    ),
    re.IGNORECASE,
)  # fmt: skip
BINARY = {".png", ".jpg", ".wav", ".onnx", ".ico", ".gz", ".db", ".pcap"}


def tracked(*where: str) -> list[Path]:
    """Return the files that git tracks, or would, as text files."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *where],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = [ROOT / name for name in done.stdout.split("\0") if name]
    return [one for one in found if one.is_file() and one.suffix not in BINARY]


def hits(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    return [
        f"{file.relative_to(ROOT)}:{number}"
        for file in files
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_the_product_knows_nothing_of_pretended_devices() -> None:
    assert hits(PRETENCE, tracked("edge", "cloud", "systemd", "firmware-configs")) == []


def test_the_search_finds_such_words_where_they_belong() -> None:
    assert hits(PRETENCE, [Path(__file__)])


def test_no_host_of_a_registry_is_named_anywhere() -> None:
    assert hits(REGISTRIES, tracked()) == []


def test_the_pages_load_nothing_from_elsewhere() -> None:
    """P16, P33: no script, style, font or picture of another host."""
    pages = [one for one in tracked("edge", "cloud") if one.suffix in {".html", ".css", ".js"}]
    foreign = re.compile(r"(?:src|href|url|@import|fetch)\s*[=(]?\s*['\"(]\s*(?:https?:)?//", re.IGNORECASE)
    assert pages
    assert hits(foreign, pages) == []


def test_the_pages_have_no_inline_script() -> None:
    """What a Content-Security-Policy of `default-src 'self'` forbids isn't there to begin with."""
    pages = [one for one in tracked("edge", "cloud") if one.suffix == ".html"]
    inline = re.compile(
        r"<script(?![^>]*\bsrc=)|\son[a-z]+\s*=|<style|\sstyle\s*=|javascript:", re.IGNORECASE
    )
    assert hits(inline, pages) == []
