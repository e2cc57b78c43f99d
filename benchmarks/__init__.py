"""The service beside the usual one, beside its limit and beside its peers, each comparison within one run.

`batches` makes what is uploaded, `rows` says what is measured, `servers` starts who answers, `client` asks. `rounds`
asks in turns and `spread` sums up; `load` asks with several clients at once, `memory` watches the process. `results`
holds what came out, `bounds` what has to come out, `page` and `plots` show both. `services` holds those who are
compared, `peers` those that need an environment of their own.

``python -m benchmarks`` runs it all; ``make bench`` and ``make bench-peers`` bring what it needs.
"""
