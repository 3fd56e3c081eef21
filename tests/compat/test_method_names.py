from inhouse.compat.method_names import METHODS, saving_attributes
from inhouse.plugins import build_registry, load_packs


def test_every_name_is_that_of_a_node_that_we_have() -> None:
    registry = build_registry(load_packs(installed=False))
    assert [node_id for node_id in METHODS if node_id not in registry] == []


def test_only_classes_that_save_have_a_folder() -> None:
    assert saving_attributes("VAEDecode", str) == {}
    assert saving_attributes("SaveImage", str)["type"] == "output"
