"""The few distributions that the statistics of studies need: normal, t, chi-square, binomial.

Written here because nothing else in the app needs a whole library for them; tests compare with one.
"""

from __future__ import annotations

import math
from functools import lru_cache

_TINY = 1e-300
_STEPS = 400


def normal_cdf(x: float) -> float:
    """P(Z <= x) of the standard normal distribution."""
    return 0.5 * math.erfc(-x / math.sqrt(2))


def t_cdf(x: float, df: float) -> float:
    """P(T <= x) of Student's t with `df` > 0 degrees of freedom, which need not be whole.

    By the incomplete beta function: P(|T| > x) = I(df / (df + x²); df/2, 1/2), Abramowitz and Stegun 26.7.1.
    """
    tail = 0.5 * incomplete_beta(df / (df + x * x), df / 2, 0.5)
    return 1 - tail if x > 0 else tail


@lru_cache(maxsize=1024)
def t_quantile(share: float, df: float) -> float:
    """The x with P(T <= x) = `share` (0 < share < 1), by bisection."""
    if share < 0.5:
        return -t_quantile(1 - share, df)
    low, high = 0.0, 1.0
    while t_cdf(high, df) < share:
        low, high = high, 2 * high
    while high - low > 1e-10 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if t_cdf(middle, df) < share else (low, middle)
    return (low + high) / 2


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I(x; a, b).

    By its continued fraction (Abramowitz and Stegun 26.5.8), evaluated from the front by Lentz's method.
    """
    if x <= 0 or x >= 1:
        return 1.0 if x >= 1 else 0.0
    if x > (a + 1) / (a + b + 2):  # there the fraction of the other side converges sooner
        return 1 - incomplete_beta(1 - x, b, a)
    scale = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    value, c, d = 1.0, 1.0, 0.0
    for step in range(_STEPS):
        m = step // 2
        if step == 0:
            term = 1.0
        elif step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / _apart_from_zero(1 + term * d)
        c = _apart_from_zero(1 + term / c)
        value *= c * d
        if step and abs(c * d - 1) < 1e-14:
            break
    return scale * (value - 1) / a


def chi_square_tail(x: float, df: int) -> float:
    """P(X > x) of chi-square with a whole number of degrees of freedom (its closed forms)."""
    if x <= 0:
        return 1.0
    if df % 2:
        tail = math.erfc(math.sqrt(x / 2))
        term = math.sqrt(2 * x / math.pi) * math.exp(-x / 2)
        for k in range(1, (df - 1) // 2 + 1):
            tail += term
            term *= x / (2 * k + 1)
        return tail
    term = tail = math.exp(-x / 2)
    for k in range(1, df // 2):
        term *= x / (2 * k)
        tail += term
    return min(1.0, tail)


def even_split_p(one: int, other: int) -> float:
    """How likely an even split of so many people is at least as uneven: the exact binomial test."""
    n, least = one + other, min(one, other)
    if one == other:
        return 1.0
    return min(1.0, float(2 * sum(math.comb(n, k) for k in range(least + 1)) / 2**n))


def _apart_from_zero(x: float) -> float:
    return x if abs(x) > _TINY else _TINY
