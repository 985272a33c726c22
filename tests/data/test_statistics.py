"""The statistics of studies keep their promises: checked by simulation, with the assignment as it is.

Each simulated study deals its people by `arm_of_slot`, gives every person several turns that are alike,
lets practice make the second variant quicker, takes each person's median, and compares. The seed is
fixed and the number of studies such that the limits are more than three standard errors away.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from data.assignment import arm_of_slot, arms_of
from data.distributions import chi_square_tail, even_split_p, t_cdf, t_quantile
from data.statistics import PersonValues, as_unit, compare, detectable, from_unit, power
from data.study_metrics import Kind

STUDIES = 2500
TURNS = 5
SIZES = (8, 12, 20, 60)
PRACTICE = -0.3  # the second half of a session goes quicker, whatever the variant
PER_PERSON = 0.3  # how differently people take the same variant (a standard deviation)
PER_TURN = 0.5


def arms_dealt(people: int, design: str) -> list[tuple[str, ...]]:
    arms = arms_of(("a", "b"), design)
    return [arm_of_slot(arms, slot, b"secret", "simulated") for slot in range(people)]


def simulated(people: int, design: str, kind: Kind, effect: float, seed: int) -> list[list[PersonValues]]:
    """Studies with their people's medians; under `b` everything is `effect` more (analysis unit)."""
    rng = np.random.default_rng([seed, people])
    dealt = arms_dealt(people, design)
    places = max(map(len, dealt))
    shift = np.zeros((people, places))
    for person, arm in enumerate(dealt):
        for place, name in enumerate(arm):
            shift[person, place] = (effect if name == "b" else 0) + PRACTICE * place
    self = rng.normal(0, 0.6, (STUDIES, people, 1)) + rng.normal(0, PER_PERSON, (STUDIES, people, places))
    turns = (self + shift)[..., None] + rng.normal(0, PER_TURN, (STUDIES, people, places, TURNS))
    if kind == "time":
        medians = np.median(np.exp(7.5 + turns), axis=3)  # around 1.8 s, in ms
    else:
        medians = np.median(np.clip(np.round(4.5 + 1.5 * turns), 1, 7), axis=3)
    return [
        [
            PersonValues(str(number), arm, dict(zip(arm, values, strict=False)))
            for number, (arm, values) in enumerate(zip(dealt, study.tolist(), strict=True))
        ]
        for study in medians
    ]


def shares(studies: list[list[PersonValues]], design: str, kind: Kind, true: float) -> tuple[float, float]:
    """How often the interval holds the true difference, and how often a difference is said to be found."""
    found = [compare(people, "a", "b", kind, design) for people in studies]
    holds = [each is not None and each.low <= true <= each.high for each in found]
    clear = [each is not None and each.clear for each in found]
    return float(np.mean(holds)), float(np.mean(clear))


@pytest.mark.parametrize("kind", ["time", "rating"])
@pytest.mark.parametrize("design", ["within", "between"])
@pytest.mark.parametrize("people", SIZES)
def test_with_no_effect_at_most_6_in_100_studies_find_one(people: int, design: str, kind: Kind) -> None:
    studies = simulated(people, design, kind, 0.0, seed=1)
    coverage, false = shares(studies, design, kind, true=0.0)
    assert false <= 0.06
    assert 0.93 <= coverage <= 0.97


@pytest.mark.parametrize("design", ["within", "between"])
@pytest.mark.parametrize("people", SIZES)
def test_the_interval_holds_a_true_effect_and_power_is_as_computed(people: int, design: str) -> None:
    if design == "within":
        # The spread of a person's difference of two medians; of one median, with the person's own level.
        spread = np.sqrt(2 * (PER_PERSON**2 + median_variance()))
    else:
        spread = np.sqrt(0.6**2 + PER_PERSON**2 + median_variance())
    effect = detectable(spread, people, design, wanted=0.6)
    assert effect is not None
    studies = simulated(people, design, "time", effect, seed=2)
    coverage, found = shares(studies, design, "time", true=as_unit(effect, "time"))
    assert 0.93 <= coverage <= 0.97
    assert found == pytest.approx(0.6, abs=0.04)


