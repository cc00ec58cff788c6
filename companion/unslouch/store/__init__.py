"""What is kept: sessions, what was found in them, calibrations and settings, in one SQLite file.

``paths`` says where, ``schema`` and ``database`` what and how safely, ``rows`` are the values that go in and out,
``log`` writes a running session, ``progress`` asks what it all comes to.
"""
