"""Guardians' proofs for the privacy officer: listed, and opened with a reason; in the store's thread.

Nobody opens one unseen.
"""

from edge import archive
from edge.domain.errors import InvalidInput
from edge.ipc import officer as protocol
from edge.ipc.messages import Message
from edge.runtime.office import Office
from edge.runtime.waiting import reason_code
from edge.store.rows import GuardianRow


class GuardianProofs:
    """What is kept of those who agreed for a child."""

    def __init__(self, office: Office, key_id: str) -> None:
        """`key_id` names the box's signing key."""
        self._office = office
        self._key = key_id

    def answer(self, request: protocol.AboutGuardian, account: str) -> Message:
        """Return the answer to what `account` asks; InvalidInput `no_such_proof` for an unknown one."""
        match request:
            case protocol.ShowGuardians():
                lines = [
                    protocol.GuardianLine.model_validate({"proof": p.proof, "at_ms": p.at_ms, "by": p.by})
                    for p in self._all()
                ]
                return protocol.GuardianProofs(proofs=tuple(lines))
            case protocol.ExportGuardian():
                return self._export(request, account)

    def _all(self) -> tuple[GuardianRow, ...]:
        return self._office.store.guardian_proofs(self._office.gate.permit_rights())

    def _export(self, request: protocol.ExportGuardian, account: str) -> protocol.Document:
        row = next((one for one in self._all() if one.proof == request.proof), None)
        if row is None:
            raise InvalidInput("find a guardian's proof", "no_such_proof", "see `gatehouse guardians list`")
        store, now = self._office.store, self._office.stamp()
        with store.transaction():
            store.audit(f"officer_{request.method}", f"account-{account}", now["at_ms"])
            store.audit(reason_code(request.reason), row.proof, now["at_ms"])
        shown = store.shown_by_guardian(self._office.gate.permit_rights(), row)
        evidence = archive.GuardianEvidence(
            tenant=store.identity.tenant,
            site=store.identity.site,
            box=store.identity.box,
            at_ms=row.at_ms,
            quality=row.quality,
            words=row.words,
            proof=row.signature.hex(),
            shown=shown.decode(),
        )
        return protocol.Document.of(archive.guardian_file(evidence, self._office.sign, self._key))
