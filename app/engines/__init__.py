"""Who turns the crank: an engine folds a batch into its tally, and is imported when asked for.

- ``local``   over cache-sized chunks, in this process
"""
