"""Invariant: who holds its lock is alive, and two processes never write one file of counts."""

import subprocess
import sys
from pathlib import Path

from pacs_gateway.measuring.sharing import running_roles, tidy

JOIN = """
import sys
from pathlib import Path
from prometheus_client import CollectorRegistry, Counter
from pacs_gateway.measuring.sharing import Membership
membership = Membership(Path(sys.argv[1]), "dicom-0")
Counter("images", "Images.", registry=CollectorRegistry()).inc()
print(membership.name, flush=True)
sys.stdin.read()
"""


def joined(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", JOIN, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def name_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_second_process_of_a_name_counts_beside_the_first(tmp_path: Path) -> None:
    with joined(tmp_path) as first:
        assert name_of(first) == "dicom-0"
        with joined(tmp_path) as second:
            other = name_of(second)
            assert other == f"dicom-0.{second.pid}"
            assert running_roles(tmp_path) == ["dicom-0", other]
            tidy(tmp_path)
            assert (tmp_path / f"counter_{other}.db").exists()
            second.communicate()
        assert running_roles(tmp_path) == ["dicom-0"]
        tidy(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "counter_dicom-0.db",
            "dicom-0.lock",
        ]
        first.communicate()
    assert running_roles(tmp_path) == []
