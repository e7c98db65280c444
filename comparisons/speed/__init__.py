"""How fast are diffkit's gradients, next to code written by hand and to other libraries?

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m comparisons.speed [words of a case …] [--skip torch.compile,…]

Every cell is the same derivative of the same function from the same inputs; results are
checked against the hand-written ones (to 1e-8; 1e-4 in single precision) before anything is
timed.  Contenders run interleaved in one process, each round the fastest of some calls; the
table shows the median over rounds of the ratio to the hand-written NumPy code.  Threads are
pinned to one.  A library that is absent, or can't do a case, prints '-'.

``harness`` times, ``peers`` brings a function to the other libraries, ``workloads`` are the cases.
"""
