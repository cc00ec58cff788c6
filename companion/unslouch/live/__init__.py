"""The conveyor: packets of any source go to the recorder first, then through decoder and analyser to whoever polls.

``feed`` is the face towards screens and lines, ``chain`` turns packets into what they mean, ``watch`` finds the
calibration protocol in the stream, ``conveyor`` runs it all in a thread of its own.
"""
