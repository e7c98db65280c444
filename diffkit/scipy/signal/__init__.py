"""scipy.signal on traced values: convolutions of any dimension, recursive filters, trends."""

from diffkit.scipy.signal.convolutions import (
    FULL,
    convolve,
    convolve2d,
    correlate,
    correlate2d,
    fftconvolve,
    oaconvolve,
)
from diffkit.scipy.signal.filters import MOVING, RECURSIVE, detrend, filtfilt, lfilter, sosfilt

__all__ = ["FULL", "MOVING", "RECURSIVE", "convolve", "convolve2d", "correlate", "correlate2d", "detrend",
           "fftconvolve", "filtfilt", "lfilter", "oaconvolve", "sosfilt"]
