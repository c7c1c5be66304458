"""The words of health: every part at, before and beyond each of its thresholds; the configuration of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.config.health import HealthPolicy
from agent.config.load import validate
from agent.errors import ConfigurationError
from agent.health import KINDS, RANK, Measured, Word, judge, limits, worst

LIMITS = limits(HealthPolicy().model_dump())
RAW = {
    "box": {"name": "B", "ae_title": "B", "data_dir": "d"},
    "source": [{"name": "us1", "driver": "simulator", "object": {"modality": "US"}}],
}
GUIDE = Path(__file__).parents[3] / "docs" / "operations.md"


@pytest.mark.parametrize("kind", [kind for kind, told in KINDS.items() if told.setting])
def test_a_part_changes_its_word_beyond_a_threshold_and_not_at_it(kind: str) -> None:
    limit, step = LIMITS[kind], -1.0 if KINDS[kind].falling else 1.0
    values = {
        limit.attention - step: Word.OK,
        limit.attention: Word.OK,
        limit.attention + step: Word.ATTENTION,
        limit.failing: Word.ATTENTION,
        limit.failing + step: Word.FAILING,
    }
    assert {v: judge(Measured(kind=kind, name="", value=v), LIMITS) for v in values} == values


def test_the_clock_needs_somebody_who_vouches_for_it() -> None:
    said = [judge(Measured(kind="clock", name="", value=value), LIMITS) for value in (0, 1, 2)]
    assert said == [Word.OK, Word.ATTENTION, Word.FAILING]


def test_the_worst_part_speaks_for_the_box_and_is_the_exit_status() -> None:
    assert worst(()) is Word.OK
    assert worst((Word.ATTENTION, Word.OK)) is Word.ATTENTION
    assert worst((Word.ATTENTION, Word.FAILING, Word.OK)) is Word.FAILING
    assert [RANK[word] for word in Word] == [0, 1, 2]


def test_every_threshold_of_the_configuration_belongs_to_a_part_and_is_used() -> None:
    used = {f"{kind.setting}_{word}" for kind in KINDS.values() if kind.setting for word in ("attention", "failing")}
    assert used == set(HealthPolicy.model_fields)


@pytest.mark.parametrize(
    ("health", "key"),
    [
        ({"queue_min_attention": 60, "queue_min_failing": 59}, "health.queue_min_failing"),
        ({"queue_min_failing": 10}, "health.queue_min_failing"),
        ({"disk_images_attention": 10, "disk_images_failing": 11}, "health.disk_images_failing"),
    ],
)
def test_failing_before_attention_is_refused(tmp_path: Path, health: dict[str, int], key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        validate({**RAW, "health": health}, "f", tmp_path)
    (problem,) = caught.value.problems
    assert key in problem
    assert "must not be reached before" in problem


def test_equal_thresholds_leave_out_attention(tmp_path: Path) -> None:
    told = validate({**RAW, "health": {"queue_min_attention": 5, "queue_min_failing": 5}}, "f", tmp_path).health
    assert judge(Measured(kind="queue", name="", value=301), limits(told.model_dump())) is Word.FAILING


def test_the_guide_tells_every_part_as_it_is_measured() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE))
    assert {name: rows.get(name) for name in KINDS} == {name: kind.measures for name, kind in KINDS.items()}
