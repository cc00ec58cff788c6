"""unslouch: slouch alerts, measured thoracic rotation and coached holds from an IMU strap."""

__version__ = "0.1.0"
