"""What a build tells: product, level, and whether its SMTP can speak TLS 1.2. Facts: Microsoft's build list,
KB3029667 (2010 before SP3 RU9 has the old versions written into SMTP) and KB3045301 (2013 before CU8)."""

from itertools import pairwise

import pytest

from triage.exchange import build_order, level_of, meets_guidance, product_of, speaks_tls12


@pytest.mark.parametrize(
    ("build", "product"),
    [
        ("8.3.83.6", "Exchange 2007"),
        ("14.3.123.4", "Exchange 2010"),
        ("15.0.1497.2", "Exchange 2013"),
        ("15.1.2507.6", "Exchange 2016"),
        ("15.01.2106.002", "Exchange 2016"),
        ("15.2.1544.4", "Exchange 2019"),
        ("15.2.2562.17", "Exchange SE"),
        ("15.20.8699.20", "Exchange Online"),
        ("99.1.2.3", None),
        ("not a build", None),
        ("", None),
    ],
)
def test_the_product_of_a_build(build: str, product: str | None) -> None:
    """The product follows from the build, zero-padded or not; an unknown one stays unknown."""
    assert product_of(build) == product


@pytest.mark.parametrize(
    ("build", "speaks", "meets"),
    [
        ("8.3.83.6", False, False),
        ("14.3.123.4", False, False),
        ("14.3.224.2", False, False),
        ("14.3.235.1", True, False),
        ("14.3.382.0", True, True),
        ("15.0.847.32", False, False),
        ("15.0.1044.25", False, False),
        ("15.0.1076.9", True, False),
        ("15.0.1365.1", True, True),
        ("15.1.225.42", True, False),
        ("15.1.1415.2", True, True),
        ("15.2.221.12", True, True),
        ("15.2.2562.17", True, True),
        ("15.20.8699.20", True, True),
        ("99.1.2.3", None, None),
    ],
)
def test_what_smtp_of_a_build_can_speak(build: str, speaks: bool | None, meets: bool | None) -> None:
    """Below the limit in the code TLS 1.2 is impossible; below the guidance's floor it is not advised."""
    assert speaks_tls12(build) is speaks
    assert meets_guidance(build) is meets


@pytest.mark.parametrize(
    ("build", "part"),
    [("14.3.235.1", "RU9"), ("15.0.1497.2", "CU23"), ("15.0.1497.48", "CU23"), ("15.1.2507.6", "CU23")],
)
def test_the_level_is_the_last_known_one_below(build: str, part: str) -> None:
    """A build between two known ones has the level of the lower."""
    assert part in (level_of(build) or "")


def test_builds_are_ordered_by_their_numbers() -> None:
    """The oldest first, as numbers and not as letters; an old spelling is the same build, and what is none comes first."""
    builds = ["not a build", "8.3.83.6", "14.3.123.4", "15.0.847.32", "15.0.1076.9", "15.1.225.42", "15.20.8699.20"]
    assert all(build_order(one) < build_order(other) for one, other in pairwise(builds))
    assert build_order("15.01.2106.002") == build_order("15.1.2106.2")
