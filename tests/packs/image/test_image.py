import subprocess
import sys

import pytest

from inhouse.files import PICTURES


@pytest.mark.parametrize(("name", "offered"), [("a.PNG", True), ("b.jpeg", True), ("c.txt", False), ("png", False)])
def test_only_pictures_are_offered(name: str, offered: bool) -> None:  # noqa: FBT001 - a table of cases
    assert bool(PICTURES.search(name)) is offered


def test_declaring_the_nodes_imports_no_heavy_library() -> None:
    code = (
        "import sys; from inhouse.packs import flow, image, text;"
        "[list(pack.register_nodes()) for pack in (flow, image, text)];"
        "print([name for name in ('torch', 'PIL', 'numpy', 'regex') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
