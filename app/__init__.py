"""Lossgrid: every way in which the loss of an autoencoder's batch can be reduced, exactly, over HTTP.

Bytes become a submission, a submission becomes a batch and an objective, a batch becomes a tally, a tally becomes a
report, a report becomes a reply. Each arrow is one function, each noun is one frozen type, and nothing flows back.

The rooms, from the ground up (imports run downhill, and a test holds them to it):

- ``losses``       the numeric core: losses, divergence, sums, reductions, reports; NumPy and nothing else
- ``problems``     the kinds of problem a caller can meet, as rows; ``settings`` the one class of LOSSGRID_* settings,
                   ``variables`` what they are called, and ``cores`` how many of them there are for us
- ``conventions``  what real code bases do, as data
- ``formats``      bytes in, arrays out, and back
- ``engines``      who turns the crank: the fold of a batch into its tally
- ``spool``        where bodies lie that are too large for memory, and what a request may hold of it
- ``gates``        plain ASGI classes that decide who and what may enter
- ``api``          HTTP, and nothing that computes; ``web`` the pages
- ``main``         puts the rooms together
- ``protocol``     the reader of requests, on uvicorn's; ``server`` how uvicorn is run; ``workers`` several of them;
                   ``watchdog`` what ends a process that hangs at its end
- ``__main__``     ``python -m app``: settings to the server; ``health_probe`` asks it whether it is alive
"""
