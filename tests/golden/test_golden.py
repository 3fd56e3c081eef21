"""Workflows give the results that ComfyUI gave for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.golden.compare import CASES, HERE, differences
from tests.golden.models import MODELS, kinds_named, make_models

from inhouse.compat.document import read_workflow
from inhouse.workers.session import Places, Session, open_session

EVERY_DAY = (
    "cn_stack2_adv",
    "f_batch3",
    "f_cond_setarea",
    "f_inpaint_vaeencodeforinpaint",
    "f_ksadv_two_stage",
    "f_lora_1.0",
    "f_prompt_long_gt77",
    "f_prompt_weight_escaped",
    "i_euler_ancestral_d0.6",
    "inp_txt2img_128x96",
    "l_emb_long",
    "l_stack3_locon_loha_dora",
    "m_dpmpp_2m_sde__karras",
    "m_uni_pc__normal",
    "mm_both_0.6",
)
"""One case of each kind that a small checkpoint is enough for; `make soak` runs them all."""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    places = Places(MODELS, HERE / "inputs", tmp_path_factory.mktemp("golden"))
    with open_session(places, reference=True) as opened:
        yield opened


def check_case(session: Session, name: str) -> None:
    workflow = CASES[name] / "workflow_api.json"
    make_models(*kinds_named(workflow.read_text(encoding="utf-8")))
    result = session.engine.run(read_workflow(workflow, session.registry))
    assert not result.failures
    shown = [item for ui in result.outputs.values() for items in ui.values() for item in items]
    made = [Path(session.folders.output, item["subfolder"], item["filename"]) for item in shown]
    too_far = [found for found in differences(CASES[name], made) if not found.within]
    assert not too_far


@pytest.mark.parametrize("name", EVERY_DAY)
def test_a_case_of_each_kind(session: Session, name: str) -> None:
    check_case(session, name)


@pytest.mark.soak
@pytest.mark.parametrize("name", [name for name in sorted(CASES) if name not in EVERY_DAY])
def test_every_other_case(session: Session, name: str) -> None:
    check_case(session, name)
