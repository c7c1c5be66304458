"""The sandbox's archive takes responsibility for what it has (PS3.4 Annex J), and misbehaves about it on demand.

A report goes out over a new association to the box's listener, with role selection, as PS3.4 J.3.3 allows; faults
make it come twice, without role selection, never, or say that everything was lost.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID
from pynetdicom import AE, build_role

from agent.dimse.sandbox.faults import FaultFile

StorageCommitmentPushModel, StorageCommitmentPushModelInstance = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
NO_SUCH_OBJECT, RESOURCE_LIMITATION = 0x0112, 0x0213
_TIMEOUT_S = 10.0


class Committing:
    """Answers N-ACTION and sends the reports. `holds` says whether an instance is in the archive."""

    def __init__(
        self,
        ae_title: str,
        holds: Callable[[str], bool],
        forget: Callable[[], None],
        faults: FaultFile,
        *,
        calling_ae_title: str,
        port: int,
        tls: ssl.SSLContext,
    ) -> None:
        self._ae_title, self._holds, self._forget, self._faults = ae_title, holds, forget, faults
        self._box, self._port, self._tls = calling_ae_title, port, tls

    def take(self, event: Any) -> tuple[int, None]:
        """Return the status for one request; the report follows by itself."""
        how = self._faults.now().commitment
        if how == "refuse":
            return RESOURCE_LIMITATION, None
        if how == "forget":
            self._forget()
        report = self._report(event.action_information)
        if how != "never":
            threading.Thread(target=self._tell, args=(report, how), daemon=True).start()
        return 0x0000, None

    def _report(self, asked: Dataset) -> Dataset:
        report = Dataset()
        report.TransactionUID = asked.TransactionUID
        pairs = [(i.ReferencedSOPClassUID, i.ReferencedSOPInstanceUID) for i in asked.ReferencedSOPSequence]
        held = [pair for pair in pairs if self._holds(str(pair[1]))]
        report.ReferencedSOPSequence = Sequence([_item(*pair) for pair in held])
        if len(held) < len(pairs):
            report.FailedSOPSequence = Sequence([_item(*p, NO_SUCH_OBJECT) for p in pairs if p not in held])
        return report

    def _tell(self, report: Dataset, how: str) -> None:
        entity = AE(ae_title=self._ae_title)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = _TIMEOUT_S
        entity.connection_timeout = _TIMEOUT_S
        entity.add_requested_context(StorageCommitmentPushModel)
        role = build_role(UID(StorageCommitmentPushModel), scp_role=True)
        roles: list[Any] = [] if how == "without roles" else [role]
        association = entity.associate(
            "127.0.0.1", self._port, ae_title=self._box, ext_neg=roles, tls_args=(self._tls, "127.0.0.1")
        )
        if not association.is_established:
            return
        if not roles:
            association.accepted_contexts[0]._as_scp = True  # noqa: SLF001 - as archives do that negotiate no role
        for _ in range(2 if how == "twice" else 1):
            association.send_n_event_report(
                report,
                2 if "FailedSOPSequence" in report else 1,
                UID(StorageCommitmentPushModel),
                UID(StorageCommitmentPushModelInstance),
            )
        association.release()


def _item(sop_class: str, instance: str, reason: int | None = None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, instance
    if reason is not None:
        item.FailureReason = reason
    return item
