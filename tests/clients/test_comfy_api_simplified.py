"""comfy-api-simplified, as it comes, submits a workflow, hears how it goes, and gets the picture."""

from __future__ import annotations

from typing import Any

import pytest
from comfy_api_simplified import ComfyApiWrapper, ComfyWorkflowWrapper
from tests.gateway import Gateway


@pytest.fixture
def api(served: Gateway) -> ComfyApiWrapper:
    return ComfyApiWrapper(f"http://127.0.0.1:{served.port}")


def test_it_draws_a_picture(api: ComfyApiWrapper, served: Gateway, workflow: dict[str, Any]) -> None:
    wrapped = ComfyWorkflowWrapper(workflow)
    wrapped.set_node_param("sampler", "seed", 5)
    [(name, picture)] = api.queue_and_wait_images(wrapped, "Save Image").items()
    assert picture == (served.folder / "output" / name).read_bytes()


def test_it_uploads_a_picture_and_runs_a_workflow_on_it(
    api: ComfyApiWrapper, served: Gateway, workflow: dict[str, Any]
) -> None:
    [(name, picture)] = api.queue_and_wait_images(ComfyWorkflowWrapper(workflow), "Save Image").items()
    told = api.upload_image(str(served.folder / "output" / name))
    inverted = ComfyWorkflowWrapper(
        {
            "1": {
                "class_type": "LoadImage",
                "inputs": {"image": f"{told['subfolder']}/{told['name']}"},
                "_meta": {"title": "picture"},
            },
            "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}, "_meta": {"title": "invert"}},
            "3": {
                "class_type": "SaveImage",
                "inputs": {"images": ["2", 0], "filename_prefix": "inverted"},
                "_meta": {"title": "save"},
            },
        }
    )
    [(_, changed)] = api.queue_and_wait_images(inverted, "save").items()
    assert changed.startswith(b"\x89PNG")
    assert changed != picture
