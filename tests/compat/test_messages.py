import json

import pytest

from inhouse.compat.messages import PlainPreviewMessage, PreviewMessage, TextMessage
from inhouse.engine.events import Picture


def test_text_is_written_once_however_many_hear_it() -> None:
    message = TextMessage("executing", {"node": "1"})
    assert json.loads(message.frame()) == {"type": "executing", "data": {"node": "1"}}
    assert message.frame() is message.frame(with_metadata=True)


@pytest.mark.parametrize(("media_type", "number"), [("image/jpeg", 1), ("image/png", 2)])
def test_a_preview_is_told_in_the_form_that_a_client_knows(media_type: str, number: int) -> None:
    picture = Picture(b"picture", media_type)
    assert PlainPreviewMessage(picture).frame(with_metadata=True) is None
    plain = PlainPreviewMessage(picture).frame(with_metadata=False)
    assert plain == (1).to_bytes(4, "big") + number.to_bytes(4, "big") + b"picture"

    rich = PreviewMessage(picture, {"node_id": "3"})
    assert rich.frame(with_metadata=False) is None
    frame = rich.frame(with_metadata=True) or b""
    size = int.from_bytes(frame[4:8], "big")
    assert frame[:4] == (4).to_bytes(4, "big")
    assert json.loads(frame[8 : 8 + size]) == {"node_id": "3", "image_type": media_type}
    assert frame[8 + size :] == b"picture"
