"""Coached techniques: data, plans and the session state machine, without screen and clock."""
