"""What tests of compiled programs share."""

import pytest


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory):
    """Machine code is kept in a folder of the module's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIFFKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
