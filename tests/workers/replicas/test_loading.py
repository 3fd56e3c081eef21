"""What a replica loads, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys

from inhouse.workers.replicas.loading import registry_of


def test_only_the_packs_that_have_the_nodes_are_loaded() -> None:
    assert "KSampler" not in registry_of(["Tokenize", "RunModel"])
    wide = registry_of(["Tokenize", "KSampler"])
    assert "Tokenize" in wide
    assert "KSampler" in wide


def test_a_replica_of_texts_imports_neither_torch_nor_what_draws() -> None:
    code = (
        "import sys\n"
        "from inhouse.workers.replicas import host, loading, rows, warming\n"
        "import inhouse.packs.inference.tokens, inhouse.packs.inference.sessions\n"
        "loading.registry_of(['ServiceInput', 'Tokenize', 'RunModel', 'SelectTensor', 'ServiceOutput'])\n"
        "heavy = {'torch', 'transformers', 'matplotlib', 'PIL', 'pydicom', 'scipy', 'fastapi'} & sys.modules.keys()\n"
        "print(*sorted(heavy))\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
