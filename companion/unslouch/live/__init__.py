"""The conveyor from a packet source through recorder, decoder and analyser to updates."""
