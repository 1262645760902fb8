"""Puts what peers ask for and get into the audit trail."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta

from pynetdicom.association import Association

from pacs_gateway.audit import acts
from pacs_gateway.audit.acts import Who
from pacs_gateway.dimse.transport import remote_address
from storage.auditlog import AuditLog
from storage.index import Index
from storage.records import StoredInstance

AGAIN_AFTER = timedelta(minutes=30)
"""A workstation asks the same for its list every minute, which is one act."""


class PeerRecorder:
    """Records for the services; raises UnavailableError, and then nothing is answered."""

    def __init__(self, log: AuditLog, index: Index) -> None:
        self._log = log
        self._index = index

    def searched(self, assoc: Association, level: str, keys: Mapping[str, str]) -> None:
        """Record a C-FIND, before its first answer."""
        query = "&".join(f"{name}={value}" for name, value in sorted(keys.items()) if value)
        self._log.append(
            acts.searched(
                _who(assoc), where=f"C-FIND {level}", query=query, again_after=AGAIN_AFTER
            )
        )

    def sent(
        self,
        assoc: Association,
        instances: Iterable[StoredInstance],
        *,
        destination: str,
        service: str,
    ) -> None:
        """Record what a C-MOVE or C-GET is about to send, one row for each study."""
        who = _who(assoc)
        for study_uid, number in Counter(each.study_uid for each in instances).items():
            self._log.append(
                acts.sent(
                    who,
                    study_uid=study_uid,
                    patient_id=self._index.patient_id(study_uid),
                    instances=number,
                    destination=destination,
                    service=service,
                )
            )


def _who(assoc: Association) -> Who:
    title, address = str(assoc.requestor.ae_title).strip(), remote_address(assoc)
    return Who(name=title, role="peer", address=address, session=f"{title}@{address}")
