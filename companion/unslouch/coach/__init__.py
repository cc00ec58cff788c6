"""A coached session on the mat: techniques as data and a state machine without screen and clock.

``techniques`` is the registry, one module per technique beside it; ``safety`` the questions and thresholds, ``values``
what goes in and comes out, ``session`` the machine, ``result`` what was reached, ``history`` what the store knows.
"""
