"""Files: everything comes back as it was, nothing is executed, nothing is ever half written."""

import json
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

from diffkit.train import StorageError, load, save

TREE = {
    "layers": [{"W": np.arange(6.0).reshape(2, 3), "b": np.zeros(3, np.float32)}, (np.float32(2.5), None, True)],
    "name": "näme", "count": 3, "rate": 0.1, "bad": [float("inf"), float("-inf")], 7: "a number as key",
    "classes": np.array(["a", "bcd"]), "empty": [], "none": {}, "big": 2**100,
    "zero-d": np.array(1.5), "bools": np.array([True, False]), "half": np.ones(2, np.float16),
    "complex": np.array([1 + 2j]), "long": np.array([1, 2], np.longdouble) / 3,
}
FORMATS = ["npz", "safetensors"]


def same(a: object, b: object) -> None:
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            same(x, y)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b, strict=True)
    else:
        assert a == b


def test_everything_comes_back_as_it_was(tmp_path: pathlib.Path) -> None:
    save(tmp_path / "t.npz", TREE)
    same(load(tmp_path / "t.npz"), TREE)
    assert [file.name for file in tmp_path.iterdir()] == ["t.npz"]


def test_a_bare_array_a_number_and_nan(tmp_path: pathlib.Path) -> None:
    for value in (np.eye(2), 3.5, None, "text"):
        save(tmp_path / "x", value)
        same(load(tmp_path / "x"), value)
    save(tmp_path / "x", [float("nan")])
    (back,) = load(tmp_path / "x")
    assert back != back


@pytest.mark.parametrize("ending", FORMATS)
def test_memory_order_does_not_change_the_numbers(tmp_path: pathlib.Path, ending: str) -> None:
    matrix = np.arange(12.0).reshape(3, 4)
    tree = {"fortran": np.asfortranarray(matrix), "transposed": matrix.T, "strided": matrix[::2, ::-1],
            "swapped": matrix.astype(">f8"), "cube": np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
            "number": np.array(2.0), "none": np.zeros((0, 3)), "int": np.array([[1, 2]], np.int32)}
    save(tmp_path / f"t.{ending}", tree)
    back = load(tmp_path / f"t.{ending}")
    for name, array in tree.items():
        np.testing.assert_array_equal(back[name], array, err_msg=name)
        assert back[name].shape == array.shape
        assert back[name].dtype.newbyteorder("=") == array.dtype.newbyteorder("=")


def test_plain_numpy_reads_the_arrays(tmp_path: pathlib.Path) -> None:
    save(tmp_path / "t.npz", [{"W": np.eye(2)}, {"W": np.ones(3)}])
    with np.load(tmp_path / "t.npz") as file:
        assert sorted(file.files) == ["0.W", "1.W", "structure"]
        np.testing.assert_array_equal(file["1.W"], np.ones(3))


def test_safetensors_itself_reads_the_arrays(tmp_path: pathlib.Path) -> None:
    from safetensors.numpy import load_file

    save(tmp_path / "t.safetensors", {"W": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "rate": 0.5})
    np.testing.assert_array_equal(load_file(tmp_path / "t.safetensors")["W"], [[0, 1, 2], [3, 4, 5]])
    assert load(tmp_path / "t.safetensors")["rate"] == 0.5


def test_names_that_could_meet_are_kept_apart(tmp_path: pathlib.Path) -> None:
    tree = {"a.b": np.array([1.0]), "a": {"b": np.array([2.0])}, "structure": np.array([3.0]),
            "file": np.array([4.0]), "../x/y": np.array([5.0]), "a_b": np.array([6.0]), 1: np.array([7.0]),
            "1": np.array([8.0])}
    save(tmp_path / "t.npz", tree)
    same(load(tmp_path / "t.npz"), tree)
    with zipfile.ZipFile(tmp_path / "t.npz") as archive:
        assert not any("/" in name for name in archive.namelist())


