"""What an analysed recording looks like as JSON, page and plot."""
