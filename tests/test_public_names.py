"""The public names: every one is there, documented, and nothing else is exported."""

import inspect

import pytest

import diffkit as dk


def test_all_is_sorted_and_complete() -> None:
    assert list(dk.__all__) == sorted(dk.__all__)
    assert len(set(dk.__all__)) == len(dk.__all__)


@pytest.mark.parametrize("name", dk.__all__)
def test_every_name_resolves_and_is_documented(name: str) -> None:
    found = getattr(dk, name)
    assert inspect.getdoc(found)


def test_lazy_names_resolve_to_the_object_itself_each_time() -> None:
    # `compare` is a function although a package of a similar name is imported behind it.
    assert callable(dk.compare)
    assert dk.compare is dk.compare
    import diffkit.comparison
    assert dk.compare is diffkit.comparison.compare


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'gradient'"):
        dk.gradient  # noqa: B018


def test_dir_lists_the_lazy_names() -> None:
    assert {"compare", "numeric", "symbolic", "nn"} <= set(dir(dk))
