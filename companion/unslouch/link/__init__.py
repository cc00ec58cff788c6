"""Where packets come from over the air or from a simulated strap; the only package that imports bleak."""
