"""The desk session: slouch alerts over a working day, a state machine without screen and clock."""
