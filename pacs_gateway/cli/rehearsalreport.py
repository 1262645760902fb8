"""One page on whether a backup can be relied on, in Vietnamese and English, to print and file."""

from datetime import datetime
from pathlib import Path

from pacs_gateway.archive.backup import created_at
from pacs_gateway.archive.restore import Rehearsed

SHOWN = 20
"""Faults told of one kind; the page stays one page."""


def page(result: Rehearsed, folder: Path, at: datetime) -> str:
    """Return the page as text."""
    manifest = result.manifest
    verdict = (
        "ĐẠT: có thể khôi phục từ bản sao lưu này.\nPASSED: this backup can be restored."
        if result.passed
        else "KHÔNG ĐẠT: đừng tin vào bản sao lưu này; hãy tạo bản mới.\n"
        "FAILED: do not rely on this backup; make another one."
    )
    lines = [
        "BIÊN BẢN DIỄN TẬP KHÔI PHỤC / RESTORE DRILL",
        "=" * 60,
        verdict,
        "",
        _row("Ngày diễn tập", "Date of drill", _shown(at)),
        _row("Bản sao lưu", "Backup", str(folder)),
        _row("Tạo lúc", "Made at", _shown(created_at(manifest))),
        _row("Phiên bản", "Version", manifest.version),
        _row("Ca chụp", "Studies", f"{manifest.rows.get('studies', 0):,}"),
        _row("Ảnh", "Objects", f"{manifest.objects:,} ({manifest.object_bytes / 1e9:,.1f} GB)"),
        _row("Tài khoản", "Accounts", f"{manifest.rows.get('users', 0):,}"),
        _row("Dòng nhật ký", "Audit rows", f"{manifest.audit_seq:,}"),
        "",
        *_checks(result),
        "",
        "Người thực hiện / Done by: ______________________   Ký / Signature: ______________",
    ]
    return "\n".join(lines) + "\n"


def _checks(result: Rehearsed) -> list[str]:
    counts = [f"{name}: {then} -> {now}" for name, (then, now) in result.wrong_counts.items()]
    objects = [f"{key}: {wrong}" for key, wrong in result.spoiled_objects]
    return [
        *_check("Tệp nguyên vẹn", "Files are whole", result.damaged_files),
        *_check(
            "Cơ sở dữ liệu mở được", "Database opens and is sound", [] if result.sound else ["-"]
        ),
        *_check("Số dòng đúng", "Row counts agree", counts),
        *_check(
            "Chuỗi nhật ký đúng",
            "Audit chain is unbroken",
            [result.audit_fault] if result.audit_fault else [],
        ),
        *_check(
            f"Ảnh mẫu đúng mã băm ({result.sampled})", "Sampled objects have their digests", objects
        ),
    ]


def _check(vietnamese: str, english: str, faults: list[str]) -> list[str]:
    mark = "[x]" if not faults else "[ ]"
    more = [f"      and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
    shown = [f"      {fault}" for fault in faults[:SHOWN]]
    return [f"{mark} {vietnamese} / {english}", *shown, *more]


def _row(vietnamese: str, english: str, value: str) -> str:
    return f"{vietnamese + ' / ' + english + ':':<32} {value}"


def _shown(at: datetime) -> str:
    return at.astimezone().strftime("%d/%m/%Y %H:%M %z")
