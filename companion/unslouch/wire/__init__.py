"""Bytes of the strap's protocol (docs/protocol.md) to values and back; no I/O."""
