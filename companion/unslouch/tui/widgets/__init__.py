"""Widgets that draw frozen models on Textual's line API."""