@pytest.mark.parametrize("leaf, named", [
    (object(), r'tree\["a"\]\[1\] is a builtins.object'),
    (np.array([1, "x"], object), r'tree\["a"\]\[1\] is an array of dtype object'),
    (lambda: 0, r'tree\["a"\]\[1\] is a builtins.function'),
    ({1.5j: 1}, r'tree\["a"\]\[1\] has the key 1.5j'),
    (np.ma.array([1.0]), r"MaskedArray"),
])
def test_what_needs_code_to_come_back_is_refused_by_name(tmp_path: pathlib.Path, leaf: object, named: str) -> None:
    with pytest.raises(StorageError, match=named):
        save(tmp_path / "t.npz", {"a": [1, leaf]})
    assert list(tmp_path.iterdir()) == []


class Bomb:
    """Unpickling it makes a file: the proof that code ran."""

    def __init__(self, target: pathlib.Path) -> None:
        self.target = target

    def __reduce__(self) -> object:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("name", ["model.npz", "model.pkl"])
def test_a_pickle_is_refused_and_never_run(tmp_path: pathlib.Path, name: str) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(Bomb(tmp_path / "boom")))
    with pytest.raises(StorageError, match="pickle"):
        load(tmp_path / name)
    assert not (tmp_path / "boom").exists()


def test_a_pickle_inside_an_npz_is_refused_and_never_run(tmp_path: pathlib.Path) -> None:
    bomb = np.empty(1, object)
    bomb[0] = Bomb(tmp_path / "boom")
    np.savez(tmp_path / "m.npz", W=bomb, structure=np.frombuffer(b"{}", np.uint8))
    with pytest.raises(StorageError, match="object array"):
        load(tmp_path / "m.npz")
    with zipfile.ZipFile(tmp_path / "torch.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb(tmp_path / "boom")))
    with pytest.raises(StorageError, match=r"torch\.save"):
        load(tmp_path / "torch.pt")
    assert not (tmp_path / "boom").exists()


def test_damaged_and_foreign_files_are_refused(tmp_path: pathlib.Path) -> None:
    good = tmp_path / "good.npz"
    save(good, {"W": np.random.default_rng(0).normal(size=1000)})
    content = good.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 0xFF
    structure = json.dumps({"format": "diffkit", "version": 1, "tree": {"call": "os.system"}}).encode()
    newer = json.dumps({"format": "diffkit", "version": 2, "tree": {"value": 1}}).encode()
    for number, (wrong, message) in enumerate([
            (content[:len(content) // 2], "damaged"), (bytes(flipped), "damaged"), (b"", "no npz file"),
            (b"hello", "no npz file")]):
        path = tmp_path / f"{number}.npz"
        path.write_bytes(wrong)
        with pytest.raises(StorageError, match=message):
            load(path)
    for text, message in ((structure, "means nothing"), (newer, "version 2"), (b"{", "can't be read"),
                          (b"[]", "can't be read")):
        np.savez(tmp_path / "s.npz", structure=np.frombuffer(text, np.uint8))
        with pytest.raises(StorageError, match=message):
            load(tmp_path / "s.npz")
    np.savez(tmp_path / "plain.npz", W=np.ones(2))
    with pytest.raises(StorageError, match="holds no structure"):
        load(tmp_path / "plain.npz")
    (tmp_path / "x.safetensors").write_bytes(b"\x00" * 30)
    with pytest.raises(StorageError, match="damaged"):
        load(tmp_path / "x.safetensors")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "absent.npz")


def test_what_safetensors_does_not_know_is_refused(tmp_path: pathlib.Path) -> None:
    for array in (np.array(["text"]), np.array([1j]), np.ones(1, np.longdouble)):
        with pytest.raises(StorageError, match="does not know"):
            save(tmp_path / "t.safetensors", array)


def test_a_failed_write_leaves_the_old_file(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.npz"
    save(path, [1.0])

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(path, [2.0])
    assert load(path) == [1.0]
    assert [file.name for file in tmp_path.iterdir()] == ["t.npz"]


def test_a_killed_process_leaves_a_whole_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "t.npz"
    code = ("import sys, itertools, numpy as np; from diffkit.train import save\n"
            "for n in itertools.count(): save(sys.argv[1], {'n': n, 'a': np.full(200_000, float(n))})")
    for delay in (0.0, 0.013, 0.031):
        process = subprocess.Popen([sys.executable, "-c", code, str(path)])
        while not path.exists():
            assert process.poll() is None
            time.sleep(0.005)
        time.sleep(0.02 + delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        found = load(path)
        np.testing.assert_array_equal(found["a"], np.full(200_000, float(found["n"])))
        path.unlink()
