from inhouse.compat.node_places import Place, Places

DOCUMENT = {
    "1": {"class_type": "Loader", "inputs": {"name": "x"}},
    "2": {"class_type": "Sampler", "inputs": {"model": ["1", 0], "size": [1, 2], "gone": ["9", 0]}},
    "2.5": {"class_type": "Save"},
}


def test_a_node_of_the_workflow_is_itself() -> None:
    assert Places(DOCUMENT).of("2.5", "2.5") == Place("2.5", "2.5", None, "2.5")


def test_a_node_of_an_expansion_goes_back_to_one_of_the_workflow() -> None:
    places = Places(DOCUMENT)
    assert places.of("2.0.0.7", "1") == Place("2.0.0.7", "1", "2", "2")
    assert places.of("2.0.0.7.0.0.1", "2") == Place("2.0.0.7.0.0.1", "2", "2.0.0.7", "2")


def test_an_id_that_a_pack_made_up_is_known_by_what_it_is_shown_as() -> None:
    places = Places(DOCUMENT)
    assert places.of("made-up", "1") == Place("made-up", "1", "1", "1")
    assert places.of("other", "other") == Place("other", "other", None, "other")


def test_somebody_is_to_blame() -> None:
    places = Places(DOCUMENT)
    assert places.culprit(None).node_id == "1"
    places.of("2", "2")
    assert places.culprit(None).node_id == "2"
    assert places.culprit("2.5").node_id == "2.5"
    assert Places({}).culprit(None).node_id == ""


def test_tells_classes_and_sources() -> None:
    places = Places(DOCUMENT)
    assert (places.type_of("2"), places.type_of("9")) == ("Sampler", "")
    assert places.with_sources(["2", "2.5"]) == ["1", "2", "2.5"]
    assert places.with_sources(["2.0.0.7"]) == ["2.0.0.7"]
