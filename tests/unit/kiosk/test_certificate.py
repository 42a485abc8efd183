"""P35: the kiosk's own certificate, as a browser that was told to trust it sees it."""

import ssl
from pathlib import Path

import httpx
import pytest

from edge.kiosk.certificate import self_signed
from tests.e2e.test_kiosk_page import _serve
from tests.fakes.core_socket import CoreDouble


def test_p35_a_browser_that_trusts_it_reads_the_page_and_another_does_not(
    core: CoreDouble, tmp_path: Path
) -> None:
    made = self_signed("127.0.0.1", ("kiosk.example",), days=30)
    certificate, key = tmp_path / "kiosk.crt", tmp_path / "kiosk.key"
    certificate.write_bytes(made.certificate)
    key.write_bytes(made.key)
    with _serve(core, certificate, key) as port:
        trusting = ssl.create_default_context(cafile=str(certificate))
        assert httpx.get(f"https://127.0.0.1:{port}/", verify=trusting).status_code == 200
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"https://127.0.0.1:{port}/")
        with pytest.raises(httpx.ConnectError, match="mismatch"):
            httpx.get(f"https://localhost:{port}/", verify=trusting)


def test_the_key_is_in_no_representation() -> None:
    made = self_signed("127.0.0.1", (), days=30)
    assert "PRIVATE" not in repr(made) and b"PRIVATE" in made.key
