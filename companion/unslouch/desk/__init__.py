"""A session at the desk: a state machine without screen and clock, fed with events, frames and commands.

``session`` holds the machine, ``values`` what goes in (commands, settings) and comes out (state, figures, effects),
``figures`` the account of the session's time, ``breaks`` the nudge to stand up, ``alone`` what the strap took without
anybody listening.
"""
