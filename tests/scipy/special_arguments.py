"""Arguments for the ufuncs of scipy.special whose rows name no domain: arrays move, numbers are constants."""

import numpy as np
from scipy import special

A, B, Q = np.array([3.0, 2.0]), np.array([1.0, 2.0]), np.array([0.3, 0.5])
SHAPES = (np.array([0.5, 20.0]), np.array([0.7, 18.0]))

ARGUMENTS = {
    "airy": (np.array([0.5, -2.0, 3.0]),), "airye": (np.array([0.5, 2.0, 3.0]),),
    "ellipj": (np.array([0.5, -2.0]), np.array([0.3, 0.8])), "wofz": (np.array([0.3 + 0.5j, 5 + 7j, -1 - 1j]),),
    **{name: (np.array([0.5, 4.0]),) for name in (
        "fresnel", "sici", "shichi", "it2i0k0", "it2j0y0", "iti0k0", "itj0y0", "kelvin", "modfresnelm",
        "modfresnelp")},
    "itairy": (np.array([0.5, 1.3]),),
    **{name: (np.array([0.7, 1.4]), np.array([0.5, 1.5])) for name in ("pbdv", "pbvv", "pbwa")},
    "mathieu_a": (2, np.array([0.7, 3.0])), "mathieu_b": (2, np.array([0.7, 3.0])),
    **{name: (2, np.array([0.7, 3.0]), np.array([30.0, 77.0])) for name in ("mathieu_cem", "mathieu_sem")},
    **{name: (2, np.array([0.7, 3.0]), np.array([0.4, 0.9])) for name in (
        "mathieu_modcem1", "mathieu_modcem2", "mathieu_modsem1", "mathieu_modsem2")},
    "pro_cv": (1, 2, np.array([0.7, 2.0])), "obl_cv": (1, 2, np.array([0.7, 2.0])),
    **{name: (1, 2, np.array([0.7, 2.0]), np.array([0.3, -0.6])) for name in ("pro_ang1", "obl_ang1")},
    "pro_rad1": (1, 2, np.array([0.7, 2.0]), np.array([1.3, 2.6])),
    "obl_rad1": (1, 2, np.array([0.7, 2.0]), np.array([0.3, 1.6])),
    "pro_ang1_cv": (1, 2, 0.7, float(special.pro_cv(1, 2, 0.7)), np.array([0.3])),
    "obl_ang1_cv": (1, 2, 0.7, float(special.obl_cv(1, 2, 0.7)), np.array([0.3])),
    "pro_rad1_cv": (1, 2, 0.7, float(special.pro_cv(1, 2, 0.7)), np.array([1.3])),
    "obl_rad1_cv": (1, 2, 0.7, float(special.obl_cv(1, 2, 0.7)), np.array([0.3])),
    **{name: (0.5, np.array([0.5 + 0.3j, 2 + 1j])) for name in ("hankel1", "hankel2", "hankel1e", "hankel2e")},
    **{name: (2, np.array([0.5, 3.0])) for name in ("yn", "kn", "expn", "eval_hermite", "eval_hermitenorm")},
    "lpmv": (1, np.array([2.3, 3.7]), np.array([0.3, -0.7])), "pdtri": (3, Q), "smirnov": (5, Q), "smirnovi": (5, Q),
    "gammainc": SHAPES, "gammaincc": SHAPES, "betainc": (*SHAPES, Q), "betaincc": (*SHAPES, Q),
    "gammaincinv": (A, Q), "gammainccinv": (A, Q), "betaincinv": (*SHAPES, Q), "betainccinv": (*SHAPES, Q),
    "btdtria": (np.array([0.4, 0.7]), np.array([1.5, 2.0]), Q),
    "btdtrib": (np.array([1.5, 2.0]), np.array([0.4, 0.7]), Q),
    "chdtri": (A, Q), "chdtriv": (Q, A), "gdtria": (Q, A, B), "gdtrib": (A, Q, B), "gdtrix": (A, B, Q),
    "pdtr": (3, np.array([2.0, 4.5])), "pdtrc": (3, np.array([2.0, 4.5])), "pdtrik": (Q, A),
    "bdtr": (3, 8, Q), "bdtrc": (3, 8, Q), "bdtri": (3, 8, Q),
    "bdtrik": (Q, np.array([8.0, 9.0]), Q), "bdtrin": (A, Q, Q), "nbdtr": (3, 8, Q), "nbdtrc": (3, 8, Q),
    "nbdtri": (3, 8, Q), "nbdtrik": (Q, np.array([8.0, 9.0]), np.array([0.6, 0.7])), "nbdtrin": (A, Q, Q),
    "fdtri": (A, np.array([3.0, 5.0]), Q), "fdtridfd": (A, np.array([0.6, 0.7]), np.array([1.3, 2.5])),
    "stdtrit": (A, np.array([0.3, 0.8])), "stdtridf": (np.array([0.7, 0.8]), np.array([0.6, 1.2])),
    "chndtrix": (Q, A, B), "chndtridf": (A, Q, B), "chndtrinc": (np.array([5.0, 6.0]), A, Q),
    "ncfdtri": (A, np.array([3.0, 5.0]), B, Q), "ncfdtridfd": (np.array([3.0]), Q[1:], B[:1], np.array([1.3])),
    "ncfdtridfn": (np.array([0.72]), np.array([3.0]), B[:1], np.array([2.5])),
    "ncfdtrinc": (np.array([3.0]), np.array([3.0]), Q[1:], np.array([1.8])),
    "nctdtrit": (A, B, np.array([0.3, 0.8])), "nctdtridf": (Q[1:], B[:1], np.array([1.3])),
    "nctdtrinc": (A, np.array([0.3, 0.8]), B),
}
