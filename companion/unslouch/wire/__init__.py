"""Bytes of the strap's packets to samples and back (docs/protocol.md)."""
