"""What this machine can do at all: its loopback, its disk, and nginx with the same bytes."""

import http.client
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from benchmarks.rows import Row
from tests.servers import free_port
from tests.servers.processes import running

ROUNDS = 3
FRAME_BYTES = 512 * 512 * 2
FILES = 400
REQUESTS = 200
NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{}}
http {{ access_log off; sendfile on; tcp_nopush on;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; root {folder}; }} }}
"""


def limits() -> Iterator[Row]:
    """Measure what no server on this machine can surpass."""
    with TemporaryDirectory(prefix="benchmark-limits-") as name:
        folder = Path(name)
        yield Row(
            case="limit: files of 0.5 MB written and synced",
            unit="/s",
            ours=[_synced_files_a_second(folder) for _ in range(ROUNDS)],
        )
        yield Row(
            case="limit: loopback, one socket",
            unit="MB/s",
            ours=[_sent_megabytes_a_second() for _ in range(ROUNDS)],
        )
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if program is not None:
            yield Row(
                case="limit: nginx, 525 kB", unit="ms", ours=_nginx_ms(program, folder), aim=None
            )


def _synced_files_a_second(folder: Path) -> float:
    """Write, sync, rename and sync the folder, as whoever acknowledges an image must."""
    content = os.urandom(FRAME_BYTES)
    began = time.perf_counter()
    handle = os.open(folder, os.O_RDONLY)
    for number in range(FILES):
        path = folder / f"{number}.part"
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fdatasync(file.fileno())
        path.rename(path.with_suffix(".dcm"))
        os.fsync(handle)
    os.close(handle)
    return FILES / (time.perf_counter() - began)


def _sent_megabytes_a_second() -> float:
    piece, count = bytes(1 << 20), 1000
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            buffer = bytearray(1 << 20)
            with listener.accept()[0] as taken:
                while taken.recv_into(buffer):
                    pass

        taker = Thread(target=take)
        taker.start()
        began = time.perf_counter()
        with socket.create_connection(listener.getsockname()) as sender:
            for _ in range(count):
                sender.sendall(piece)
        taker.join()
    return count * len(piece) / 1e6 / (time.perf_counter() - began)


def _nginx_ms(program: str, folder: Path) -> list[float]:
    port = free_port()
    folder.chmod(0o755)
    (folder / "frame").write_bytes(os.urandom(FRAME_BYTES))
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, port=port))

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    command = (program, "-c", str(configuration))
    with running(command, log=folder / "nginx.log", ready=answers):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        return [_asked_ms(connection) for _ in range(REQUESTS)]


def _asked_ms(connection: http.client.HTTPConnection) -> float:
    began = time.perf_counter()
    connection.request("GET", "/frame")
    connection.getresponse().read()
    return (time.perf_counter() - began) * 1e3
