"""scipy.linalg on traced values: structured solvers, factorisations, and functions of matrices.

``solvers``           linear systems, Cholesky, inverse, determinant
``banded``            banded systems
``factors``           LU, QR, singular values
``eigenvalues``       eigenvalues and vectors, of pencils too
``matrix_equations``  Sylvester, Lyapunov, Riccati
``matrix_functions``  exponential, logarithm, root, sign, powers
``special_matrices``  Toeplitz and its kin

Derivatives are linear maps made of the functions themselves, so they nest.
"""

from diffkit.scipy.linalg.banded import (
    BANDED,
    solve_banded,
    solveh_banded,
)
from diffkit.scipy.linalg.eigenvalues import eig, eigh, eigvals, eigvalsh
from diffkit.scipy.linalg.factors import (
    LU,
    lu,
    lu_factor,
    lu_solve,
    null_space,
    orth,
    pinv,
    pinvh,
    polar,
    qr,
    svd,
    svdvals,
)
from diffkit.scipy.linalg.matrix_equations import (
    SYLVESTER,
    solve_continuous_are,
    solve_continuous_lyapunov,
    solve_discrete_are,
    solve_discrete_lyapunov,
    solve_sylvester,
)
from diffkit.scipy.linalg.matrix_functions import (
    EXPM,
    LOGM,
    SQRTM,
    coshm,
    cosm,
    expm,
    expm_frechet,
    fractional_matrix_power,
    logm,
    signm,
    sinhm,
    sinm,
    sqrtm,
    tanhm,
    tanm,
)
from diffkit.scipy.linalg.solvers import (
    TRIANGULAR,
    cho_factor,
    cho_solve,
    cholesky,
    det,
    inv,
    lstsq,
    solve,
    solve_triangular,
)
from diffkit.scipy.linalg.special_matrices import (
    block_diag,
    circulant,
    companion,
    convolution_matrix,
    hankel,
    khatri_rao,
    leslie,
    matmul_toeplitz,
    norm,
    solve_circulant,
    solve_toeplitz,
    toeplitz,
)

__all__ = ["BANDED", "EXPM", "LOGM", "LU", "SQRTM", "SYLVESTER", "TRIANGULAR",
           "block_diag", "cho_factor", "cho_solve", "cholesky", "circulant", "companion", "convolution_matrix",
           "coshm", "cosm", "det", "eig", "eigh", "eigvals", "eigvalsh", "expm", "expm_frechet",
           "fractional_matrix_power", "hankel", "inv", "khatri_rao", "leslie", "logm", "lstsq", "lu",
           "lu_factor", "lu_solve", "matmul_toeplitz", "norm", "null_space", "orth", "pinv", "pinvh", "polar",
           "qr", "signm", "sinhm", "sinm", "solve", "solve_banded", "solve_circulant", "solve_continuous_are",
           "solve_continuous_lyapunov", "solve_discrete_are", "solve_discrete_lyapunov", "solve_sylvester",
           "solve_toeplitz", "solve_triangular", "solveh_banded", "sqrtm", "svd", "svdvals", "tanhm", "tanm",
           "toeplitz"]
