"""What pytest loads at start where diffkit is installed: one option and two fixtures, nothing heavy.

Importing it imports neither NumPy nor any other module of the package (``import diffkit`` is
lazy); that happens when a test asks for a fixture, or when ``--gradients`` is given.  The fixtures hold nothing, so
they are made once a session, and Hypothesis has nothing against them under ``@given``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("diffkit")
    group.addoption("--gradients", metavar="FILE.html", default=None,
                    help="write every gradient check of the run to a page (checks by diffkit.testing)")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--gradients"):
        from diffkit.testing.page import Collector
        config.pluginmanager.register(Collector(config), "diffkit-gradients")


@pytest.fixture(scope="session")
def check_gradients() -> Callable[..., Any]:
    """diffkit.testing.check_gradients: raises with the report when a gradient is wrong."""
    from diffkit.testing import check_gradients
    return check_gradients


@pytest.fixture(scope="session")
def assert_gradients_agree() -> Callable[..., Any]:
    """diffkit.testing.assert_gradients_agree: compare, raising with the report."""
    from diffkit.testing import assert_gradients_agree
    return assert_gradients_agree
