"""The command line: thin commands over the parts that do the work.

Nothing here is imported before it is needed: ``unslouch --help`` loads click and this package's ``main`` alone.
"""
