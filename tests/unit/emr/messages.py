"""HL7 messages as order systems send them."""

PID = "PID|1||BN001^^^BV^MR~079080001234^^^BCA^NI||NGUYỄN^VĂN ÁNH||19800412|M"


def orm(
    control: str = "NW",
    *,
    control_id: str = "1",
    placer: str = "DH1",
    at: str = "20261123080000",
    pid: str = PID,
    charset: str = "UNICODE UTF-8",
    text: str = "CT sọ não",
) -> str:
    """Return an ORM^O01 of 2.3.1."""
    return "\r".join(
        (
            f"MSH|^~\\&|HIS|BV|PACSGW||{at}||ORM^O01|{control_id}|P|2.3.1||||||{charset}",
            pid,
            "PV1|1|I|NOI2^P5^G3|||||BS01^TRẦN^THỊ BÌNH",
            f"ORC|{control}|{placer}^HIS|||||^^^20261123083000^^S||{at}|||BS01^LÊ^VĂN CƯỜNG",
            f"OBR|1|{placer}^HIS||CT01^{text}^BV|||||||||đau đầu||^^^Đầu|||ACC{placer}|||CT1|||CT",
            "",
        )
    )


def omi(*, control_id: str = "2", placer: str = "DH2") -> str:
    """Return an OMI^O23 of 2.5.1 with two scheduled steps."""
    return "\r".join(
        (
            (
                f"MSH|^~\\&|HIS|BV|PACSGW||20261123090000+0700||OMI^O23^OMI_O23|{control_id}|P|2.5.1"
                "||||||UNICODE UTF-8"
            ),
            PID,
            "PV1|1|O|KHOA KHÁM",
            f"ORC|NW|{placer}^HIS|||||||20261123090000",
            "TQ1|1||||||20261123100000+0700||R",
            f"OBR|1|{placer}^HIS||MR01^MRI cột sống^BV",
            "IPC|ACC9^BV|RP1|1.2.840.1.9|S1|MR|P1^Cột sống cổ|MRI1|^P.201|MR_AE",
            "IPC|ACC9^BV|RP1|1.2.840.1.9|S2|MR|P2^Cột sống ngực|MRI1|^P.201|MR_AE",
            "",
        )
    )


def merge(kept: str = "BN009", gone: str = "BN001", *, control_id: str = "3") -> str:
    """Return an ADT^A40."""
    return "\r".join(
        (
            (
                f"MSH|^~\\&|HIS|BV|PACSGW||20261123090000||ADT^A40|{control_id}|P|2.5.1"
                "||||||UNICODE UTF-8"
            ),
            "EVN|A40|20261123090000",
            f"PID|1||{kept}^^^BV^MR||NGUYỄN^VĂN ÁNH||19800412|M",
            f"MRG|{gone}^^^BV^MR",
            "",
        )
    )
