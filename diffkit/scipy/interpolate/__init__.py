"""scipy.interpolate on traced values: differentiable by the data, by where it lies, and by where it is asked.

``piecewise``   PPoly and the cubic interpolators that are made of it
``splines``     BSpline and make_interp_spline
``lines``       interp1d
``grids``       RegularGridInterpolator and interpn
"""

from diffkit.scipy.interpolate.grids import RegularGridInterpolator, interpn
from diffkit.scipy.interpolate.lines import interp1d
from diffkit.scipy.interpolate.piecewise import (
    Akima1DInterpolator,
    CubicHermiteSpline,
    CubicSpline,
    PchipInterpolator,
    PPoly,
)
from diffkit.scipy.interpolate.splines import BSpline, make_interp_spline

__all__ = ["Akima1DInterpolator", "BSpline", "CubicHermiteSpline", "CubicSpline", "PPoly", "PchipInterpolator",
           "RegularGridInterpolator", "interp1d", "interpn", "make_interp_spline"]
