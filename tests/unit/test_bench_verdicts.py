"""`scripts/bench verdicts` in a small form: findings right in number, all figures there; judges no time."""

from pathlib import Path

from scripts.site.measuring.verdicts import measure


def test_a_small_box_is_judged_and_measured(tmp_path: Path) -> None:
    found = measure(tmp_path, reports=40, deals=8, count=2)
    assert found["findings"] == 48
    assert sum(found["verdicts"].values()) == 48 and set(found["verdicts"]) == {"NORMAL", "RISK", "UNKNOWN"}
    assert found["verdict_incremental_ms"]["n"] == 6
    assert found["verdicts_cold_s"] > found["judged_again_unchanged_s"] > 0
    assert min(found["floor_s"], found["rules_alone_us"], found["inputs_mean_bytes"]) > 0