def median_variance() -> float:
    """Of the median of a person's turns, by its own large simulation."""
    rng = np.random.default_rng(3)
    return float(np.var(np.median(rng.normal(0, PER_TURN, (200_000, TURNS)), axis=1)))


# Conversations with or without a suggestion, one for each variant; answers of which every tenth is stopped.
HABITS = {"one conversation in two": (1, 0.5), "one answer in ten": (5, 0.1)}


@pytest.mark.parametrize("habit", HABITS)
@pytest.mark.parametrize("design", ["within", "between"])
@pytest.mark.parametrize("people", SIZES)
def test_shares_find_nothing_in_nothing_and_hold_a_true_difference(
    people: int, design: str, habit: str
) -> None:
    """Where hardly anybody does it, intervals of shares hold more often than they promise: no upper limit."""
    _, false = shares(shared_out(people, design, habit, 0.0), design, "share", true=0.0)
    assert false <= 0.06
    true = 25 * (1 - HABITS[habit][1])
    coverage, found = shares(shared_out(people, design, habit, 0.25), design, "share", true)
    assert coverage >= 0.93
    assert coverage <= 0.975 or people < 60
    assert found > false


def shared_out(people: int, design: str, habit: str, effect: float) -> list[list[PersonValues]]:
    """Studies with each person's shares; under `b` it is done in `effect` of the cases where it was not."""
    rng = np.random.default_rng([7, people])
    times, usual = HABITS[habit]
    dealt = arms_dealt(people, design)
    own = rng.beta(4 * usual, 4 * (1 - usual), (1500, people, 1))
    extra = np.array([[effect if name == "b" else 0.0 for name in arm] for arm in dealt])
    done = rng.binomial(times, own + extra * (1 - own)) / times
    return [
        [
            PersonValues(str(number), arm, dict(zip(arm, values, strict=False)))
            for number, (arm, values) in enumerate(zip(dealt, study.tolist(), strict=True))
        ]
        for study in done
    ]


@pytest.mark.parametrize("design", ["within", "between"])
def test_three_variants_share_one_chance_to_find_nothing_in_nothing(design: str) -> None:
    rng = np.random.default_rng(8)
    arms = arms_of(("a", "b", "c"), design)
    dealt = [arm_of_slot(arms, slot, b"secret", "three") for slot in range(12)]
    found = 0
    for _ in range(1500):
        people = []
        for number, arm in enumerate(dealt):
            own = rng.normal(0, 0.6)
            values = {
                name: float(np.exp(8 + own - 0.3 * n + rng.normal(0, 0.3))) for n, name in enumerate(arm)
            }
            people.append(PersonValues(str(number), arm, values))
        differences = [compare(people, "a", other, "time", design, level=0.975) for other in "bc"]
        assert {each.level for each in differences if each} == {0.975}
        found += any(each is not None and each.clear for each in differences)
    assert found / 1500 <= 0.06


def test_practice_does_not_widen_the_interval() -> None:
    widths = {}
    for practice in (0.0, -3.0):
        rng = np.random.default_rng(4)
        people = []
        for number, arm in enumerate(arms_dealt(12, "within")):
            values = {
                name: float(np.exp(8 + practice * place + rng.normal(0, 0.3)))
                for place, name in enumerate(arm)
            }
            people.append(PersonValues(str(number), arm, values))
        found = compare(people, "a", "b", "time", "within")
        assert found is not None
        widths[practice] = (found.low, found.high)
    assert widths[0.0] == pytest.approx(widths[-3.0])


@pytest.mark.parametrize(("sizes", "spreads"), [((2, 6), (1, 1)), ((4, 4), (1, 3)), ((5, 15), (1, 2))])
def test_uneven_groups_and_unlike_spreads_keep_the_interval_near_its_promise(
    sizes: tuple[int, int], spreads: tuple[float, float]
) -> None:
    """After drop-outs, or where a variant makes people differ more; a bootstrap of medians holds 81 %."""
    rng = np.random.default_rng(6)
    holds = 0
    for _ in range(STUDIES):
        people = [
            PersonValues(f"{name}{n}", (name,), {name: float(5 + rng.normal(0, spread))})
            for name, size, spread in zip("ab", sizes, spreads, strict=True)
            for n in range(size)
        ]
        found = compare(people, "a", "b", "rating", "between")
        holds += found is not None and found.low <= 0 <= found.high
    assert 0.92 <= holds / STUDIES <= 0.97


