"""What every test runs under: the same drawn examples each time, and no folder of the user's.

Hypothesis draws from the test's name instead of a random seed, and neither keeps nor replays failures, so
that a run says something of the code alone.  ``DIFFKIT_EXAMPLES=…`` in the environment draws others.
Machine code is kept in a folder of this run.
"""

import os

import pytest
from hypothesis import settings

settings.register_profile("same", deadline=None, database=None, derandomize="DIFFKIT_EXAMPLES" not in os.environ)
settings.load_profile("same")


@pytest.fixture(autouse=True, scope="session")
def cache_of_this_run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIFFKIT_CACHE", str(tmp_path_factory.mktemp("machine_code")))
        yield
