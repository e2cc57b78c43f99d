"""Frameworks that serve functions of arrays, each with the same function and in an environment of its own.

`table` says who they are and how they are given arrays, `run` measures. The other modules are the services, one for
each peer; their environments have NumPy and the peer, so of ours they import `benchmarks.services.reductions` alone.
"""