def test_per_turn_tests_would_cry_wolf_and_per_person_ones_do_not() -> None:
    """Why medians of people: turns of one person taken for independent find what is not there."""
    rng = np.random.default_rng(5)
    wolf = 0
    for _ in range(1000):
        levels = rng.normal(0, 0.6, 8)
        turns = levels[:, None] + rng.normal(0, 0.5, (8, 10))
        wolf += stats.ttest_ind(turns[:4].ravel(), turns[4:].ravel()).pvalue < 0.05
    assert wolf / 1000 > 0.3


@pytest.mark.parametrize("design", ["within", "between"])
def test_power_is_that_of_the_t_test(design: str) -> None:
    for people, effect in itertools.product(SIZES, (0.2, 0.5, 1.0)):
        if design == "within":
            df, shift = people - 2, effect * np.sqrt(people)
        else:
            df, shift = people - 2, effect / np.sqrt(4 / people)
        critical = stats.t.ppf(0.975, df)
        expected = stats.nct.sf(critical, df, shift) + stats.nct.cdf(-critical, df, shift)
        assert power(effect, 1.0, people, design) == pytest.approx(expected, abs=2e-3)
    found = detectable(1.0, 12, design)
    assert found is not None
    assert power(found, 1.0, 12, design) == pytest.approx(0.8, abs=1e-6)
    assert power(1.0, 1.0, 2, design) == 0.0
    assert detectable(1.0, 2, design) is None


def test_the_distributions_are_those_of_scipy() -> None:
    for x, df in itertools.product((-5, -0.1, 0, 0.3, 2, 60), (1, 2, 3, 6.5, 58.3, 400)):
        assert t_cdf(x, df) == pytest.approx(stats.t.cdf(x, df), abs=1e-10)
    for share, df in itertools.product((0.01, 0.5, 0.975, 0.9999), (1, 2, 6.5, 58)):
        assert t_quantile(share, df) == pytest.approx(stats.t.ppf(share, df), rel=1e-7, abs=1e-9)
    for x, df in itertools.product((0, 0.01, 5, 20), (1, 2, 3, 4, 7)):
        assert chi_square_tail(x, df) == pytest.approx(stats.chi2.sf(x, df), abs=1e-12)
    for one in range(9):
        assert even_split_p(one, 8 - one) == pytest.approx(stats.binomtest(one, 8).pvalue)


def test_what_cannot_be_compared_is_none_and_what_is_alike_is_no_difference() -> None:
    one = PersonValues("p", ("a", "b"), {"a": 5.0, "b": 6.0})
    assert compare([], "a", "b", "rating", "within") is None
    assert compare([one], "a", "b", "rating", "within") is None
    assert compare([one], "a", "b", "rating", "between") is None
    same = [PersonValues(str(n), ("a", "b")[:: 1 if n % 2 else -1], {"a": 4.0, "b": 4.0}) for n in range(6)]
    found = compare(same, "a", "b", "rating", "within")
    assert found is not None
    assert (found.estimate, found.low, found.high, found.clear, found.p) == (0, -1 / 12, 1 / 12, False, 1)


def test_everybody_in_the_same_order_can_still_be_compared() -> None:
    people = [PersonValues(str(n), ("a", "b"), {"a": 4.0, "b": 5.0 + n % 2}) for n in range(6)]
    found = compare(people, "a", "b", "rating", "within")
    assert found is not None
    assert found.estimate == pytest.approx(1.5)


def test_units_are_percent_points_and_percentage_points() -> None:
    people = [
        PersonValues(str(n), ("a", "b")[:: 1 if n % 2 else -1], {"a": 1000.0 + n, "b": 800.0 + 0.8 * n})
        for n in range(8)
    ]
    found = compare(people, "a", "b", "time", "within")
    assert found is not None
    assert found.estimate == pytest.approx(-20.0)
    assert as_unit(from_unit(20, "time"), "time") == pytest.approx(20)
    assert as_unit(from_unit(15, "share"), "share") == pytest.approx(15)
    assert from_unit(1, "rating") == 1
