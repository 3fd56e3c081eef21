from __future__ import annotations

import os
import socket
import subprocess
import sys

from inhouse.packs.benchmark.processes import ProcessTree, listener


def test_children_count() -> None:
    program = "import sys; block = b'x' * 40_000_000; print(flush=True); sys.stdin.read()"
    tree = ProcessTree(os.getpid())
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        alone = ProcessTree(child.pid).memory()
        assert alone > 40_000_000
        assert tree.memory() > alone
        assert tree.cpu() > 0
        child.kill()


def test_a_process_that_is_gone_takes_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert (ProcessTree(child.pid).cpu(), ProcessTree(child.pid).memory()) == (0, 0)


def test_whoever_listens_on_this_machine_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listener("127.0.0.1", port) == os.getpid()
        assert listener("elsewhere.example", port) is None
    assert listener("127.0.0.1", port) is None
