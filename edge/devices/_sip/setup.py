"""How the library, the line's account and the notice are prepared; never registers or answers."""

import socket
import wave
from typing import TYPE_CHECKING

import pjsua2 as pj

from edge.domain.errors import AuthFailed, DeviceError, DeviceMisconfigured, LinkDown
from edge.domain.voice import SAMPLE_RATE

if TYPE_CHECKING:
    from edge.devices.sip import Config

TRANSPORTS = {"udp": pj.PJSIP_TRANSPORT_UDP, "tcp": pj.PJSIP_TRANSPORT_TCP}
CODECS = {"PCMA/8000/1": 255, "PCMU/8000/1": 254}
"""G.711 alone: what every provider speaks, what the E-model's numbers are for, the least code to attack."""
MOST_CALLS = 4
"""How many calls at once the library is built for."""
_PASSING = frozenset({408, 423, 429, 480, 482, 491})
"""Client errors of a REGISTER that another try may not meet."""


def notice_seconds(config: "Config") -> float:
    """Return the notice's length; DeviceMisconfigured if it is missing or not 16-bit mono PCM."""
    try:
        with wave.open(str(config.notice_wav), "rb") as notice:
            if notice.getnchannels() != 1 or notice.getsampwidth() != 2 or not notice.getnframes():
                raise DeviceMisconfigured("read the notice", "notice_unusable", "wanted: WAV, mono, 16 bits")
            return notice.getnframes() / notice.getframerate()
    except OSError:
        raise DeviceMisconfigured("read the notice", "notice_missing", "see notice_wav") from None
    except (wave.Error, EOFError):
        raise DeviceMisconfigured("read the notice", "notice_unusable", "wanted: WAV, PCM") from None


def trusted_addresses(config: "Config") -> frozenset[str]:
    """Return the addresses from which calls are taken; LinkDown if the registrar's name has none."""
    try:
        found = socket.getaddrinfo(config.registrar, None, socket.AF_INET)
    except socket.gaierror:
        raise LinkDown("find the registrar", "name_unknown", "see registrar") from None
    return frozenset(str(entry[4][0]) for entry in found) | frozenset(map(str, config.callers_from))


def registration_error(code: int) -> DeviceError:
    if code in (401, 403, 407):
        return AuthFailed("register", "auth_rejected", "see username and password_file")
    if 400 <= code < 500 and code not in _PASSING:
        return DeviceMisconfigured("register", f"registrar_{code}", "see username and registrar")
    return LinkDown("register", f"registrar_{code}")


def endpoint_config() -> pj.EpConfig:
    made = pj.EpConfig()
    made.uaConfig.threadCnt = 0
    made.uaConfig.mainThreadOnly = True
    made.uaConfig.maxCalls = MOST_CALLS
    made.uaConfig.userAgent = "gatehouse"
    # The library's log holds whole messages, and so numbers: none of it.
    made.logConfig.level = 0
    made.logConfig.consoleLevel = 0
    made.logConfig.msgLogging = 0
    made.medConfig.clockRate = SAMPLE_RATE
    made.medConfig.sndClockRate = SAMPLE_RATE
    made.medConfig.noVad = True
    made.medConfig.ecTailLen = 0
    return made


def account_config(config: "Config") -> pj.AccountConfig:
    made = pj.AccountConfig()
    made.idUri = f"sip:{config.username}@{config.domain or config.registrar}"
    made.regConfig.registrarUri = f"sip:{config.registrar}:{config.port};transport={config.transport}"
    made.regConfig.timeoutSec = config.register_s
    made.regConfig.delayBeforeRefreshSec = min(config.answer_s, config.register_s // 2)
    made.regConfig.retryIntervalSec = 5
    made.regConfig.firstRetryIntervalSec = 0
    made.regConfig.unregWaitMsec = 500
    credentials = pj.AuthCredInfo("digest", "*", config.username, 0, config.password)
    made.sipConfig.authCreds.append(credentials)
    rtp = made.mediaConfig.transportConfig
    rtp.port = config.rtp_port
    rtp.portRange = config.rtp_ports
    rtp.boundAddress = str(config.bind)
    return made
