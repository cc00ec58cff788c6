"""What an analysis looks like: a JSON object, a page of text, a picture, a line per event."""
