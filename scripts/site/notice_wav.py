"""Renders a notice's text as the WAV file that the telephone plays; never changes the text it is given."""

import sys
import wave
from pathlib import Path
from typing import Annotated

import typer

from scripts.site.sip_audio import RATE, silence, speech

DEFAULT = (
    "您好,这里是售楼处。为保证服务质量,同意通话录音请按一,不按键则不录音。来电号码保存七十二小时,只用于回电。"
)


def render(path: Path, text: str = DEFAULT, voice: str = "cmn") -> float:
    """Write `text`, spoken, to `path` (PCM, mono, 16 bits, 8 kHz); return its seconds.

    RuntimeError if espeak-ng gave no sound, as it does for a voice that it doesn't have.
    """
    pcm = speech(text, voice) + silence(0.3)
    if len(pcm) < RATE:
        raise RuntimeError("espeak-ng gave no speech: is its voice installed?")
    part = path.with_suffix(".part")
    with wave.open(str(part), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(pcm)
    part.replace(path)
    return len(pcm) / 2 / RATE


def main(
    path: Annotated[Path, typer.Argument(help="the WAV file to write")],
    text: Annotated[str, typer.Option(help="'-' reads standard input")] = DEFAULT,
    voice: Annotated[str, typer.Option(help="espeak-ng's voice")] = "cmn",
) -> None:
    """Render a notice for `notice_wav` of a SIP line."""
    words = sys.stdin.read() if text == "-" else text
    print(f"{render(path, words, voice):.1f} s")


if __name__ == "__main__":
    typer.run(main)
