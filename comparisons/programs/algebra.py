"""Linear algebra by hand: factors written over copies, rows swapped, loops that a residual ends."""

from __future__ import annotations

import numpy as np


def householder_qr(A):
    """The triangular factor by reflections applied in place, and a least-squares solution from it."""
    b = np.array([1.0, -0.5, 0.3, 0.8])
    R, y = A.copy(), b.copy()
    columns = R.shape[1]
    for k in range(columns):
        x = R[k:, k]
        v = x.copy()
        v[0] += np.copysign(np.linalg.norm(x), x[0])
        v /= np.linalg.norm(v)
        R[k:, k:] -= 2 * np.outer(v, v @ R[k:, k:])
        y[k:] -= 2 * v * (v @ y[k:])
    solution = np.zeros(columns)
    for k in reversed(range(columns)):
        solution[k] = (y[k] - R[k, k + 1:] @ solution[k + 1:]) / R[k, k]
    return np.concatenate([solution, R[np.triu_indices(columns)]])


householder_qr.point = (np.array([[1.0, 0.3, -0.5], [0.4, -1.2, 0.6], [0.7, 0.2, 1.5], [-0.3, 0.9, 0.1]]),)


def lu_with_pivoting(A):
    """log |det A| and a solution by elimination with rows swapped in place."""
    U = A.copy()
    n = len(U)
    order = list(range(n))
    sign = 1.0
    for k in range(n):
        pivot = k + int(np.argmax(np.abs(U[k:, k])))
        if pivot != k:
            U[[k, pivot]] = U[[pivot, k]]
            order[k], order[pivot] = order[pivot], order[k]
            sign = -sign
        for i in range(k + 1, n):
            U[i, k] /= U[k, k]
            U[i, k + 1:] -= U[i, k] * U[k, k + 1:]
    x = np.array([1.0, 2.0, -1.0, 0.5])[order]
    for i in range(n):
        x[i] = x[i] - U[i, :i] @ x[:i]
    for i in range(n)[::-1]:
        x[i] = (x[i] - U[i, i + 1:] @ x[i + 1:]) / U[i, i]
    return np.append(x, sign * np.prod(np.diag(U)))


lu_with_pivoting.point = (np.array([[0.1, 2.0, -1.0, 0.4], [1.5, 0.3, 0.8, -0.7],
                                    [-0.6, 1.1, 0.9, 1.3], [0.7, -0.2, 1.6, 0.5]]),)


def conjugate_gradients(diagonal):
    """Five steps of conjugate gradients that update their vectors in place; the residual ends the loop."""
    n = len(diagonal)
    A = np.diag(diagonal) + 0.1 * np.ones((n, n))
    b = np.arange(1.0, n + 1)
    x = np.zeros(n)
    r = b - A @ x
    p = r.copy()
    rs = r @ r
    for _ in range(20):
        Ap = A @ p
        alpha = rs / (p @ Ap)
        x += alpha * p
        r -= alpha * Ap
        fresh = r @ r
        if np.sqrt(fresh) < 1e-4:
            break
        p *= fresh / rs
        p += r
        rs = fresh
    return x


conjugate_gradients.point = (np.array([2.0, 3.5, 1.2, 4.1]),)


def cholesky_by_columns(A):
    """Cholesky's factor, written over a copy of the matrix column by column."""
    L = np.tril(A)
    n = L.shape[0]
    for j in range(n):
        if j:
            L[j:, j] -= L[j:, :j] @ L[j, :j]
        L[j, j] = np.sqrt(L[j, j])
        L[j + 1:, j] /= L[j, j]
    return L @ np.array([1.0, -0.5, 2.0]) + np.log(np.diagonal(L)).sum()


cholesky_by_columns.point = (np.array([[2.0, 0.3, -0.1], [0.3, 1.5, 0.4], [-0.1, 0.4, 1.1]]),)


def page_rank(weights):
    """The stationary distribution of a weighted graph, by power iteration in one buffer."""
    n = 4
    links = np.zeros((n, n))
    sources, targets = np.array([0, 0, 1, 2, 3, 3, 2]), np.array([1, 2, 3, 0, 0, 2, 0])
    np.add.at(links, (targets, sources), np.exp(weights))
    links /= links.sum(axis=0, keepdims=True)
    rank = np.full(n, 1 / n)
    following = np.empty_like(rank)
    while True:
        np.matmul(links, rank, out=following)
        following *= 0.85
        following += 0.15 / n
        if np.abs(following - rank).sum() < 1e-13:
            return following
        rank[:] = following


page_rank.point = (np.array([0.1, -0.4, 0.3, 0.2, 0.5, -0.1, 0.4]),)
