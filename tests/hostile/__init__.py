"""What a service on a network meets: a corpus of hostile and ordinary requests, and what has to come back.

``python -m tests.hostile http://127.0.0.1:8000`` sends all of it to a service that runs, and lists what failed.
"""
