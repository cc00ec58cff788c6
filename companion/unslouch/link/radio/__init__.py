"""A virtual radio: Bumble controllers on a medium that behaves like one, and bleak's backends on top of it.

For tests and for developers without hardware (`unslouch demo --radio`, extra ``radio``). Nothing else imports it.
"""
