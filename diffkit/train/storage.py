"""Save and load containers of arrays, without pickle.

The file is an ordinary npz: any NumPy reads its arrays, under names like ``1.W``, and one
more member, ``structure``, holds the containers as JSON text (:mod:`diffkit.train.structure`).
A name that ends in ``.safetensors`` selects that format instead, with the JSON in its
metadata; it needs the package safetensors.

Writing is all or nothing: the bytes go to a temporary file beside the target, are flushed to
the disk, and are renamed over it in one step, so a process that is killed leaves the old file
or the new one.  Loading never runs code: a pickle, or an npz with an object array inside, is
refused.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from diffkit.errors import require
from diffkit.train.faults import StorageError
from diffkit.train.structure import Arrays, decode, encode

__all__ = ["load", "replace_file", "save"]

_STRUCTURE = "structure"
_FORMAT = {"format": "diffkit", "version": 1}


def save(path: str | os.PathLike[str], tree: Any) -> None:
    """Write a container of arrays, numbers and strings to exactly ``path``.

    dtypes, containers and memory order come back as they were (``.safetensors``: C order).
    Raises StorageError naming the leaf that can't be held, and whatever the file system raises.

    >>> import tempfile
    >>> name = Path(tempfile.mkdtemp()) / "model.npz"
    >>> save(name, [{"W": np.eye(2), "b": np.zeros(2)}, 0.5])
    >>> load(name)[0]["b"], load(name)[1]
    (array([0., 0.]), 0.5)
    """
    path = Path(path)
    arrays: Arrays = {_STRUCTURE: np.empty(0, np.uint8)}  # so that no leaf takes the name
    text = json.dumps({**_FORMAT, "tree": encode(tree, arrays)}, allow_nan=False)
    if path.suffix == ".safetensors":
        del arrays[_STRUCTURE]
        content = _to_safetensors(arrays, text)
        replace_file(path, lambda file: file.write(content))
    else:
        arrays[_STRUCTURE] = np.frombuffer(text.encode(), np.uint8)
        replace_file(path, lambda file: _write_npz(file, arrays))


def load(path: str | os.PathLike[str]) -> Any:
    """Read what :func:`save` wrote.

    Raises StorageError for a pickle, a damaged file, or one that save did not write, and
    FileNotFoundError.
    """
    path = Path(path)
    with open(path, "rb") as file:
        start = file.read(4)
    if path.suffix == ".safetensors":
        arrays, text = _from_safetensors(path)
    elif start[:2] == b"PK":
        arrays, text = _from_npz(path)
    else:
        pickled = start[:1] == b"\x80"
        if pickled:
            raise StorageError(f"{path} is a pickle, which could run any code", "a file written by dk.train.save")
        raise StorageError(f"{path} is no npz file", "a file written by dk.train.save",
                           "an empty or damaged file; a .npy file: np.load(path, allow_pickle=False)")
    try:
        document = json.loads(text)
        if document["format"] != "diffkit" or document["version"] != 1:
            raise StorageError(f"{path} has format {document['format']!r}, version {document['version']!r}",
                               "version 1 of diffkit's files", "a file of a newer diffkit")
        node = document["tree"]
    except (ValueError, TypeError, KeyError) as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"{path}: its structure can't be read", "a file written by dk.train.save") from None
    return decode(node, arrays)


def replace_file(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file under a temporary name beside ``path``, then rename it over ``path``."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write_npz(file: IO[bytes], arrays: Arrays) -> None:
    # What np.savez does, which can't be given names such as "file".
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _from_npz(path: Path) -> tuple[Arrays, str]:
    try:
        with open(path, "rb") as content, np.load(content, allow_pickle=False) as file:
            if _STRUCTURE not in file.files:
                torch = any(name.endswith("data.pkl") for name in file.files)
                raise StorageError(f"{path} holds no structure: it was not written by dk.train.save",
                                   "np.load(path, allow_pickle=False) for an npz of another program",
                                   "a file of torch.save, which is a pickle" if torch else "")
            arrays = {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise StorageError(f"{path} is damaged: {error}", "the file as it was written") from None
    except ValueError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"{path} holds an object array, which is a pickle and could run any code",
                           "a file written by dk.train.save") from None
    return arrays, bytes(arrays.pop(_STRUCTURE)).decode()


def _to_safetensors(arrays: Arrays, text: str) -> bytes:
    try:
        from safetensors.numpy import save as to_bytes
    except ImportError:
        raise require("safetensors", "safetensors", "a .safetensors file") from None
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
            raise StorageError(f"{name} has dtype {array.dtype}, which safetensors does not know",
                               "real numbers of up to 64 bits, or an .npz file")
    # Its writer takes the bytes as they lie in memory: C order and the machine's byte order
    # have to be made here.  (A copy for 0-d: ascontiguousarray would make it 1-d.)
    native = {name: np.array(array, array.dtype.newbyteorder("="), order="C") for name, array in arrays.items()}
    content: bytes = to_bytes(native, metadata={_STRUCTURE: text})
    return content


def _from_safetensors(path: Path) -> tuple[Arrays, str]:
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise require("safetensors", "safetensors", "a .safetensors file") from None
    try:
        with safe_open(path, framework="np") as file:
            text = (file.metadata() or {}).get(_STRUCTURE)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
    except SafetensorError as error:
        raise StorageError(f"{path} is damaged, or no safetensors file: {error}",
                           "the file as it was written") from None
    if text is None:
        raise StorageError(f"{path} holds no structure: it was not written by dk.train.save",
                           "safetensors.numpy.load_file(path) for a file of another program")
    return arrays, text
