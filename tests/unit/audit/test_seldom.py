"""What is refused again and again is told once in a while, and a flood tells a bounded number of things."""

from agent.seldom import Seldom


def test_the_same_is_told_again_after_its_time_and_a_flood_is_bounded() -> None:
    now = 0.0
    seldom = Seldom(seconds=600.0, most=3, clock=lambda: now)
    assert [seldom.first("a") for _ in range(3)] == [True, False, False]
    now = 599.0
    assert not seldom.first("a")
    now = 600.0
    assert seldom.first("a")
    assert [seldom.first(f"x{n}") for n in range(5)] == [True, True, False, False, False]
    now = 1200.0
    assert seldom.first("x4")
