"""Gradient checks for test suites: they raise an AssertionError whose text is the report.

    properties   identities that every right derivative fulfils, at roundoff
    report       what was checked, and the verdict over all of it
    checking     check_gradients, check_rule, assert_gradients_agree
    marking      checked: a function that asks to be checked
    collecting   reports gathered for a page
    command      ``diffkit check file.py``

>>> import numpy as np
>>> from diffkit.testing import check_gradients
>>> report = check_gradients(lambda x: np.sum(np.sin(x) * x), np.array([0.3, 1.2]))
>>> report.agree
True
"""

from diffkit.testing.checking import GradientWarning, assert_gradients_agree, check_gradients, check_rule
from diffkit.testing.marking import Check, checked, checks_of
from diffkit.testing.properties import Property
from diffkit.testing.report import Report

__all__ = [
    "Check",
    "GradientWarning",
    "Property",
    "Report",
    "assert_gradients_agree",
    "check_gradients",
    "check_rule",
    "checked",
    "checks_of",
]
