"""What samples of an upper-back IMU mean: angles, posture, rotation range, holds.

Pure computation on arrays, no I/O. Quaternions are w x y z, Hamilton, sensor to world (z up, heading arbitrary). The
thorax frame is x forward, y left, z up. Flexion is positive forward, lateral bend to the right, axial rotation to the
left. SI units throughout: s, m/s^2, rad/s, rad.
"""
