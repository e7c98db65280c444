"""Bundle adjustment: the Jacobian of each observation's residual by camera, point and weight.

The projection of BAL (Agarwal et al. 2010) in the form of the ADBench: rotation by Rodrigues' vector,
radial distortion, focal length and principal point; 15 columns, 2 rows an observation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

import diffkit as dk
from comparisons.speed import peers
from comparisons.speed.harness import Case

#: Of the 30 entries of an observation, without v0 in the first row and u0 in the second.
_ENTRIES = np.array([i for i in range(30) if i not in (8, 22)])


def residual(m: Any) -> Any:
    """Two numbers for one observation: p holds camera (11), point (3) and weight (1)."""
    def f(p: Any, feature: Any) -> Any:
        rx, ry, rz, cx, cy, cz, focal, u0, v0, k1, k2, px, py, pz, weight = (p[i] for i in range(15))
        x, y, z = px - cx, py - cy, pz - cz
        square = rx * rx + ry * ry + rz * rz
        angle = m.sqrt(square)
        s, c = m.sin(angle) / angle, m.cos(angle)
        t = (rx * x + ry * y + rz * z) * (1.0 - c) / square
        a = x * c + (ry * z - rz * y) * s + rx * t
        b = y * c + (rz * x - rx * z) * s + ry * t
        d = z * c + (rx * y - ry * x) * s + rz * t
        a, b = a / d, b / d
        r = a * a + b * b
        scale = focal * (1.0 + r * (k1 + k2 * r))
        return m.stack([weight * (a * scale + u0 - feature[0]), weight * (b * scale + v0 - feature[1])])
    return f


def by_hand(p: Any, feature: Any) -> Any:
    """Tangents of all columns at once, over arrays of observations: shape (n, 2, 15)."""
    n = len(p)
    rx, ry, rz, cx, cy, cz, focal, u0, v0, k1, k2, px, py, pz, weight = np.ascontiguousarray(p.T)
    x, y, z = px - cx, py - cy, pz - cz
    square = rx * rx + ry * ry + rz * rz
    angle = np.sqrt(square)
    c, sine = np.cos(angle), np.sin(angle)
    s = sine / angle
    ds = (c - s) / square          # d s / d r_i = ds r_i
    dc = -s                        # d c / d r_i = dc r_i
    inner = rx * x + ry * y + rz * z
    w = (1.0 - c) / square
    dw = (s - 2.0 * w) / square    # d w / d r_i = dw r_i
    t = inner * w
    cross = (ry * z - rz * y, rz * x - rx * z, rx * y - ry * x)
    at, rot = (x, y, z), (rx, ry, rz)
    moved = [at[i] * c + cross[i] * s + rot[i] * t for i in range(3)]
    # By the rotation: entry (i, j) = d moved_i / d r_j; by the point: matrix R.
    out = np.zeros((n, 2, 15))
    wr = [w * r for r in rot]
    rotation = [[rot[i] * wr[j] for j in range(3)] for i in range(3)]
    for i in range(3):
        rotation[i][i] = rotation[i][i] + c
    sr = [s * r for r in rot]
    rotation[0][1] = rotation[0][1] - sr[2]
    rotation[0][2] = rotation[0][2] + sr[1]
    rotation[1][0] = rotation[1][0] + sr[2]
    rotation[1][2] = rotation[1][2] - sr[0]
    rotation[2][0] = rotation[2][0] - sr[1]
    rotation[2][1] = rotation[2][1] + sr[0]
    sat = [s * a for a in at]
    turn = [[None, sat[2], -sat[1]], [-sat[2], None, sat[0]], [sat[1], -sat[0], None]]
    by_r = [[None] * 3 for _ in range(3)]
    for j in range(3):
        dt = at[j] * w + inner * dw * rot[j]
        for i in range(3):
            term = (at[i] * dc + cross[i] * ds) * rot[j] + rot[i] * dt
            if i == j:
                term = term + t
            else:
                term = term + turn[i][j]
            by_r[i][j] = term
    d = moved[2]
    a, b = moved[0] / d, moved[1] / d
    r = a * a + b * b
    bend = 1.0 + r * (k1 + k2 * r)
    dbend = k1 + 2.0 * k2 * r
    scale = focal * bend
    wf = weight * focal
    gaa = weight * scale + 2.0 * wf * dbend * a * a
    gab = 2.0 * wf * dbend * a * b
    gbb = weight * scale + 2.0 * wf * dbend * b * b
    for row, (ga, gb) in enumerate(((gaa, gab), (gab, gbb))):
        ga, gb = ga / d, gb / d
        gd = -(ga * a + gb * b)
        for j in range(3):
            out[:, row, j] = ga * by_r[0][j] + gb * by_r[1][j] + gd * by_r[2][j]
            out[:, row, 11 + j] = ga * rotation[0][j] + gb * rotation[1][j] + gd * rotation[2][j]
        out[:, row, 3:6] = -out[:, row, 11:14]
    for row, own in enumerate((a, b)):
        out[:, row, 6] = weight * own * bend
        out[:, row, 7 + row] = weight
        out[:, row, 9] = wf * own * r
        out[:, row, 10] = wf * own * r * r
        out[:, row, 14] = own * scale + (u0, v0)[row] - feature[:, row]
    return out


def _numba() -> Any:
    """The same formulas, one observation after the other."""
    def jacobians(p: Any, feature: Any) -> Any:
        out = np.zeros((len(p), 2, 15))
        by_r, rotation, moved = np.empty((3, 3)), np.empty((3, 3)), np.empty(3)
        at, cross, rot = np.empty(3), np.empty(3), np.empty(3)
        for k in range(len(p)):
            for i in range(3):
                rot[i] = p[k, i]
                at[i] = p[k, 11 + i] - p[k, 3 + i]
            focal, u0, v0, k1, k2, weight = p[k, 6], p[k, 7], p[k, 8], p[k, 9], p[k, 10], p[k, 14]
            square = rot[0] * rot[0] + rot[1] * rot[1] + rot[2] * rot[2]
            angle = math.sqrt(square)
            c, s = math.cos(angle), math.sin(angle) / angle
            ds, w = (c - s) / square, (1.0 - c) / square
            dw = (s - 2.0 * w) / square
            inner = rot[0] * at[0] + rot[1] * at[1] + rot[2] * at[2]
            for i in range(3):
                cross[i] = rot[(i + 1) % 3] * at[(i + 2) % 3] - rot[(i + 2) % 3] * at[(i + 1) % 3]
                moved[i] = at[i] * c + cross[i] * s + rot[i] * inner * w
            for i in range(3):
                for j in range(3):
                    rotation[i, j] = w * rot[i] * rot[j]
                    by_r[i, j] = (cross[i] * ds - at[i] * s) * rot[j] + rot[i] * (at[j] * w + inner * dw * rot[j])
                rotation[i, i] += c
                by_r[i, i] += inner * w
            for i in range(3):
                j, m = (i + 1) % 3, (i + 2) % 3
                rotation[i, j] -= s * rot[m]
                rotation[j, i] += s * rot[m]
                by_r[i, j] += s * at[m]
                by_r[j, i] -= s * at[m]
            d = moved[2]
            a, b = moved[0] / d, moved[1] / d
            r = a * a + b * b
            bend, dbend = 1.0 + r * (k1 + k2 * r), k1 + 2.0 * k2 * r
            scale, wf = focal * bend, weight * focal
            for row in range(2):
                own = a if row == 0 else b
                ga = ((weight * scale if row == 0 else 0.0) + 2.0 * wf * dbend * own * a) / d
                gb = ((weight * scale if row == 1 else 0.0) + 2.0 * wf * dbend * own * b) / d
                gd = -(ga * a + gb * b)
                for j in range(3):
                    point = ga * rotation[0, j] + gb * rotation[1, j] + gd * rotation[2, j]
                    out[k, row, j] = ga * by_r[0, j] + gb * by_r[1, j] + gd * by_r[2, j]
                    out[k, row, 3 + j], out[k, row, 11 + j] = -point, point
                out[k, row, 6] = weight * own * bend
                out[k, row, 7 + row] = weight
                out[k, row, 9], out[k, row, 10] = wf * own * r, wf * own * r * r
                out[k, row, 14] = own * scale + (u0 if row == 0 else v0) - feature[k, row]
        return out
    return peers.numba_jit(jacobians)


def scene(observations: int) -> tuple[Any, Any, Any, tuple[int, int]]:
    """Cameras (m, 11), points (n, 3), weights, and which of them belong to each observation: (observations, 15)."""
    rng = np.random.default_rng(4)
    cameras, points = max(observations // 600, 1), max(observations // 4, 1)
    camera = np.concatenate([rng.uniform(0.1, 0.5, (cameras, 3)), rng.normal(size=(cameras, 3)),
                             rng.uniform(0.8, 1.2, (cameras, 1)), 0.1 * rng.normal(size=(cameras, 4))], axis=1)
    point = rng.normal(size=(points, 3)) + [0, 0, 6]
    seen_by, seen = rng.integers(0, cameras, observations), rng.integers(0, points, observations)
    columns = np.concatenate([11 * seen_by[:, None] + np.arange(11),
                              camera.size + 3 * seen[:, None] + np.arange(3),
                              camera.size + point.size + np.arange(observations)[:, None]], axis=1)
    unknowns = np.concatenate([camera.ravel(), point.ravel(), rng.uniform(0.5, 1.0, observations)])
    return unknowns, rng.normal(size=(observations, 2)), columns, (2 * observations, unknowns.size)


def _jax() -> Any:
    library = peers.jax()
    return peers.blocking(library.jit(library.vmap(library.jacrev(residual(library.numpy)))))


def _torch(compiled: bool) -> Any:
    library = peers.torch()
    run = library.func.vmap(library.func.jacrev(residual(library)))
    if compiled:
        run = library.compile(run, dynamic=False)
    return lambda p, feature: run(library.from_numpy(p), library.from_numpy(feature)).numpy()


def by_observation(observations: int) -> Case:
    unknowns, feature, columns, _ = scene(observations)
    return Case(f"bundle adjustment, Jacobians of {observations} observations", by_hand, (unknowns[columns], feature),
                dk.vmap(dk.jacobian(residual(np))),
                {"JAX jit": _jax, "PyTorch": lambda: _torch(False), "torch.compile": lambda: _torch(True),
                 "hand numba": _numba})


def as_one_matrix(observations: int) -> Case:
    """The entries of the sparse Jacobian by all unknowns, in the order of a CSR matrix."""
    unknowns, feature, columns, shape = scene(observations)

    def residuals(x: Any, feature: Any) -> Any:
        return residual(np)(x[columns].T, feature.T).T

    def assembled(jacobians: Any) -> Any:
        """Everyone who finds the Jacobian of each observation lays the entries that are not 0 end to end."""
        return lambda x, feature: np.asarray(jacobians(x[columns], feature)).reshape(-1, 30)[:, _ENTRIES].reshape(-1)

    prepared = dk.sparse_jacobian(residuals).prepare(unknowns, feature)
    if prepared.shape != shape or not np.array_equal(
            prepared.columns, np.repeat(columns, 2, axis=0).reshape(-1, 30)[:, _ENTRIES].reshape(-1)):
        raise AssertionError("the pattern that was found is not that of bundle adjustment")
    return Case(f"bundle adjustment, sparse matrix of {observations} observations", assembled(by_hand),
                (unknowns, feature), prepared.values,
                {"JAX jit": lambda: assembled(_jax()), "hand numba": lambda: assembled(_numba()),
                 "PyTorch": lambda: assembled(_torch(False)), "torch.compile": lambda: assembled(_torch(True))})


def cases() -> Iterator[Case]:
    for observations in (30_000, 200_000):
        yield by_observation(observations)
        yield as_one_matrix(observations)
