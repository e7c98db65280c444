"""CSV files as numbers: what is read, and what is refused by line and column."""

import pathlib

import numpy as np
import pytest

from diffkit.train import TrainingError
from diffkit.train.tables import KNOWN, known_table, read_table

PETS = "species;weight;colour\ncat;4.5;black\ndog;12;white\ncat;3;white\n"


def written(folder: pathlib.Path, text: str) -> pathlib.Path:
    path = folder / "pets.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_numbers_texts_and_classes(tmp_path: pathlib.Path, delimiter: str) -> None:
    table = read_table(written(tmp_path, PETS.replace(";", delimiter)), "species")
    assert (table.name, table.features, table.classes) == ("pets", ["weight", "colour=black", "colour=white"],
                                                           ["cat", "dog"])
    np.testing.assert_array_equal(table.X, [[4.5, 1, 0], [12, 0, 1], [3, 0, 1]])
    assert table.y.tolist() == [0, 1, 0]


def test_a_byte_order_mark_quotes_and_empty_lines(tmp_path: pathlib.Path) -> None:
    table = read_table(written(tmp_path, '\ufeffa,"b, c"\n"1","2"\n\n3,4\n'), "b, c", "regress")
    assert table.features == ["a"]
    assert table.y.tolist() == [2.0, 4.0]


def test_few_whole_numbers_are_classes_in_their_order(tmp_path: pathlib.Path) -> None:
    text = "x,y\n" + "".join(f"{i},{i % 3 * 5}\n" for i in range(9))
    assert read_table(written(tmp_path, text), "y").classes == ["0", "5", "10"]
    assert read_table(written(tmp_path, text), "y", "regress").classes is None
    assert read_table(written(tmp_path, "x,y\n1,0.5\n2,1\n"), "y").classes is None
    many = "x,y\n" + "".join(f"{i},{i}\n" for i in range(30))
    assert read_table(written(tmp_path, many), "y").classes is None


@pytest.mark.parametrize("text, target, message", [
    (PETS, None, "which column is to be learned"), (PETS, "age", "no column 'age'"),
    ("a,b\n1,2\n1\n", "b", "line 3: 1 cells, the header has 2"),
    ("a,b\n1,\n", "b", "line 2, column 'b': nothing is there"),
    ("a,b\n1,2\n\n\n?,3\n", "b", "line 5, column 'a'"), ("a,a\n1,2\n", "a", "missing or repeated"),
    ("a,b\n", "b", "has no rows"), ("", "b", "has no rows"), ("1,2\n3,4\n", "1", "the first line holds numbers"),
    ("a,b\n1,x\n2,x\n", "b", "is 'x' in every row"),
    ("a,b\n" + "".join(f"name{i},{i}\n" for i in range(60)), "b", "60 different texts, such as 'name0'"),
    ("5.1,3.5,setosa\n4.9,3.0,setosa\n6,3,virginica\n", "setosa", "the first line holds numbers"),
    ("a,b\n1,x\n3.x,y\n2,x\n", "b", "line 3, column 'a': '3.x' is no number"),
    ("a;b\n5,1;x\n4,9;y\n", "b", "line 2, column 'a': '5,1' is no number"),
    ('a,b\n"1,500",x\n900,y\n', "b", "line 2, column 'a': '1,500' is no number"),
    ("a,b\n1,x\ninf,y\n2,x\n", "b", "line 3, column 'a': 'inf' is no number"),
    ("a,b\n1,0.5\n2,0.7\n3,O.9\n", "b", "line 4, column 'b': 'O.9' is no number"),
    ("a,b\n1,0.5\n2,0.50\n", "b", "the target 'b' is '0.5' in every row"),
    ("a,b\n1,x\n2,y\n3,z\n", "b", "is different in every row"),
    ("a,b\n7,x\n7,y\n7,x\n", "b", "every column but 'b' holds one value only"),
])
def test_what_can_not_be_learned_from_is_named(tmp_path: pathlib.Path, text: str, target: str | None,
                                               message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        read_table(written(tmp_path, text), target)


def test_one_class_may_be_written_in_several_ways(tmp_path: pathlib.Path) -> None:
    table = read_table(written(tmp_path, "x,y\n1,0.0\n2,1\n3,0\n4,1.0\n"), "y")
    assert table.classes == ["0", "1"]
    assert table.y.tolist() == [0, 1, 0, 1]


def test_names_that_look_like_numbers_are_said_to_be_names(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path, "size|price|kind\n38|1.5|a\nM|2.5|b\n40|1|a\n")
    assert read_table(path, "kind", category=["size"]).features == ["size=38", "size=40", "size=M", "price"]
    with pytest.raises(TrainingError, match="--category size"):
        read_table(path, "kind")
    with pytest.raises(TrainingError, match="no column 'colour'"):
        read_table(path, "kind", category=["colour"])


def test_columns_can_be_left_out(tmp_path: pathlib.Path) -> None:
    assert read_table(written(tmp_path, PETS), "species", drop=["colour"]).features == ["weight"]
    with pytest.raises(TrainingError, match="no column is left"):
        read_table(written(tmp_path, PETS), "species", drop=["colour", "weight"])
    with pytest.raises(TrainingError, match="no column 'size'"):
        read_table(written(tmp_path, PETS), "species", drop=["size"])
    (tmp_path / "latin.csv").write_bytes("näme,b\n1,2\n".encode("latin-1"))
    with pytest.raises(TrainingError, match="a CSV file in UTF-8"):
        read_table(tmp_path / "latin.csv", "b")


@pytest.mark.parametrize("name", KNOWN)
def test_the_sets_that_come_along(name: str) -> None:
    table = known_table(name)
    assert table.X.shape == (len(table.y), len(table.features))
    assert (table.classes is None) == (name == "diabetes")
    if table.classes:
        assert sorted(set(table.y.tolist())) == list(range(len(table.classes)))
